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

/// Tasks of two resources to be packed on as few equal nodes as possible.
struct packing_case {
  static constexpr int64_t node_cpu = 10;
  static constexpr int64_t node_memory = 10;

  explicit packing_case(uint32_t seed) {
    std::mt19937 dice{seed};
    for (auto count = 8 + dice() % 6; count > 0; --count)
      tasks.push_back({1 + dice() % 6, 1 + dice() % 6});
  }

  /// The fewest nodes, where some are in use already; at most `sure`.
  size_t fewest(size_t next, std::vector<std::pair<int64_t, int64_t>>& free,
                size_t sure) const {
    if (free.size() >= sure)
      return sure;
    if (next == tasks.size())
      return free.size();
    auto [cpu, memory] = tasks[next];
    for (size_t i = 0; i < free.size(); ++i) {
      if (free[i].first < cpu || free[i].second < memory)
        continue;
      free[i] = {free[i].first - cpu, free[i].second - memory};
      sure = fewest(next + 1, free, sure);
      free[i] = {free[i].first + cpu, free[i].second + memory};
    }
    free.emplace_back(node_cpu - cpu, node_memory - memory);
    sure = fewest(next + 1, free, sure);
    free.pop_back();
    return sure;
  }
  size_t fewest() const {
    std::vector<std::pair<int64_t, int64_t>> free;
    return fewest(0, free, tasks.size());
  }

  /// In the order in which they come, none known before.
  size_t used_by(const std::string& strategy) const {
    table t;
    for (size_t i = 0; i < tasks.size(); ++i)
      t.add({"n" + std::to_string(i),
             {node_cpu * 1'000, node_memory << 30, 0, {}},
             {}});
    auto by = make_policy(strategy);
    for (auto [cpu, memory] : tasks) {
      task_class of;
      of.request = {cpu * 1'000, memory << 30, 0, {}};
      auto proposal = by->propose(
        t, std::vector<ask>{{1, std::make_shared<const task_class>(of)}});
      REQUIRE(t.occupy(proposal.runs.at(0).nodes.at(0), of).has_value());
    }
    size_t result = 0;
    for (node_index n = 0; n < t.rows(); ++n)
      result += t.tasks(n) > 0 ? 1 : 0;
    return result;
  }

  std::vector<std::pair<int64_t, int64_t>> tasks;
};

} // namespace

TEST_CASE(
  "binpack uses at most a quarter more nodes than the fewest possible") {
  size_t used = 0;
  size_t possible = 0;
  for (uint32_t seed = 0; seed < 100; ++seed) {
    CAPTURE(seed);
    packing_case x{seed};
    auto fewest = x.fewest();
    auto found = x.used_by("binpack");
    REQUIRE(found >= fewest);
    // Nobody knows the next task: of few nodes that may cost one or two.
    CHECK(found * 2 <= fewest * 3);
    used += found;
    possible += fewest;
  }
  CHECK(static_cast<double>(used) <= 1.25 * static_cast<double>(possible));
}

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
