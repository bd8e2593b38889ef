#include <algorithm>
#include <cmath>
#include <random>

#include <doctest/doctest.h>

#include "runtime/placement/gpu_outlook.hpp"
#include "runtime/placement/policy.hpp"
#include "runtime/placement/scorer.hpp"

using namespace troupe;
using namespace troupe::runtime::placement;

namespace {

constexpr int64_t gibi = 1 << 30;

gpu_shape a_share(uint16_t share, int32_t cpu) {
  return {cpu, 0, share, 0, {}};
}

gpu_shape whole(uint32_t devices, int32_t cpu) {
  return {cpu, 0, 0, devices, {}};
}

gpu_left left(int32_t cpu, std::vector<uint16_t> devices) {
  return {cpu, 64, 0, std::move(devices)};
}

std::shared_ptr<const gpu_wishes> only(gpu_shape shape) {
  return std::make_shared<const gpu_wishes>(gpu_wishes{{std::move(shape), 1}});
}

int64_t loss_of(gpu_outlook& x, gpu_left node) {
  node.kind = x.kind_of({});
  return x.loss(x.know(node));
}

node_row a_node(int64_t cores, int64_t gpus, label_set labels = {}) {
  node_row x;
  x.name = "n";
  x.capacity = {cores * 1000, cores * 4 * gibi, gpus * 1000, {}};
  x.labels = std::move(labels);
  return x;
}

std::shared_ptr<const task_class> a_task(int64_t cpu, int64_t gpu_millis) {
  task_class x;
  x.request = {cpu, gibi, gpu_millis, {}};
  return std::make_shared<const task_class>(std::move(x));
}

struct running {
  node_index node = 0;
  std::shared_ptr<const task_class> of;
  occupation held;
};

/// A cluster with GPUs, where tasks come and go.
class field {
public:
  explicit field(uint64_t seed) : random_(seed) {
    for (int i = 0; i < 90; ++i)
      nodes.add(a_node(static_cast<int64_t>(4 + below(28)),
                       static_cast<int64_t>(below(5) * below(3)),
                       {{"model", below(2) == 0 ? "old" : "new"}}));
    for (int i = 0; i < 14; ++i)
      classes_.push_back(a_class());
  }

  size_t below(size_t n) { return static_cast<size_t>(random_() % n); }

  std::vector<ask> asks() {
    std::vector<ask> result;
    for (uint64_t i = 0; i < 5; ++i)
      result.push_back(
        {i, classes_[below(classes_.size())], static_cast<uint32_t>(below(5))});
    return result;
  }

  void commit(const std::vector<ask>& asks, const proposal& x) {
    for (size_t i = 0; i < asks.size(); ++i)
      for (auto n : x.runs[i].nodes) {
        auto held = nodes.occupy(n, *asks[i].of);
        REQUIRE(held.has_value());
        running_.push_back({n, asks[i].of, *held});
      }
  }

  void end_some() {
    for (auto i = below(8); i > 0 && !running_.empty(); --i) {
      auto at = below(running_.size());
      nodes.vacate(running_[at].node, *running_[at].of, running_[at].held);
      running_[at] = running_.back();
      running_.pop_back();
    }
  }

  table nodes;

private:
  std::shared_ptr<const task_class> a_class() {
    auto gpu = below(4) == 0   ? 0
               : below(3) == 0 ? (below(3) + 1) * 1000
                               : (below(18) + 1) * 50;
    auto x = *a_task(static_cast<int64_t>(below(8) + 1) * 500,
                     static_cast<int64_t>(gpu));
    if (below(4) == 0)
      x.requirements = {{"model", {"new"}}};
    return std::make_shared<const task_class>(std::move(x));
  }

  std::mt19937_64 random_;
  std::vector<std::shared_ptr<const task_class>> classes_;
  std::vector<running> running_;
};

/// What the strategy says of one node, with nothing remembered.
units score_anew(const table& t, node_index n, const known_class& c) {
  gpu_outlook outlook{t.typical_gpu_demand()};
  auto free = t.free(n);
  gpu_left before{static_cast<int32_t>(free.cpu_millicores),
                  static_cast<int32_t>(free.memory_bytes / gibi),
                  outlook.kind_of(t.row(n).labels), t.gpus_left(n)};
  std::erase(before.devices, uint16_t{0});
  std::sort(before.devices.rbegin(), before.devices.rend());
  int64_t gain = 0;
  if (!before.devices.empty())
    gain = outlook.loss(outlook.know(before))
           - outlook.loss(outlook.know(after(before, shape_of(c))));
  auto steps = static_cast<int64_t>(
    std::floor(static_cast<double>(gain) / (20.0 * gpu_outlook::futures)));
  return units_per_point + std::clamp<int64_t>(steps, -1023, 1023) * 1024
         + fullness_after(t, n, c) / 4096;
}

} // namespace

// -- the measure ----------------------------------------------------------------

TEST_CASE("what a task cannot use is what the published measure says") {
  // 8 cores; devices with 0.7, 0.3 and nothing left.
  auto node = left(8000, {700, 300});
  // Fits on the first; the second has too little.
  CHECK(unusable(node, a_share(400, 1000)) == 300);
  // Fits on both.
  CHECK(unusable(node, a_share(300, 1000)) == 0);
  // Fits on none: all 0.7 + 0.3.
  CHECK(unusable(node, a_share(800, 1000)) == 1000);
  CHECK(unusable(node, whole(1, 1000)) == 1000);
  // Lacks cores.
  CHECK(unusable(node, a_share(300, 9000)) == 1000);
  // Asks for no GPU.
  CHECK(unusable(node, whole(0, 1000)) == 1000);
  // Two whole devices of three left, where two are asked for: the half is lost.
  CHECK(unusable(left(8000, {1000, 1000, 500}), whole(2, 1000)) == 500);
  CHECK(unusable(left(8000, {1000, 500}), whole(2, 1000)) == 1500);
  CHECK(unusable(left(8000, {}), whole(1, 1000)) == 0);
}

TEST_CASE("a share goes to the fullest device that takes it") {
  CHECK(after(left(8000, {1000, 500, 300}), a_share(300, 1000))
        == left(7000, {1000, 500}));
  CHECK(after(left(8000, {1000, 500, 300}), a_share(400, 1000))
        == left(7000, {1000, 300, 100}));
  CHECK(after(left(8000, {1000, 1000, 300}), whole(2, 1000))
        == left(7000, {300}));
}

TEST_CASE("what nobody can use in the end is lost") {
  gpu_outlook halves{only(a_share(500, 1000))};
  auto n = gpu_outlook::futures;
  CHECK(loss_of(halves, left(10'000, {})) == 0);
  CHECK(loss_of(halves, left(10'000, {1000})) == 0);
  // Two halves leave nothing, one half of 0.7 leaves 0.2.
  CHECK(loss_of(halves, left(10'000, {1000, 700})) == 200 * n);
  // Cores for three halves.
  CHECK(loss_of(halves, left(3000, {1000, 1000})) == 500 * n);
  CHECK(loss_of(halves, left(999, {1000, 1000})) == 2000 * n);
}

TEST_CASE(
  "a node that is not whole is lost for those who want several devices") {
  gpu_outlook pairs{only(whole(2, 1000))};
  auto n = gpu_outlook::futures;
  CHECK(loss_of(pairs, left(10'000, {1000, 1000})) == 0);
  // In the end, and for the next who comes.
  CHECK(loss_of(pairs, left(10'000, {1000})) == 2 * 1000 * n);
}

TEST_CASE("demand that may not come to a node does not count there") {
  auto choosy = a_share(500, 1000);
  choosy.requirements = {{"model", {"new"}}};
  gpu_outlook outlook{only(choosy)};
  auto node = left(10'000, {1000});
  node.kind = outlook.kind_of({{"model", "new"}});
  CHECK(outlook.loss(outlook.know(node)) == 0);
  node.kind = outlook.kind_of({{"model", "old"}});
  CHECK(outlook.loss(outlook.know(node)) == 1000 * gpu_outlook::futures);
}

// -- the demand -----------------------------------------------------------------

TEST_CASE("demand is what came, and is told anew after a quarter more") {
  gpu_demand aut;
  auto half = a_task(1000, 500);
  auto two = a_task(1000, 2000);
  for (int i = 0; i < 15; ++i)
    aut.note(known_class{*half});
  CHECK(aut.typical()->empty());
  aut.note(known_class{*two});
  CHECK(*aut.typical()
        == gpu_wishes{{{1000, 1, 0, 2, {}}, 1}, {{1000, 1, 500, 0, {}}, 15}});
  for (int i = 0; i < 64; ++i)
    aut.note(known_class{*two});
  auto known = aut.typical();
  auto sum = known->at(0).tasks + known->at(1).tasks;
  for (uint32_t i = 0; i < sum / 4 - 1; ++i)
    aut.note(known_class{*half});
  CHECK(aut.typical() == known);
}

TEST_CASE("demand has a limit, and forgets the rare and the old") {
  gpu_demand aut;
  for (int i = 0; i < 3000; ++i)
    aut.note(known_class{*a_task(1000 + i, 500)});
  CHECK(aut.typical()->size() <= gpu_demand::shapes_max);
  for (uint32_t i = 0; i < 20 * gpu_demand::tasks_max; ++i)
    aut.note(known_class{*a_task(500, 1000)});
  CHECK(aut.typical()->size() == 1);
  CHECK(aut.typical()->at(0).tasks < gpu_demand::tasks_max);
}

// -- the strategy -----------------------------------------------------------------

TEST_CASE("fgd does not strand GPUs for the sake of a full node") {
  table t;
  t.add(a_node(8, 2));
  t.add(a_node(8, 0));
  auto with_gpu = a_task(2000, 1000);
  std::vector<running> all;
  for (int i = 0; i < 20; ++i) {
    auto held = t.occupy(0, *with_gpu);
    REQUIRE(held.has_value());
    if (i != 19)
      t.vacate(0, *with_gpu, *held);
  }
  // Node 0 is in use, and has 6 cores and a device left.
  ask x{1, a_task(5000, 0), 1};
  CHECK(make_policy("binpack")->propose(t, {&x, 1}).runs[0].nodes
        == std::vector<node_index>{0});
  CHECK(make_policy("fgd")->propose(t, {&x, 1}).runs[0].nodes
        == std::vector<node_index>{1});
}

TEST_CASE("fgd fills a device where another share would leave a rest") {
  table t;
  t.add(a_node(32, 1));
  t.add(a_node(32, 1));
  auto large = a_task(1000, 600);
  auto small = a_task(1000, 400);
  // Node 0 has 0.6 left, node 1 has 0.4.
  REQUIRE(t.occupy(0, *small));
  REQUIRE(t.occupy(1, *large));
  for (auto& x : {small, large})
    for (int i = 0; i < 20; ++i) {
      auto n = x == small ? 1u : 0u;
      auto held = t.occupy(n, *x);
      REQUIRE(held.has_value());
      t.vacate(n, *x, *held);
    }
  ask x{1, small, 1};
  CHECK(make_policy("fgd")->propose(t, {&x, 1}).runs[0].nodes
        == std::vector<node_index>{1});
}

TEST_CASE("without GPUs fgd packs") {
  table t;
  for (int i = 0; i < 4; ++i)
    t.add(a_node(4, 0));
  ask x{1, a_task(1000, 0), 6};
  CHECK(make_policy("fgd")->propose(t, {&x, 1}).runs[0].nodes
        == std::vector<node_index>{0, 0, 0, 0, 1, 1});
}

TEST_CASE("fgd says the same with and without what it remembers") {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    CAPTURE(seed);
    field x{seed};
    auto experienced = make_policy("fgd");
    for (int step = 0; step < 60; ++step) {
      CAPTURE(step);
      auto asks = x.asks();
      auto answer = experienced->propose(x.nodes, asks);
      REQUIRE(answer == make_policy("fgd")->propose(x.nodes, asks));
      if (step % 10 == 0)
        static_cast<void>(experienced->explain(x.nodes, *asks[0].of));
      x.commit(asks, answer);
      x.end_some();
    }
  }
}

TEST_CASE("fgd takes the node that a look at each node anew finds best") {
  field x{7};
  auto aut = make_policy("fgd");
  for (int step = 0; step < 80; ++step) {
    CAPTURE(step);
    auto asks = x.asks();
    asks.resize(1);
    asks[0].count = 1;
    auto answer = aut->propose(x.nodes, asks);
    known_class c{*asks[0].of};
    std::optional<node_index> best;
    units most = 0;
    for (node_index n = 0; n < x.nodes.rows(); ++n)
      if (x.nodes.refuses(n, c) == reason::none
          && !x.nodes.typical_gpu_demand()->empty())
        if (auto score = score_anew(x.nodes, n, c); !best || score > most) {
          best = n;
          most = score;
        }
    if (best)
      REQUIRE(answer.runs[0].nodes == std::vector<node_index>{*best});
    x.commit(asks, answer);
    auto more = x.asks();
    x.commit(more, aut->propose(x.nodes, more));
    x.end_some();
  }
}
