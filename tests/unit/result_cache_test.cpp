#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include "runtime/result_cache.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;
using runtime::cache_key;
using runtime::kept_result;
using runtime::result_cache;

cache_key key(uint8_t x) {
  cache_key result;
  result.bytes[0] = x;
  return result;
}

constexpr timestamp start{1'000'000};

/// A result of `job` that comes by fact `version`, a second each.
kept_result a_result(const std::string& job, version_number version) {
  kept_result x;
  x.result
    = {{job, 0}, 1, {version}, "n1", start + milliseconds{1'000 * version}, 5s};
  x.ttl = 1h;
  x.used = version;
  x.used_at = x.result.at;
  return x;
}

void keep(result_cache& c, uint8_t k, kept_result x) {
  auto at = x.result.at;
  c.keep(key(k), std::move(x), at);
}

/// What a snapshot of `x` gives back.
result_cache copy_of(const result_cache& x) {
  result_cache result;
  x.save([&](const char* kind, const boost::json::value& body) {
    CHECK(result.restore(kind, body) == true);
  });
  return result;
}

std::string text_of(const result_cache& x) {
  std::string result;
  x.save([&](const char* kind, const boost::json::value& body) {
    result += kind + boost::json::serialize(body) + '\n';
  });
  return result;
}

} // namespace

TEST_CASE("a result is found until it is too old for either side") {
  result_cache c;
  keep(c, 1, a_result("a", 1));
  auto at = start + 1s;
  CHECK(c.find(key(1), 1h, at) != nullptr);
  CHECK(c.find(key(2), 1h, at) == nullptr);
  CHECK(c.find(key(1), 10min, at + (10min - 1ms)) != nullptr);
  // Who looks wants it younger than that.
  CHECK(c.find(key(1), 10min, at + 10min) == nullptr);
  CHECK(c.find(key(1), 9h, at + (1h - 1ms)) != nullptr);
  // Who kept it did not want it to be that old.
  CHECK(c.find(key(1), 9h, at + 1h) == nullptr);
  // It goes with the next that comes.
  CHECK(c.entries().size() == 1);
  c.keep(key(2), a_result("b", 2), at + 1h);
  CHECK(c.entries().size() == 1);
  CHECK(c.statistics().expirations == 1);
}

TEST_CASE("a newer result takes the place of an older one") {
  result_cache c;
  keep(c, 1, a_result("a", 1));
  keep(c, 1, a_result("b", 2));
  CHECK(c.entries().size() == 1);
  CHECK(c.find(key(1), 1h, start + 2s)->result.task.job == "b");
  CHECK(c.statistics() == cache_statistics{});
}

TEST_CASE("beyond its size, what was used longest ago goes first") {
  result_cache c;
  c.resize(2);
  keep(c, 1, a_result("a", 1));
  keep(c, 2, a_result("b", 2));
  c.note_hit(key(1), false, 3, start + 3s);
  keep(c, 3, a_result("c", 4));
  CHECK(c.entries().contains(key(1)));
  CHECK_FALSE(c.entries().contains(key(2)));
  CHECK(c.entries().at(key(1)).hits == 1);
  CHECK(c.statistics().evictions == 1);
  c.resize(1);
  CHECK(c.entries().contains(key(3)));
  CHECK(c.statistics().evictions == 2);
  CHECK(c.entries().size() == 1);
}

TEST_CASE("what is forgotten is named by key, job or prefix") {
  result_cache c;
  keep(c, 0xab, a_result("etl-1", 1));
  keep(c, 0xcd, a_result("etl-2", 2));
  keep(c, 0xef, a_result("train", 3));
  CHECK(c.count({}) == 3);
  CHECK(c.count({.key = to_string(key(0xab))}) == 1);
  CHECK(c.count({.job = "etl-2"}) == 1);
  CHECK(c.count({.job = "etl"}) == 0);
  CHECK(c.count({.prefix = "etl-"}) == 2);
  CHECK(c.count({.prefix = "cd00"}) == 1);
  // Three digits may be the beginning of a word.
  CHECK(c.count({.prefix = "cd0"}) == 0);
  // Filters hold together.
  CHECK(c.count({.job = "train", .prefix = "etl-"}) == 0);
  c.forget({.prefix = "etl-"});
  CHECK(c.entries().size() == 1);
  CHECK(c.statistics().invalidations == 2);
  c.forget({});
  CHECK(c.entries().empty());
}

TEST_CASE("an image is known by its last digest, as long as it has results") {
  result_cache c;
  CHECK(c.identity_of("gcc:13") == "gcc:13");
  CHECK(c.identity_of("gcc@sha256:ff") == "sha256:ff");
  auto x = a_result("a", 1);
  x.image = "gcc:13";
  x.digest = "sha256:01";
  CHECK(c.keep(key(1), x, x.result.at));
  CHECK(c.identity_of("gcc:13") == "sha256:01");
  x.used = 2;
  CHECK_FALSE(c.keep(key(1), x, x.result.at));
  // The tag has moved.
  x.used = 3;
  x.digest = "sha256:02";
  CHECK(c.keep(key(2), x, x.result.at));
  CHECK(c.identity_of("gcc:13") == "sha256:02");
  c.forget({.key = to_string(key(1))});
  CHECK(c.identity_of("gcc:13") == "sha256:02");
  c.forget({});
  CHECK(c.identity_of("gcc:13") == "gcc:13");
}

TEST_CASE("a snapshot holds all of it") {
  result_cache c;
  CHECK(text_of(c) == "");
  auto x = a_result("a", 1);
  x.image = "gcc:13";
  x.digest = "sha256:01";
  keep(c, 1, x);
  keep(c, 2, a_result("b", 2));
  c.note_hit(key(1), true, 3, start + 3s);
  c.note_miss();
  auto copy = copy_of(c);
  CHECK(text_of(copy) == text_of(c));
  CHECK(copy.statistics() == cache_statistics{1, 1, 1});
  CHECK(copy.identity_of("gcc:13") == "sha256:01");
  // Who goes first is remembered, too.
  copy.resize(1);
  CHECK(copy.entries().contains(key(1)));
  CHECK(copy.restore("job", {}) == false);
  CHECK_FALSE(copy.restore("result", boost::json::object{{"key", "x"}}));
}

} // namespace troupe
