// Heuristics against the best that is possible, on cases so small that all
// possibilities can be tried.

#include <algorithm>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include "runtime/placement/policy.hpp"

namespace troupe {

namespace {

using namespace runtime::placement;

struct small_case {
  explicit small_case(uint32_t seed) : dice{seed} {
    auto count = 2 + below(3);
    for (uint32_t i = 0; i < count; ++i)
      nodes.push_back(
        {int64_t{4 + below(7)} * 1'000, int64_t{4 + below(7)} << 30});
    auto most = 4 + below(5);
    for (uint32_t i = 0; i < most; ++i)
      tasks.push_back(
        {int64_t{1 + below(5)} * 1'000, int64_t{1 + below(5)} << 30});
  }

  struct amounts {
    int64_t cpu = 0;
    int64_t memory = 0;
  };

  uint32_t below(uint32_t n) { return static_cast<uint32_t>(dice() % n); }

  /// The most tasks that can be placed at once.
  uint32_t best(size_t next, std::vector<amounts>& free, uint32_t placed,
                uint32_t sure) const {
    if (next == tasks.size())
      return std::max(placed, sure);
    if (placed + tasks.size() - next <= sure)
      return sure;
    auto& task = tasks[next];
    for (auto& node : free) {
      if (node.cpu < task.cpu || node.memory < task.memory)
        continue;
      node.cpu -= task.cpu;
      node.memory -= task.memory;
      sure = best(next + 1, free, placed + 1, sure);
      node.cpu += task.cpu;
      node.memory += task.memory;
    }
    return best(next + 1, free, placed, sure);
  }
  uint32_t best() const {
    auto free = nodes;
    return best(0, free, 0, 0);
  }

  uint32_t placed_by(const std::string& strategy) const {
    table t;
    for (auto& x : nodes) {
      node_row row;
      row.name = "n" + std::to_string(t.rows());
      row.capacity = {x.cpu, x.memory, 0, {}};
      t.add(std::move(row));
    }
    std::vector<ask> asks;
    for (auto& x : tasks) {
      task_class of;
      of.request = {x.cpu, x.memory, 0, {}};
      of.strategy = strategy;
      asks.push_back(
        {asks.size(), std::make_shared<const task_class>(std::move(of))});
    }
    uint32_t result = 0;
    auto proposal = make_policy(strategy)->propose(t, asks);
    for (auto& run : proposal.runs)
      result += static_cast<uint32_t>(run.nodes.size());
    return result;
  }

  std::mt19937 dice;
  std::vector<amounts> nodes;
  std::vector<amounts> tasks;
};

} // namespace

TEST_CASE("strategies place nearly as much as is possible at all") {
  constexpr uint32_t cases = 1'000;
  for (auto* strategy : {"binpack", "spread", "firstFit", "leastLoaded"}) {
    CAPTURE(std::string{strategy});
    uint64_t placed = 0;
    uint64_t possible = 0;
    for (uint32_t seed = 0; seed < cases; ++seed) {
      CAPTURE(seed);
      small_case x{seed};
      auto best = x.best();
      auto found = x.placed_by(strategy);
      REQUIRE(found <= best);
      // Whatever fits is placed, so at least half of the best is.
      REQUIRE(found * 2 >= best);
      placed += found;
      possible += best;
    }
    CHECK(static_cast<double>(placed) > 0.9 * static_cast<double>(possible));
  }
}

} // namespace troupe
