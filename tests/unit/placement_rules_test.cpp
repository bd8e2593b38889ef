#include <map>
#include <set>

#include <doctest/doctest.h>

#include "runtime/placement/policy.hpp"

using namespace troupe;
using namespace troupe::runtime::placement;

namespace {

constexpr int64_t gibi = 1 << 30;

node_row a_node(int64_t cores, label_set labels = {}) {
  node_row x;
  x.name = "n";
  x.capacity = {cores * 1000, cores * 4 * gibi, 0, {}};
  x.labels = std::move(labels);
  return x;
}

table nodes(int count, int64_t cores) {
  table result;
  for (int i = 0; i < count; ++i)
    result.add(a_node(cores));
  return result;
}

task_class a_task(int64_t cpu_millicores = 1000) {
  task_class x;
  x.request = {cpu_millicores, gibi, 0, {}};
  return x;
}

std::shared_ptr<const task_class> share(task_class x) {
  return std::make_shared<const task_class>(std::move(x));
}

/// Proposes and commits `count` tasks.
placed_run place(table& t, policy& by, const task_class& x, uint32_t count) {
  std::vector<ask> asks{{1, share(x), count}};
  auto result = by.propose(t, asks).runs.at(0);
  for (auto n : result.nodes)
    REQUIRE(t.occupy(n, x).has_value());
  return result;
}

placed_run
place(table& t, const char* strategy, const task_class& x, uint32_t count) {
  return place(t, *make_policy(strategy), x, count);
}

std::map<node_index, uint32_t> counts(const placed_run& x) {
  std::map<node_index, uint32_t> result;
  for (auto n : x.nodes)
    ++result[n];
  return result;
}

using counted = std::vector<std::pair<reason, uint32_t>>;

} // namespace

// -- strategies --------------------------------------------------------------

TEST_CASE("firstFit takes the lowest node that fits") {
  auto t = nodes(3, 2);
  auto x = place(t, "firstFit", a_task(), 5);
  CHECK(x.nodes == std::vector<node_index>{0, 0, 1, 1, 2});
}

TEST_CASE("binpack puts ten tasks of one core on three nodes of four") {
  auto t = nodes(10, 4);
  auto x = place(t, "binpack", a_task(), 10);
  CHECK(x.nodes.size() == 10);
  CHECK(counts(x).size() == 3);
}

TEST_CASE("spread puts ten tasks on ten nodes") {
  auto t = nodes(10, 4);
  CHECK(counts(place(t, "spread", a_task(), 10)).size() == 10);
  uint32_t least = 99;
  uint32_t most = 0;
  place(t, "spread", a_task(), 13);
  for (node_index n = 0; n < 10; ++n) {
    least = std::min(least, t.tasks(n));
    most = std::max(most, t.tasks(n));
  }
  CHECK(most - least <= 1);
}

TEST_CASE("spread is even with tasks that ask for nothing") {
  auto t = nodes(10, 4);
  auto x = place(t, "spread", task_class{}, 50);
  for (auto& [n, count] : counts(x))
    CHECK(count == 5);
}

TEST_CASE("roundRobin visits nodes in order, also across proposals") {
  auto t = nodes(4, 8);
  auto by = make_policy("roundRobin");
  CHECK(place(t, *by, a_task(), 6).nodes
        == std::vector<node_index>{0, 1, 2, 3, 0, 1});
  CHECK(place(t, *by, a_task(500), 3).nodes
        == std::vector<node_index>{2, 3, 0});
}

TEST_CASE("roundRobin goes on after proposals that came to nothing") {
  auto t = nodes(200, 8);
  auto by = make_policy("roundRobin");
  std::vector<ask> one{{1, share(a_task(100)), 1}};
  std::vector<ask> many{{2, share(a_task(200)), 130}};
  CHECK(by->propose(t, one).runs[0].nodes == std::vector<node_index>{0});
  CHECK(by->propose(t, many).runs[0].nodes.back() == 130);
  CHECK(by->propose(t, one).runs[0].nodes == std::vector<node_index>{131});
}

TEST_CASE("roundRobin passes over a full node and gives it one turn later") {
  auto t = nodes(3, 8);
  auto by = make_policy("roundRobin");
  t.close(1, reason::cordoned);
  CHECK(place(t, *by, a_task(), 6).nodes
        == std::vector<node_index>{0, 2, 0, 2, 0, 2});
  t.close(1, reason::none);
  CHECK(place(t, *by, a_task(), 5).nodes
        == std::vector<node_index>{1, 0, 1, 2, 0});
}

TEST_CASE("leastLoaded takes the node with the lower measured load") {
  auto t = nodes(3, 8);
  t.set_load(0, 0.5f, 0.5f);
  t.set_load(1, 0.2f, 0.1f);
  t.set_load(2, 0.3f, 0.3f);
  CHECK(place(t, "leastLoaded", a_task(100), 1).nodes[0] == 1);
  // What was placed since counts: 0.15 + 4/8 cores and 1/32 memory.
  CHECK(place(t, "leastLoaded", a_task(4000), 2).nodes
        == std::vector<node_index>{1, 2});
  t.set_load(1, 0.0f, 0.0f);
  CHECK(place(t, "leastLoaded", a_task(100), 1).nodes[0] == 1);
}

TEST_CASE("node weights of 1 to 3 give placements of 1 to 3") {
  for (auto strategy : {"spread", "leastLoaded", "roundRobin"}) {
    CAPTURE(strategy);
    table t;
    auto light = a_node(1000);
    auto heavy = light;
    heavy.weight = 3;
    t.add(light);
    t.add(heavy);
    auto x = counts(place(t, strategy, a_task(), 1000));
    // 1:3 within 5 %.
    CHECK(x[0] >= 238);
    CHECK(x[0] <= 262);
  }
}

TEST_CASE("mostFreeCpu takes the node with most free cores") {
  table t;
  t.add(a_node(4));
  t.add(a_node(16));
  t.add(a_node(8));
  auto by = make_policy("mostFreeCpu");
  CHECK(by->name() == "mostFreeCpu");
  CHECK(place(t, *by, a_task(9000), 1).nodes[0] == 1);
  CHECK(place(t, *by, a_task(1000), 2).nodes == std::vector<node_index>{2, 1});
}

TEST_CASE("every strategy has a policy of its name") {
  CHECK(policy_names()
        == std::vector<std::string>{"binpack", "spread", "firstFit",
                                    "roundRobin", "leastLoaded", "fgd",
                                    "mostFreeCpu"});
  for (auto& name : policy_names())
    CHECK(make_policy(name)->name() == name);
  CHECK(make_policy("luck") == nullptr);
}

TEST_CASE("a class takes the cluster's strategy where the job names none") {
  job_spec spec;
  CHECK(class_of(spec, "binpack").strategy == "binpack");
  spec.strategy = "spread";
  CHECK(class_of(spec, "binpack").strategy == "spread");
}

TEST_CASE("jobs that differ only in name share a class") {
  job_spec one;
  one.name = "a";
  one.ports = {{"http", 80, 0}, {"admin", 81, 9000}, {"x", 82, 8000}};
  auto two = one;
  two.name = "b";
  CHECK(class_of(one, "spread") == class_of(two, "spread"));
  CHECK(class_of(one, "spread").host_ports
        == std::vector<uint16_t>{8000, 9000});
  CHECK(class_of(one, "spread").chosen_ports == 1);
  one.spread_by = two.spread_by = {"zone"};
  CHECK(class_of(one, "spread") != class_of(two, "spread"));
}

// -- amounts -----------------------------------------------------------------

TEST_CASE("what ends is free at once") {
  auto t = nodes(1, 1);
  auto x = a_task();
  auto held = t.occupy(0, x);
  REQUIRE(held.has_value());
  CHECK(t.free(0).cpu_millicores == 0);
  CHECK(place(t, "binpack", x, 1).why_not_more.nodes
        == counted{{reason::insufficient_cpu, 1}});
  t.vacate(0, x, *held);
  CHECK(place(t, "binpack", x, 1).nodes.size() == 1);
}

TEST_CASE("overcommit lets cpu requests exceed the capacity, memory never") {
  auto row = a_node(4);
  row.overcommit = 1.5;
  table t;
  t.add(row);
  CHECK(place(t, "binpack", a_task(1000), 9).nodes.size() == 6);
  auto memory = a_task(0);
  memory.request.memory_bytes = 11 * gibi;
  CHECK(t.occupy(0, memory).error() == reason::insufficient_memory);
}

TEST_CASE("whole devices are reserved exclusively and by number") {
  auto row = a_node(8);
  row.capacity.gpu_millis = 3000;
  table t;
  t.add(row);
  auto x = a_task();
  x.request.gpu_millis = 2000;
  CHECK(t.occupy(0, x)->gpus == std::vector<uint16_t>{0, 1});
  CHECK(t.occupy(0, x).error() == reason::insufficient_gpu);
  x.request.gpu_millis = 1000;
  CHECK(t.occupy(0, x)->gpus == std::vector<uint16_t>{2});
}

TEST_CASE("shares of devices are packed and never cross devices") {
  auto row = a_node(8);
  row.capacity.gpu_millis = 2000;
  table t;
  t.add(row);
  auto x = a_task(100);
  x.request.gpu_millis = 600;
  CHECK(t.occupy(0, x)->gpus == std::vector<uint16_t>{0});
  CHECK(t.occupy(0, x)->gpus == std::vector<uint16_t>{1});
  // 400 are left on each, 800 in all.
  CHECK(t.occupy(0, x).error() == reason::insufficient_gpu);
  x.request.gpu_millis = 300;
  CHECK(t.occupy(0, x)->gpus == std::vector<uint16_t>{0});
  x.request.gpu_millis = 100;
  CHECK(t.occupy(0, x)->gpus == std::vector<uint16_t>{0});
  x.request.gpu_millis = 1500;
  CHECK(t.occupy(0, x).error() == reason::insufficient_gpu);
}

TEST_CASE("a named resource is counted") {
  auto row = a_node(8);
  row.capacity.named = {{"license-x", 2}};
  table t;
  t.add(a_node(8));
  t.add(row);
  auto x = a_task();
  x.request.named = {{"license-x", 1}};
  auto run = place(t, "firstFit", x, 3);
  CHECK(run.nodes == std::vector<node_index>{1, 1});
  CHECK(run.why_not_more.nodes == counted{{reason::insufficient_resource, 2}});
}

TEST_CASE("a host port is held by one task of a node") {
  auto t = nodes(2, 8);
  auto x = a_task();
  x.host_ports = {8080};
  auto run = place(t, "binpack", x, 3);
  CHECK(run.nodes == std::vector<node_index>{0, 1});
  CHECK(run.why_not_more.nodes == counted{{reason::port_in_use, 2}});
}

TEST_CASE("chosen ports are free, in their range, and not used again at once") {
  auto t = nodes(1, 8);
  auto x = a_task(100);
  x.host_ports = {20'001};
  x.chosen_ports = 2;
  auto first = t.occupy(0, x);
  CHECK(first->ports == std::vector<uint16_t>{20'001, 20'000, 20'002});
  t.vacate(0, x, *first);
  x.host_ports.clear();
  CHECK(t.occupy(0, x)->ports == std::vector<uint16_t>{20'003, 20'004});
  x.chosen_ports = 11'999;
  CHECK(t.occupy(0, x).error() == reason::port_in_use);
  x.chosen_ports = 11'998;
  CHECK(t.occupy(0, x).has_value());
}

// -- rules -------------------------------------------------------------------

TEST_CASE("a task never goes where a required label is missing") {
  table t;
  t.add(a_node(4, {{"gpu", "false"}}));
  t.add(a_node(4));
  auto x = a_task();
  x.requirements = {{"gpu", {"true"}}};
  CHECK(place(t, "binpack", x, 1).why_not_more.nodes
        == counted{{reason::no_matching_labels, 2}});
  t.change(1, {{"gpu", "true"}}, 1, 1);
  CHECK(place(t, "binpack", x, 1).nodes == std::vector<node_index>{1});
}

TEST_CASE("a requirement may want one of several, any, or not a value") {
  std::vector<label_requirement> any{{"zone", {"a", "b"}}};
  std::vector<label_requirement> present{{"zone", {"*"}}};
  std::vector<label_requirement> other{{"zone", {"!a"}}};
  label_set a{{"zone", "a"}};
  label_set b{{"zone", "b"}};
  label_set c{{"zone", "c"}};
  CHECK(satisfies(a, any));
  CHECK(satisfies(b, any));
  CHECK_FALSE(satisfies(c, any));
  CHECK_FALSE(satisfies({}, any));
  CHECK(satisfies(c, present));
  CHECK_FALSE(satisfies({}, present));
  CHECK_FALSE(satisfies(a, other));
  CHECK(satisfies(b, other));
  CHECK(satisfies({}, other));
  CHECK_FALSE(satisfies(a, {{"zone", {"*"}}, {"zone", {"!a"}}}));
}

TEST_CASE("a preference is followed while a node fits, and then any node") {
  table t;
  t.add(a_node(4, {{"zone", "eu"}}));
  t.add(a_node(2, {{"zone", "us-east"}}));
  for (auto strategy : {"binpack", "spread", "mostFreeCpu", "roundRobin"}) {
    auto copy = t;
    auto x = a_task();
    x.preferences = {{"zone", "us-east", 100}};
    CHECK(place(copy, strategy, x, 3).nodes
          == std::vector<node_index>{1, 1, 0});
    x.preferences = {{"zone", "eu", -1}};
    copy = t;
    CHECK(place(copy, strategy, x, 1).nodes == std::vector<node_index>{1});
  }
}

TEST_CASE("the heavier preference wins") {
  table t;
  t.add(a_node(4, {{"disk", "ssd"}}));
  t.add(a_node(4, {{"zone", "a"}}));
  auto x = a_task();
  x.preferences = {{"disk", "ssd", 20}, {"zone", "a", 30}};
  CHECK(place(t, "firstFit", x, 1).nodes[0] == 1);
}

TEST_CASE("two databases never share a node") {
  auto t = nodes(2, 8);
  auto x = a_task();
  x.labels = {{"service", "database"}};
  x.avoid_colocating = x.labels;
  auto run = place(t, "binpack", x, 3);
  CHECK(run.nodes == std::vector<node_index>{0, 1});
  CHECK(run.why_not_more.nodes == counted{{reason::colocation, 2}});
}

TEST_CASE("a node is found again when who is avoided there has ended") {
  auto t = nodes(2, 8);
  task_class noisy = a_task();
  noisy.labels = {{"service", "noisy"}};
  auto held = t.occupy(0, noisy);
  REQUIRE(held.has_value());
  auto shy = a_task();
  shy.avoid_colocating = noisy.labels;
  auto by = make_policy("firstFit");
  CHECK(place(t, *by, shy, 1).nodes == std::vector<node_index>{1});
  t.vacate(0, noisy, *held);
  CHECK(place(t, *by, shy, 1).nodes == std::vector<node_index>{0});
}

TEST_CASE("labels that share a bit of a filter are told apart") {
  auto bit = [](const label& x) {
    return filter_bit(tally_hash(tally_kind::having, x));
  };
  label avoided{"service", "noisy"};
  label alike{"service", "0"};
  for (int i = 1; bit(alike) != bit(avoided); ++i)
    alike.value = std::to_string(i);
  auto t = nodes(2, 8);
  auto harmless = a_task();
  harmless.labels = {alike};
  REQUIRE(t.occupy(0, harmless).has_value());
  auto noisy = a_task();
  noisy.labels = {avoided};
  auto held = t.occupy(0, noisy);
  REQUIRE(held.has_value());
  auto shy = a_task();
  shy.avoid_colocating = {avoided};
  auto by = make_policy("firstFit");
  CHECK(place(t, *by, shy, 1).nodes == std::vector<node_index>{1});
  t.vacate(0, noisy, *held);
  CHECK(place(t, *by, shy, 1).nodes == std::vector<node_index>{0});
}

TEST_CASE("who is avoided does not come either") {
  auto t = nodes(2, 8);
  auto shy = a_task();
  shy.avoid_colocating = {{"service", "noisy"}};
  CHECK(place(t, "firstFit", shy, 1).nodes[0] == 0);
  auto noisy = a_task();
  noisy.labels = {{"service", "noisy"}};
  CHECK(place(t, "firstFit", noisy, 1).nodes[0] == 1);
  CHECK(place(t, "firstFit", shy, 1).nodes[0] == 0);
}

TEST_CASE("colocateWith goes only where all that it names runs") {
  auto t = nodes(3, 8);
  auto cache = a_task();
  cache.labels = {{"service", "cache"}};
  auto both = a_task();
  both.labels = {{"service", "cache"}, {"tier", "x"}};
  REQUIRE(t.occupy(1, cache).has_value());
  auto x = a_task();
  x.colocate_with = {{"service", "cache"}};
  CHECK(place(t, "spread", x, 1).nodes == std::vector<node_index>{1});
  x.colocate_with = {{"service", "cache"}, {"tier", "x"}};
  CHECK(place(t, "spread", x, 1).why_not_more.nodes
        == counted{{reason::colocation, 3}});
  REQUIRE(t.occupy(2, both).has_value());
  CHECK(place(t, "spread", x, 1).nodes == std::vector<node_index>{2});
}

TEST_CASE("an exclusive task has its node to itself") {
  auto t = nodes(2, 8);
  REQUIRE(t.occupy(0, a_task()).has_value());
  auto x = a_task();
  x.exclusive = true;
  auto run = place(t, "binpack", x, 2);
  CHECK(run.nodes == std::vector<node_index>{1});
  CHECK(run.why_not_more.nodes == counted{{reason::exclusive, 2}});
  auto rest = place(t, "spread", a_task(), 9);
  CHECK(rest.nodes == std::vector<node_index>(7, 0));
  CHECK(rest.why_not_more.nodes
        == counted{{reason::insufficient_cpu, 1}, {reason::exclusive, 1}});
}

TEST_CASE("spreadBy is even over values, whatever the strategy packs") {
  table t;
  for (auto zone : {"a", "a", "a", "a", "b", "c"})
    t.add(a_node(64, {{"zone", zone}}));
  auto x = a_task();
  x.spread_by = {"zone"};
  x.spread_group = "web";
  auto run = counts(place(t, "binpack", x, 9));
  CHECK(run == std::map<node_index, uint32_t>{{0, 3}, {4, 3}, {5, 3}});
  // Another group counts for itself.
  x.spread_group = "api";
  CHECK(counts(place(t, "binpack", x, 3)).size() == 3);
}

TEST_CASE("several keys of spreadBy are even in their order") {
  table t;
  for (auto zone : {"a", "b"})
    for (auto rack : {"1", "2", "3"})
      t.add(a_node(64, {{"rack", std::string{zone} + rack}, {"zone", zone}}));
  auto x = a_task();
  x.spread_by = {"zone", "rack"};
  x.spread_group = "web";
  auto run = counts(place(t, "binpack", x, 12));
  CHECK(run.size() == 6);
  for (auto& [n, count] : run)
    CHECK(count == 2);
}

TEST_CASE("a closed node takes nothing and says why") {
  auto t = nodes(2, 8);
  t.close(0, reason::drained);
  t.close(1, reason::unhealthy);
  CHECK(place(t, "binpack", a_task(), 1).why_not_more.nodes
        == counted{{reason::drained, 1}, {reason::unhealthy, 1}});
}

// -- refusals ----------------------------------------------------------------

TEST_CASE("reasons come most first and sum to the number of nodes") {
  table t;
  t.add(a_node(1));
  t.add(a_node(1));
  t.add(a_node(8));
  t.close(2, reason::cordoned);
  auto run = place(t, "binpack", a_task(2000), 1);
  CHECK(run.why_not_more.nodes
        == counted{{reason::insufficient_cpu, 2}, {reason::cordoned, 1}});
  table none;
  CHECK(place(none, "binpack", a_task(), 1).why_not_more.nodes
        == counted{{reason::no_nodes, 1}});
}

TEST_CASE("a class that fits no empty node never fits") {
  table t;
  CHECK(could_ever_fit(t, a_task()));
  t.add(a_node(4, {{"gpu", "true"}}));
  t.add(a_node(16));
  t.close(1, reason::cordoned);
  CHECK(could_ever_fit(t, a_task(16'000)));
  CHECK_FALSE(could_ever_fit(t, a_task(16'001)));
  auto x = a_task(8000);
  x.requirements = {{"gpu", {"true"}}};
  CHECK_FALSE(could_ever_fit(t, x));
  // That nobody has the label is another reason.
  x.requirements = {{"gpu", {"maybe"}}};
  CHECK(could_ever_fit(t, x));
  auto y = a_task();
  y.request.gpu_millis = 1000;
  CHECK_FALSE(could_ever_fit(t, y));
  CHECK(could_fit(t, a_task(4000), 0));
  CHECK_FALSE(could_fit(t, a_task(4001), 0));
  CHECK_FALSE(could_fit(t, a_task(), 1));
}

TEST_CASE("an explanation says what each node is worth and what it lacks") {
  table t;
  t.add(a_node(2));
  t.add(a_node(8, {{"zone", "us"}}));
  t.add(a_node(8));
  REQUIRE(t.occupy(0, a_task(500)).has_value());
  auto x = a_task(4000);
  x.preferences = {{"zone", "us", 100}};
  auto why = make_policy("binpack")->explain(t, x);
  REQUIRE(why.best.size() == 2);
  CHECK(why.best[0].node == 1);
  // 4 of 8 cores and 1 of 32 GiB: (1/2 + 1/32) / 2.
  CHECK(why.best[0].parts
        == std::vector<score_part>{{"prefers zone=us", 100},
                                   {"fullness", 0.265625}});
  CHECK(why.best[0].score == 100.265625);
  REQUIRE(why.examples.size() == 1);
  CHECK(why.examples[0].node == 0);
  CHECK(why.examples[0].detail == "needs 4 cores, 1.5 free");
  CHECK(why.refused.nodes == counted{{reason::insufficient_cpu, 1}});
}

// -- against an exact solver -------------------------------------------------

namespace {

/// The fewest bins of `size` for `items`, by trying everything.
size_t fewest(std::vector<int64_t> items, int64_t size,
              std::vector<int64_t>& bins, size_t best) {
  if (bins.size() >= best)
    return best;
  if (items.empty())
    return bins.size();
  auto item = items.back();
  items.pop_back();
  std::set<int64_t> tried;
  for (size_t i = 0; i < bins.size(); ++i) {
    if (bins[i] + item > size || !tried.insert(bins[i]).second)
      continue;
    bins[i] += item;
    best = fewest(items, size, bins, best);
    bins[i] -= item;
  }
  bins.push_back(item);
  best = fewest(items, size, bins, best);
  bins.pop_back();
  return best;
}

} // namespace

TEST_CASE("binpack uses at most 1.25 times the fewest nodes") {
  uint64_t random = 42;
  auto below = [&random](uint64_t n) {
    random = random * 6364136223846793005ull + 1442695040888963407ull;
    return static_cast<int64_t>((random >> 33) % n);
  };
  for (int round = 0; round < 100; ++round) {
    CAPTURE(round);
    std::vector<int64_t> items;
    for (int i = 0; i < 12; ++i)
      items.push_back((below(12) + 1) * 250);
    auto t = nodes(12, 4);
    auto by = make_policy("binpack");
    // The largest first, as a batch is sorted.
    std::sort(items.rbegin(), items.rend());
    std::set<node_index> used;
    for (auto item : items) {
      auto x = a_task(item);
      x.request.memory_bytes = 0;
      used.insert(place(t, *by, x, 1).nodes.at(0));
    }
    std::vector<int64_t> bins;
    auto least = fewest(items, 4000, bins, items.size() + 1);
    CHECK(static_cast<double>(used.size())
          <= 1.25 * static_cast<double>(least));
  }
}
