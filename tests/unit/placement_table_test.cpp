#include <doctest/doctest.h>

#include "tests/unit/placement_random.hpp"

using namespace troupe;
using namespace troupe::runtime::placement;

namespace {

/// Changes a table at random and a naive cluster in the same way.
class twin {
public:
  explicit twin(uint64_t seed) : random_(seed) {}

  void step() {
    auto dice = random_.below(100);
    if (dice < 3 || nodes_.empty())
      add();
    else if (dice < 4)
      remove();
    else if (dice < 7)
      change();
    else if (dice < 9)
      close();
    else if (dice < 12)
      load();
    else if (dice < 62)
      occupy();
    else
      vacate();
  }

  void check_all() const {
    REQUIRE(table_.rows() == all_.size());
    for (node_index n = 0; n < all_.size(); ++n) {
      REQUIRE(table_.has(n) == all_[n].has_value());
      if (table_.has(n))
        check(n);
    }
  }

private:
  void check(node_index n) const {
    auto& x = *all_[n];
    auto used = naive::used(x);
    REQUIRE(table_.used(n) == used);
    REQUIRE(table_.tasks(n) == x.tasks.size());
    REQUIRE(table_.total(n).cpu_millicores == naive::cpu_total(x));
    label app{"app", "a1"};
    uint32_t having = 0;
    uint32_t avoiding = 0;
    for (auto& t : x.tasks) {
      having += naive::has_label(t.of.labels, app) ? 1 : 0;
      avoiding += naive::has_label(t.of.avoid_colocating, app) ? 1 : 0;
    }
    REQUIRE(table_.tasks_having(n, app) == having);
    REQUIRE(table_.tasks_avoiding(n, app) == avoiding);
    for (auto devices = naive::used_devices(x); auto held : devices)
      REQUIRE(held <= 1000);
  }

  void add() {
    if (nodes_.size() >= 150)
      return;
    auto row = random_.a_node(static_cast<uint32_t>(added_++));
    auto n = table_.add(row);
    // The lowest unused row.
    for (node_index lower = 0; lower < n; ++lower)
      REQUIRE(all_[lower].has_value());
    if (n == all_.size())
      all_.emplace_back();
    REQUIRE(!all_[n]);
    all_[n] = naive::node{};
    all_[n]->row = row;
    nodes_.push_back(n);
  }

  void remove() {
    auto at = random_.below(nodes_.size());
    table_.remove(nodes_[at]);
    all_[nodes_[at]].reset();
    nodes_.erase(nodes_.begin() + static_cast<ptrdiff_t>(at));
  }

  node_index some() { return nodes_[random_.below(nodes_.size())]; }

  void change() {
    auto n = some();
    auto row = random_.a_node(n);
    auto& mine = all_[n]->row;
    table_.change(n, row.labels, row.weight, row.overcommit);
    mine.labels = row.labels;
    mine.weight = row.weight;
    mine.overcommit = row.overcommit;
    if (random_.below(2) == 0) {
      table_.change_capacity(n, row.capacity);
      mine.capacity = row.capacity;
    }
  }

  void close() {
    auto n = some();
    auto why = random_.below(2) == 0 ? reason::cordoned : reason::none;
    table_.close(n, why);
    all_[n]->row.closed = why;
  }

  void load() {
    auto n = some();
    auto& x = *all_[n];
    x.cpu_measured = static_cast<float>(random_.below(100)) / 100;
    x.memory_measured = static_cast<float>(random_.below(100)) / 100;
    x.cpu_since = x.memory_since = 0;
    table_.set_load(n, x.cpu_measured, x.memory_measured);
  }

  void occupy() {
    auto n = some();
    auto& x = *all_[n];
    auto c = random_.a_class();
    auto expected_reason = naive::refuses(x, c);
    REQUIRE(table_.refuses(n, known_class{c}) == expected_reason);
    REQUIRE(could_fit(table_, c, n) == (expected_reason == reason::none));
    auto held = table_.occupy(n, c);
    REQUIRE(held.has_value() == (expected_reason == reason::none));
    if (!held) {
      REQUIRE(held.error() == expected_reason);
      return;
    }
    REQUIRE(held->ports.size() == c.host_ports.size() + c.chosen_ports);
    // A journal tells the same.
    if (random_.below(4) == 0) {
      table_.vacate(n, c, *held);
      table_.occupy_again(n, c, *held);
    }
    naive::place(x, c, *held);
    auto used = naive::used(x);
    REQUIRE(used.cpu_millicores <= naive::cpu_total(x));
    REQUIRE(used.memory_bytes <= x.row.capacity.memory_bytes);
    std::set<uint16_t> ports;
    for (auto& t : x.tasks)
      for (auto port : t.held.ports)
        REQUIRE(ports.insert(port).second);
  }

  void vacate() {
    auto n = some();
    auto& x = *all_[n];
    if (x.tasks.empty())
      return;
    auto at = random_.below(x.tasks.size());
    auto gone = x.tasks[at];
    x.tasks.erase(x.tasks.begin() + static_cast<ptrdiff_t>(at));
    x.cpu_since -= gone.of.request.cpu_millicores;
    x.memory_since -= gone.of.request.memory_bytes;
    table_.vacate(n, gone.of, gone.held);
  }

  placement_random random_;
  table table_;
  naive::cluster all_;
  std::vector<node_index> nodes_;
  uint64_t added_ = 0;
};

} // namespace

TEST_CASE("after any changes a table says what counting anew says") {
  twin aut{7};
  for (int i = 0; i < 100'000; ++i) {
    aut.step();
    if (i % 500 == 0)
      aut.check_all();
  }
  aut.check_all();
}

TEST_CASE("a copy of a table keeps its state while the other changes") {
  placement_random random{11};
  table original;
  for (uint32_t i = 0; i < 200; ++i)
    original.add(random.a_node(i));
  auto snapshot = original;
  task_class c;
  c.request = {100, 1 << 20, 0, {}};
  c.labels = {{"app", "a1"}};
  auto stamp = snapshot.stamp(0);
  for (node_index n = 0; n < 200; ++n)
    if (auto held = original.occupy(n, c)) {
      CHECK(snapshot.tasks(n) == 0);
      CHECK(snapshot.tasks_having(n, c.labels[0]) == 0);
      CHECK(original.tasks_having(n, c.labels[0]) == 1);
    }
  CHECK(snapshot.stamp(0) == stamp);
  CHECK(original.stamp(0) != stamp);
  original.change(3, {{"zone", "elsewhere"}}, 1, 1);
  CHECK(original.label_stamp(0) != snapshot.label_stamp(0));
  CHECK(value_of(snapshot.row(3).labels, "zone") != nullptr);
  CHECK(*value_of(snapshot.row(3).labels, "zone") != "elsewhere");
}

TEST_CASE("a removed node's row is used again, the lowest first") {
  table aut;
  for (int i = 0; i < 5; ++i)
    aut.add({});
  aut.remove(3);
  aut.remove(1);
  CHECK(aut.nodes() == 3);
  CHECK(aut.rows() == 5);
  CHECK(aut.add({}) == 1);
  CHECK(aut.add({}) == 3);
  CHECK(aut.add({}) == 5);
}

TEST_CASE("a node that shrank below what it holds takes nothing more") {
  table aut;
  node_row row;
  row.capacity = {4000, 1 << 30, 2000, {}};
  auto n = aut.add(row);
  task_class c;
  c.request = {2000, 1 << 20, 1000, {}};
  auto first = aut.occupy(n, c);
  REQUIRE(first.has_value());
  aut.change_capacity(n, {1000, 1 << 30, 0, {}});
  CHECK(aut.free(n).cpu_millicores == -1000);
  task_class tiny;
  tiny.request = {0, 1, 0, {}};
  CHECK(aut.occupy(n, tiny).error() == reason::insufficient_cpu);
  CHECK(aut.occupy(n, c).error() == reason::insufficient_gpu);
  aut.vacate(n, c, *first);
  CHECK(aut.occupy(n, tiny).has_value());
}
