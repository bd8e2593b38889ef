#include <functional>
#include <set>

#include <doctest/doctest.h>

#include "runtime/cache_key.hpp"

#include "tests/builders.hpp"

namespace troupe {

namespace {

using runtime::cache_key;

cache_key key_of(const job_spec& x, uint32_t index = 0,
                 std::string_view image = "sha256:aa") {
  return runtime::task_key(runtime::work_key(x), x, index, image);
}

job_spec a_build() {
  job_spec x;
  x.name = "build";
  x.driver = driver_kind::docker;
  x.image = "gcc:13";
  x.command = {"make"};
  x.args = {"all", "check"};
  x.env = {{"A", "1"}, {"B", "2"}};
  x.workdir = "/src";
  x.user = "nobody";
  x.volumes = {{"/data", "/in", true}};
  x.cache = cache_rule{};
  x.cache->inputs = {"sha256:01", "sha256:02"};
  return x;
}

} // namespace

TEST_CASE("a key is 64 hexadecimal digits, and is read as it is written") {
  auto key = key_of(a_build());
  auto text = to_string(key);
  CHECK(text.size() == 64);
  CHECK(text.find_first_not_of("0123456789abcdef") == text.npos);
  CHECK(runtime::read_cache_key(text) == key);
  CHECK_FALSE(runtime::read_cache_key(text.substr(1)));
  CHECK_FALSE(runtime::read_cache_key(""));
  CHECK_FALSE(runtime::read_cache_key("G" + text.substr(1)));
}

TEST_CASE("whatever a task does makes another key") {
  using change = std::function<void(job_spec&)>;
  std::set<cache_key> keys{key_of(a_build())};
  for (auto& f : std::vector<change>{
         [](job_spec& x) { x.driver = driver_kind::process; },
         [](job_spec& x) {
           x.command = {"make", "all"};
         },
         [](job_spec& x) { x.args = {"check"}; },
         // The same words, parted otherwise.
         [](job_spec& x) {
           x.command = {"make", "all"}, x.args = {"check"};
         },
         [](job_spec& x) { x.args = {"allcheck"}; },
         [](job_spec& x) {
           x.env = {{"A", "1"}};
         },
         [](job_spec& x) {
           x.env = {{"A", "1"}, {"B", "3"}};
         },
         [](job_spec& x) {
           x.env = {{"A", "1B"}, {"", "2"}};
         },
         [](job_spec& x) { x.workdir = "/"; },
         [](job_spec& x) { x.user = "root"; },
         [](job_spec& x) { x.volumes.clear(); },
         [](job_spec& x) { x.volumes[0].read_only = false; },
         [](job_spec& x) { x.cache->inputs.pop_back(); },
         [](job_spec& x) {
           x.driver = driver_kind::simulated;
           x.simulate.exit_code = 1;
         },
         [](job_spec& x) { x.driver = driver_kind::simulated; },
       }) {
    auto x = a_build();
    f(x);
    CHECK(keys.insert(key_of(x)).second);
  }
  CHECK(keys.insert(key_of(a_build(), 0, "sha256:bb")).second);
}

TEST_CASE("names, places and limits make no other key") {
  auto x = a_build();
  x.name = "again";
  // What stands for it is given.
  x.image = "gcc:latest";
  x.request.cpu_millicores = 4'000;
  x.priority = 9;
  x.labels = {{"user", "ann"}};
  x.requirements = {{"zone", {"a"}}};
  x.timeout = milliseconds{1'000};
  x.retries = 2;
  x.cache->ttl = milliseconds{1};
  CHECK(key_of(x) == key_of(a_build()));
}

TEST_CASE("members of an array differ, unless its env makes them alike") {
  auto x = a_build();
  x.count = 3;
  std::set<cache_key> keys{key_of(a_build())};
  for (uint32_t i = 0; i < 3; ++i)
    CHECK(keys.insert(key_of(x, i)).second);
  // They are told how many they are.
  x.count = 4;
  CHECK(keys.insert(key_of(x, 0)).second);
  x.env = {{"TROUPE_COUNT", "1"}, {"TROUPE_INDEX", "0"}};
  CHECK(key_of(x, 0) == key_of(x, 3));
}

TEST_CASE("only batch jobs that say so, and no gangs, have results") {
  auto x = a_build();
  CHECK(runtime::is_cached(x));
  x.gang.emplace();
  CHECK_FALSE(runtime::is_cached(x));
  x = a_build();
  x.kind = job_kind::service;
  CHECK_FALSE(runtime::is_cached(x));
  x = a_build();
  x.cache.reset();
  CHECK_FALSE(runtime::is_cached(x));
}

TEST_CASE("a reference may be pinned to a digest") {
  CHECK(runtime::pinned_digest("nginx@sha256:12") == "sha256:12");
  CHECK(runtime::pinned_digest("host:5000/nginx:1@sha256:12") == "sha256:12");
  CHECK(runtime::pinned_digest("nginx:alpine") == "");
}

} // namespace troupe
