// The search for room, against every subset of those who could go.

#include <doctest/doctest.h>

#include "runtime/placement/preempt.hpp"

#include "tests/unit/placement_random.hpp"

namespace troupe {

namespace {

using namespace runtime::placement;

/// A small cluster whose tasks are all known.
class crowd {
public:
  explicit crowd(uint64_t seed) : random(seed) {
    auto nodes = random.below(3) + 1;
    for (uint32_t i = 0; i < nodes; ++i)
      nodes_.add(random.a_node(i));
    for (auto i = random.below(22); i > 0; --i)
      try_to_add();
  }

  void try_to_add() {
    auto n = static_cast<node_index>(random.below(nodes_.rows()));
    auto of = std::make_shared<const task_class>(random.a_class());
    auto held = nodes_.occupy(n, *of);
    if (!held)
      return;
    auto id = places_.size() + 1;
    tenant x;
    x.id = id;
    x.cpu = static_cast<int32_t>(of->request.cpu_millicores);
    x.memory = of->request.memory_bytes;
    x.priority = static_cast<int32_t>(random.below(4));
    x.since = {static_cast<int64_t>(random.below(5) * 1'000)};
    x.leaving = random.below(12) == 0;
    who_.add(n, x);
    places_[id] = {of, *held};
  }

  [[nodiscard]] room_search search() const {
    return {nodes_, who_,
            [this](node_index, uint64_t id) { return places_.at(id); },
            timestamp{10'000}};
  }

  [[nodiscard]] bool fits_somewhere(const task_class& c) const {
    for (node_index n = 0; n < nodes_.rows(); ++n)
      if (nodes_.refuses(n, known_class{c}) == reason::none)
        return true;
    return false;
  }

  /// Whether `c` fits on `n` once `victims` and those who leave are gone.
  [[nodiscard]] bool fits_without(node_index n, const task_class& c,
                                  const std::vector<uint64_t>& victims) const {
    auto t = nodes_;
    for (auto& x : who_.at(n))
      if (x.leaving
          || std::find(victims.begin(), victims.end(), x.id) != victims.end())
        t.vacate(n, *places_.at(x.id).of, places_.at(x.id).held);
    return t.refuses(n, known_class{c}) == reason::none;
  }

  [[nodiscard]] room_cost
  cost_of(node_index n, const std::vector<uint64_t>& victims) const {
    room_cost result;
    for (auto id : victims) {
      auto* x = who_.find(n, id);
      result.highest_priority
        = std::max<int64_t>(result.highest_priority, x->priority);
      ++result.victims;
      result.priorities += x->priority;
      result.lost += x->since ? 10'000 - x->since.ms : 0;
      if (!has_another_home(n, *places_.at(id).of))
        result.lost += 300'000;
    }
    return result;
  }

  [[nodiscard]] bool has_another_home(node_index n, const task_class& c) const {
    for (node_index other = 0; other < nodes_.rows(); ++other)
      if (other != n && nodes_.refuses(other, known_class{c}) == reason::none)
        return true;
    return false;
  }

  /// The least cost of all sets that make room.
  [[nodiscard]] std::optional<room_cost>
  least_cost(const task_class& c, int32_t priority) const {
    std::optional<room_cost> result;
    for (node_index n = 0; n < nodes_.rows(); ++n) {
      std::vector<uint64_t> all;
      for (auto& x : who_.at(n))
        if (!x.leaving && x.priority < priority && !wanted_near(c, x.id))
          all.push_back(x.id);
      for (uint64_t set = 0; set < uint64_t{1} << all.size(); ++set) {
        std::vector<uint64_t> victims;
        for (size_t i = 0; i < all.size(); ++i)
          if ((set >> i & 1) != 0)
            victims.push_back(all[i]);
        // With nobody to go or to wait for, this is no room made.
        if (who_.at(n).empty() || !fits_without(n, c, victims))
          continue;
        auto cost = cost_of(n, victims);
        result = std::min(result.value_or(cost), cost);
      }
    }
    return result;
  }

  placement_random random;

private:
  [[nodiscard]] bool wanted_near(const task_class& c, uint64_t id) const {
    auto& labels = places_.at(id).of->labels;
    return std::any_of(
      c.colocate_with.begin(), c.colocate_with.end(), [&](const label& x) {
        return std::find(labels.begin(), labels.end(), x) != labels.end();
      });
  }

  table nodes_;
  tenants who_;
  std::map<uint64_t, held_place> places_;
};

} // namespace

TEST_CASE(
  "room is made by the cheapest of all sets of victims, or not at all") {
  size_t found = 0;
  size_t in_vain = 0;
  for (uint64_t seed = 1; seed <= 4'000; ++seed) {
    CAPTURE(seed);
    crowd x{seed};
    auto c = x.random.a_class();
    c.request.cpu_millicores += 500;
    if (x.fits_somewhere(c))
      continue;
    auto search = x.search();
    auto made = find_room(search, c, 2);
    auto least = x.least_cost(c, 2);
    REQUIRE(made.has_value() == least.has_value());
    if (!made) {
      ++in_vain;
      continue;
    }
    ++found;
    REQUIRE(x.fits_without(made->node, c, made->victims));
    CHECK(made->cost == x.cost_of(made->node, made->victims));
    CHECK(made->cost.highest_priority == least->highest_priority);
    CHECK(made->cost.highest_priority < 2);
    if (least->victims <= 1)
      CHECK(made->cost == *least);
    // None goes in vain.
    for (auto spared : made->victims) {
      auto others = made->victims;
      std::erase(others, spared);
      CHECK_FALSE(x.fits_without(made->node, c, others));
    }
  }
  // It was worth looking.
  CHECK(found > 300);
  CHECK(in_vain > 300);
}

TEST_CASE("who could leave is remembered by node, and how they count") {
  tenants who;
  CHECK_FALSE(who.any_below(100));
  who.add(2, {.id = 7, .cpu = 500, .priority = 10});
  who.add(2, {.id = 8, .cpu = 500, .priority = 20});
  CHECK(who.at(0).empty());
  CHECK(who.at(9).empty());
  CHECK(who.any_below(11));
  CHECK_FALSE(who.any_below(10));
  who.set_priority(2, 7, 30);
  CHECK_FALSE(who.any_below(20));
  who.set_leaving(2, 8, true);
  CHECK(who.find(2, 8)->leaving);
  who.remove(2, 8);
  CHECK(who.find(2, 8) == nullptr);
  CHECK(who.at(2).size() == 1);
}

TEST_CASE("of equal victims the one with the least to lose goes") {
  table nodes;
  nodes.add({"n0", {2'000, 1 << 30, 0, {}}, {}});
  auto of = std::make_shared<task_class>();
  of->request = {1'000, 1 << 20, 0, {}};
  tenants who;
  for (uint64_t id : {1U, 2U}) {
    REQUIRE(nodes.occupy(0, *of));
    who.add(0, {.id = id,
                .memory = 1 << 20,
                .since = timestamp{id == 1 ? 1'000 : 5'000},
                .cpu = 1'000});
  }
  room_search in{nodes, who,
                 [&](node_index, uint64_t) {
                   return held_place{of, {}};
                 },
                 timestamp{9'000}};
  SUBCASE("which is the one that came last") {
    CHECK(find_room(in, *of, 1)->victims == std::vector<uint64_t>{2});
  }
  SUBCASE("or the one that is not near its data") {
    auto near = *who.find(0, 2);
    who.remove(0, 2);
    near.points = 100;
    who.add(0, near);
    CHECK(find_room(in, *of, 1)->victims == std::vector<uint64_t>{1});
  }
  SUBCASE("and none if one is on its way out") {
    who.set_leaving(0, 1, true);
    auto made = find_room(in, *of, 1);
    REQUIRE(made);
    CHECK(made->victims.empty());
    CHECK(made->leaving == std::vector<uint64_t>{1});
  }
  SUBCASE("and none who counts as much") {
    CHECK_FALSE(find_room(in, *of, 0));
  }
}

TEST_CASE(
  "of equal victims the one goes that another node would take at once") {
  table nodes;
  nodes.add({"n0", {2'000, 1 << 30, 0, {}}, {{"zone", "a"}}});
  nodes.add({"n1", {1'000, 1 << 30, 0, {}}, {{"zone", "b"}}});
  auto free = std::make_shared<task_class>();
  free->request = {1'000, 1 << 20, 0, {}};
  auto bound = std::make_shared<task_class>(*free);
  bound->requirements = {{"zone", {"a"}}};
  tenants who;
  std::map<uint64_t, held_place> places;
  // The one that is bound to its zone has less to lose.
  for (uint64_t id : {1U, 2U}) {
    auto& of = id == 1 ? free : bound;
    REQUIRE(nodes.occupy(0, *of));
    places[id] = {of, {}};
    who.add(0, {.id = id,
                .memory = 1 << 20,
                .since = timestamp{id == 1 ? 1'000 : 60'000},
                .cpu = 1'000});
  }
  room_search in{nodes, who,
                 [&](node_index, uint64_t id) { return places.at(id); },
                 timestamp{100'000}};
  CHECK(find_room(in, *bound, 1)->victims == std::vector<uint64_t>{1});
  SUBCASE("but not if it loses far more than the other one would wait") {
    who.set_since(0, 1, timestamp{-400'000});
    CHECK(find_room(in, *bound, 1)->victims == std::vector<uint64_t>{2});
  }
  SUBCASE("nor if that node is full") {
    REQUIRE(nodes.occupy(1, *free));
    CHECK(find_room(in, *bound, 1)->victims == std::vector<uint64_t>{2});
  }
}

} // namespace troupe
