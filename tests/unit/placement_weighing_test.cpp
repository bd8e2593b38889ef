// What is told of a proposal, and that it costs little on many nodes.

#include <doctest/doctest.h>

#include "runtime/placement/weighing.hpp"

using namespace troupe;
using namespace troupe::runtime::placement;

namespace {

table nodes(uint32_t count) {
  table result;
  for (uint32_t i = 0; i < count; ++i)
    result.add({"n" + std::to_string(i), {4'000, int64_t{8} << 30, 0, {}}, {}});
  return result;
}

std::shared_ptr<const task_class> a_class(int64_t cpu) {
  task_class result;
  result.request.cpu_millicores = cpu;
  return std::make_shared<const task_class>(result);
}

std::vector<weighed_ask>
weighed(const char* strategy, const table& t, const std::vector<ask>& asks) {
  auto by = make_policy(strategy);
  auto found = by->propose(t, asks);
  return weigh(*by, t, asks, found);
}

} // namespace

TEST_CASE("each ask is weighed on the nodes as those before it left them") {
  auto t = nodes(2);
  auto told = weighed("spread", t, {{1, a_class(3'000)}, {2, a_class(2'000)}});
  REQUIRE(told.size() == 2);
  CHECK(told[0].fit == 2);
  CHECK(told[0].best.front().node == "n0");
  CHECK(told[1].fit == 1);
  CHECK(told[1].best.front().node == "n1");
  CHECK(
    told[1].refused.nodes
    == std::vector<std::pair<reason, uint32_t>>{{reason::insufficient_cpu, 1}});
}

TEST_CASE("the chosen node comes first, whatever strategy chose it") {
  for (auto& name : policy_names()) {
    CAPTURE(name);
    auto t = nodes(6);
    auto by = make_policy(name);
    for (auto round = 0; round < 4; ++round) {
      std::vector<ask> asks{{1, a_class(1'000), 2}};
      auto found = by->propose(t, asks);
      auto told = weigh(*by, t, asks, found);
      REQUIRE(told.size() == 1);
      CHECK(told[0].placed == 2);
      CHECK(told[0].best.size() == 4);
      CHECK(told[0].best.front().node
            == t.row(found.runs[0].nodes.front()).name);
      for (auto& x : told[0].best)
        CHECK(x.score.has_value() == told[0].best.front().score.has_value());
    }
  }
}

TEST_CASE("what found no place is told with all that the nodes said") {
  auto t = nodes(3);
  auto told = weighed("binpack", t, {{1, a_class(9'000)}});
  REQUIRE(told.size() == 1);
  CHECK(told[0].placed == 0);
  CHECK(told[0].best.empty());
  CHECK(told[0].refused.nodes.front().second == 3);
}

TEST_CASE("of many nodes one class is weighed, of few every ask") {
  std::vector<ask> asks;
  for (uint64_t i = 0; i < 50; ++i)
    asks.push_back({i + 1, a_class(static_cast<int64_t>(i + 1))});
  CHECK(weighed("binpack", nodes(10), asks).size() == 50);
  CHECK(weighed("binpack", nodes(weighed_rows_max), asks).size() == 1);
  CHECK(weighed("binpack", nodes(weighed_rows_max / 4), asks).size() == 4);
}

TEST_CASE(
  "of a thousand equal asks one is told that was placed, and one that was "
  "not") {
  std::vector<ask> asks;
  auto of = a_class(1'000);
  for (uint64_t i = 0; i < 1'000; ++i)
    asks.push_back({i + 1, of});
  auto told = weighed("binpack", nodes(50), asks);
  REQUIRE(told.size() == 2);
  CHECK(told[0].id == 1);
  CHECK(told[1].id == 201);
  CHECK(told[1].placed == 0);
}
