#include <doctest/doctest.h>

#include "runtime/cluster/submission_keys.hpp"

namespace troupe {

namespace {

using runtime::submission_keys;

std::vector<std::string> in_order(const submission_keys& x) {
  std::vector<std::string> result;
  x.each([&](auto& key, auto&) { result.push_back(key); });
  return result;
}

} // namespace

TEST_CASE("all jobs of one submission are answered to its key") {
  submission_keys aut{10};
  aut.remember("k\nd1", {"a", 1, 1, true});
  aut.remember("k\nd1", {"b", 1, 2, true});
  auto* known = aut.find("k\nd1");
  REQUIRE(known != nullptr);
  CHECK(known->size() == 2);
  CHECK(known->at(1).name == "b");
  CHECK(aut.find("other\nd1") == nullptr);
}

TEST_CASE("a key that came with something else is of another") {
  submission_keys aut{10};
  aut.remember("k\nd1", {"a", 1, 1, true});
  CHECK(aut.find("k\nd2") == nullptr);
  CHECK(aut.is_of_another("k\nd2"));
  CHECK(!aut.is_of_another("k2\nd2"));
  CHECK(!aut.is_of_another("no digest"));
}

TEST_CASE("a key from before there were digests is found by what was chosen") {
  submission_keys aut{10};
  aut.remember("k", {"a", 1, 1, true});
  CHECK(aut.find("k\nd1") != nullptr);
}

TEST_CASE(
  "no more keys are remembered than there may be, the oldest go first") {
  submission_keys aut{2};
  aut.remember("", {"a", 1, 1, true});
  CHECK(aut.size() == 0);
  for (auto* key : {"1", "2", "1", "3"})
    aut.remember(key, {"a", 1, 1, true});
  CHECK(in_order(aut) == std::vector<std::string>{"2", "3"});
  CHECK(aut.is_consistent());
}

} // namespace troupe
