#include <doctest/doctest.h>

#include "runtime/placement/scored_policy.hpp"

#include "tests/unit/placement_random.hpp"

using namespace troupe;
using namespace troupe::runtime::placement;

namespace {

struct running {
  node_index node;
  task_class of;
  occupation held;
};

/// A cluster in which policies propose and everything is committed.
class field {
public:
  field(uint64_t seed, uint32_t nodes) : random(seed) {
    for (uint32_t i = 0; i < nodes; ++i)
      add();
    for (int i = 0; i < 12; ++i)
      classes.push_back(std::make_shared<const task_class>(random.a_class()));
  }

  void add() {
    auto row = random.a_node(static_cast<uint32_t>(all.size()));
    auto n = real.add(row);
    if (n == all.size())
      all.emplace_back();
    all[n] = naive::node{};
    all[n]->row = row;
  }

  std::vector<ask> asks() {
    std::vector<ask> result;
    for (uint64_t i = 0; i < 6; ++i) {
      auto of = classes[random.below(classes.size())];
      if (random.below(3) == 0)
        of = std::make_shared<const task_class>(*of); // Equal, not the same.
      if (random.below(4) == 0)
        of = std::make_shared<const task_class>(random.a_class());
      auto count = random.below(4) == 0 ? random.below(20) : random.below(3);
      result.push_back({i, of, static_cast<uint32_t>(count)});
    }
    return result;
  }

  void commit(const std::vector<ask>& asks, const proposal& p) {
    for (size_t i = 0; i < asks.size(); ++i)
      for (auto n : p.runs[i].nodes) {
        auto held = real.occupy(n, *asks[i].of);
        REQUIRE(held.has_value());
        naive::place(*all[n], *asks[i].of, *held);
      }
  }

  // Something happens between two proposals.
  void disturb() {
    for (int i = 0; i < 12; ++i) {
      auto n = static_cast<node_index>(random.below(all.size()));
      if (!all[n])
        continue;
      auto& x = *all[n];
      switch (random.below(20)) {
      case 0: {
        auto row = random.a_node(n);
        x.row.labels = row.labels;
        x.row.weight = row.weight;
        real.change(n, row.labels, row.weight, x.row.overcommit);
        break;
      }
      case 1:
        x.row.closed = random.below(3) == 0 ? reason::cordoned : reason::none;
        real.close(n, x.row.closed);
        break;
      case 2:
        x.cpu_measured = static_cast<float>(random.below(100)) / 100;
        x.cpu_since = x.memory_since = 0;
        real.set_load(n, x.cpu_measured, x.memory_measured);
        break;
      case 3:
        if (random.below(4) == 0) {
          real.remove(n);
          all[n].reset();
          if (random.below(2) == 0)
            add();
        }
        break;
      default:
        end_one(n, x);
      }
    }
  }

  void end_one(node_index n, naive::node& x) {
    if (x.tasks.empty())
      return;
    auto at = random.below(x.tasks.size());
    auto gone = x.tasks[at];
    x.tasks.erase(x.tasks.begin() + static_cast<ptrdiff_t>(at));
    x.cpu_since -= gone.of.request.cpu_millicores;
    x.memory_since -= gone.of.request.memory_bytes;
    real.vacate(n, gone.of, gone.held);
  }

  placement_random random;
  table real;
  naive::cluster all;
  std::vector<std::shared_ptr<const task_class>> classes;
};

refusal count_refusals(const naive::cluster& all, const task_class& c) {
  std::map<reason, uint32_t> counts;
  uint32_t nodes = 0;
  for (auto& x : all)
    if (x) {
      ++nodes;
      ++counts[naive::refuses(*x, c)];
    }
  refusal result;
  if (nodes == 0)
    result.nodes.emplace_back(reason::no_nodes, 1);
  for (auto& [why, count] : counts)
    if (why != reason::none)
      result.nodes.emplace_back(why, count);
  std::stable_sort(result.nodes.begin(), result.nodes.end(),
                   [](auto& x, auto& y) { return x.second > y.second; });
  return result;
}

/// The same as a policy, task by task, from scratch. `real` gives devices and
/// ports, which are not part of a proposal.
proposal propose_naively(naive::chooser& by, naive::cluster all, table real,
                         const std::vector<ask>& asks) {
  proposal result;
  for (auto& x : asks) {
    placed_run run{x.id, {}, {}};
    while (run.nodes.size() < x.count) {
      auto best = by.best(all, *x.of);
      if (!best) {
        run.why_not_more = count_refusals(all, *x.of);
        break;
      }
      auto held = real.occupy(*best, *x.of);
      REQUIRE(held.has_value());
      naive::place(*all[*best], *x.of, *held);
      run.nodes.push_back(*best);
    }
    result.runs.push_back(run);
  }
  return result;
}

std::unique_ptr<policy> a_policy(const std::string& strategy, instructions x) {
  return std::make_unique<scored_policy>(make_scorer(strategy), scanner_for(x));
}

} // namespace

TEST_CASE("a policy finds what a search from scratch finds") {
  for (auto& strategy : policy_names()) {
    // Depends on who came before, too: see placement_fgd_test.cpp.
    if (strategy == "fgd")
      continue;
    for (uint64_t seed = 1; seed <= 6; ++seed) {
      CAPTURE(strategy);
      CAPTURE(seed);
      field aut{seed, seed % 2 == 0 ? 150u : 20u};
      auto p = make_policy(strategy);
      naive::chooser by{strategy, {}, 0};
      for (int round = 0; round < 12; ++round) {
        auto asks = aut.asks();
        auto expected_one = propose_naively(by, aut.all, aut.real, asks);
        auto found = p->propose(aut.real, asks);
        REQUIRE(found == expected_one);
        // Some proposals are thrown away.
        if (aut.random.below(4) != 0)
          aut.commit(asks, found);
        aut.disturb();
      }
    }
  }
}

TEST_CASE("every instruction set chooses the same nodes") {
  for (auto& strategy : policy_names()) {
    field aut{99, 300};
    std::vector<std::unique_ptr<policy>> policies;
    for (auto x : available_instructions())
      policies.push_back(a_policy(strategy, x));
    for (int round = 0; round < 60; ++round) {
      CAPTURE(round);
      auto asks = aut.asks();
      auto first = policies.front()->propose(aut.real, asks);
      for (auto& other : policies)
        if (other != policies.front())
          REQUIRE(other->propose(aut.real, asks) == first);
      aut.commit(asks, first);
      aut.disturb();
    }
  }
}

TEST_CASE("every instruction set gives the same scores, bit by bit") {
  field aut{5, 500};
  auto asks = aut.asks();
  aut.commit(asks, make_policy("spread")->propose(aut.real, asks));
  for (uint32_t p = 0; p < aut.real.pages(); ++p)
    for (int round = 0; round < 50; ++round) {
      scan_request request{static_cast<int32_t>(aut.random.below(3000)),
                           static_cast<int64_t>(aut.random.below(1u << 31))};
      for (size_t f = 0; f < formulas; ++f) {
        page_scores expected_scores;
        auto& page = aut.real.page_at(p);
        scanner_for(instructions::portable)
          .score[f](page, request, expected_scores);
        for (auto x : available_instructions()) {
          page_scores scores;
          scanner_for(x).score[f](page, request, scores);
          REQUIRE(scores == expected_scores);
        }
        for (uint32_t i = 0; i < page_rows; ++i)
          if (expected_scores[i] != refused)
            REQUIRE(expected_scores[i]
                    == score_row(static_cast<formula>(f), page, i, request));
      }
    }
}

TEST_CASE("the same calls give the same proposals") {
  for (auto& strategy : policy_names()) {
    field aut{3, 100};
    auto one = make_policy(strategy);
    auto two = make_policy(strategy);
    for (int round = 0; round < 20; ++round) {
      auto asks = aut.asks();
      auto first = one->propose(aut.real, asks);
      REQUIRE(two->propose(aut.real, asks) == first);
      // Only whose turn it is counts calls.
      if (strategy != "roundRobin") {
        REQUIRE(one->propose(aut.real, asks) == first);
        REQUIRE(make_policy(strategy)->propose(aut.real, asks) == first);
      }
      aut.commit(asks, first);
      aut.disturb();
    }
  }
}

TEST_CASE("an explanation names the node that is chosen") {
  for (auto& strategy : policy_names()) {
    CAPTURE(strategy);
    field aut{17, 90};
    auto p = make_policy(strategy);
    for (int round = 0; round < 40; ++round) {
      auto asks = aut.asks();
      std::vector<ask> one{{1, asks[0].of, 1}};
      auto why = p->explain(aut.real, *one[0].of);
      auto found = p->propose(aut.real, one);
      REQUIRE(found.runs[0].nodes.empty() == why.best.empty());
      if (!why.best.empty())
        REQUIRE(why.best[0].node == found.runs[0].nodes[0]);
      else
        REQUIRE(why.refused == found.runs[0].why_not_more);
      for (auto& verdict : why.best) {
        double sum = 0;
        for (auto& part : verdict.parts)
          sum += part.value;
        REQUIRE(sum == verdict.score);
      }
      REQUIRE(why.examples.size()
              == why.refused.nodes.size() - (aut.real.nodes() == 0 ? 1 : 0));
      for (auto& example : why.examples)
        REQUIRE(!example.detail.empty());
      aut.commit(one, found);
      aut.disturb();
    }
  }
}
