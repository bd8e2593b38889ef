// Several threads look at nodes, and say what one would.

#include <atomic>

#include <doctest/doctest.h>

#include "runtime/placement/crew.hpp"
#include "runtime/placement/scored_policy.hpp"

#include "tests/unit/placement_random.hpp"

using namespace troupe;
using namespace troupe::runtime::placement;

namespace {

using class_ptr = std::shared_ptr<const task_class>;

/// A cluster that the same seed makes the same, and what it is asked for.
class cluster_of_chance {
public:
  explicit cluster_of_chance(uint64_t seed) : random_(seed) {
    auto count = 1 + random_.below(400);
    for (uint32_t i = 0; i < count; ++i)
      nodes.add(random_.a_node(i));
    for (int i = 0; i < 30; ++i)
      classes_.push_back(std::make_shared<const task_class>(random_.a_class()));
  }

  std::vector<ask> asks() {
    std::vector<ask> result;
    auto count = 1 + random_.below(40);
    for (uint64_t i = 0; i < count; ++i) {
      auto of = random_.below(3) == 0
                  ? std::make_shared<const task_class>(random_.a_class())
                  : classes_[random_.below(classes_.size())];
      ask x{i, of, static_cast<uint32_t>(random_.below(4))};
      if (random_.below(8) == 0)
        x.avoid = static_cast<node_index>(random_.below(nodes.rows()));
      result.push_back(std::move(x));
    }
    return result;
  }

  void commit(const std::vector<ask>& asks, const proposal& x) {
    for (size_t i = 0; i < asks.size(); ++i)
      for (auto n : x.runs[i].nodes)
        REQUIRE(nodes.occupy(n, *asks[i].of).has_value());
  }

  table nodes;

private:
  placement_random random_;
  std::vector<class_ptr> classes_;
};

} // namespace

TEST_CASE("four threads place every task where one thread does") {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    cluster_of_chance world{seed};
    for (auto& strategy : policy_names()) {
      CAPTURE(strategy);
      scored_policy serial{make_scorer(strategy), fastest_scanner()};
      scored_policy parallel{make_scorer(strategy), fastest_scanner(), 4, 1};
      auto nodes = world;
      for (int turn = 0; turn < 4; ++turn) {
        auto asks = nodes.asks();
        auto one = serial.propose(nodes.nodes, asks);
        REQUIRE(parallel.propose(nodes.nodes, asks) == one);
        nodes.commit(asks, one);
      }
    }
  }
}

TEST_CASE("a crew does each part once, however many there are") {
  for (uint32_t threads : {1U, 2U, 4U}) {
    crew all{threads};
    for (size_t parts : {0U, 1U, 3U, 1'000U}) {
      std::vector<std::atomic<int>> done(parts);
      all.run(parts, [&](size_t i) { ++done[i]; });
      CHECK(
        std::all_of(done.begin(), done.end(), [](auto& x) { return x == 1; }));
    }
  }
}
