// Measures placement as the scheduler does it: copy the table, let a policy
// propose on the copy, commit on the table. The only file of this folder that
// reads a clock.

#include "runtime/placement/bench.hpp"

#include <algorithm>
#include <chrono>
#include <memory>
#include <tuple>
#include <utility>

#include <time.h>

#include "runtime/placement/bench_contention.hpp"
#include "runtime/placement/policy.hpp"

namespace troupe::runtime::placement {

namespace {

using clock = std::chrono::steady_clock;
using class_ptr = std::shared_ptr<const task_class>;

constexpr int64_t mebi = 1 << 20;

/// Of this thread.
double cpu_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec)
         + static_cast<double>(now.tv_nsec) * 1e-9;
}

double seconds_since(clock::time_point start) {
  return std::chrono::duration<double>(clock::now() - start).count();
}

/// Splitmix64: the same numbers on every machine.
class dice {
public:
  explicit dice(uint64_t seed) : state_(seed) {}
  uint64_t next() {
    auto x = state_ += 0x9E3779B97F4A7C15ull;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
    return x ^ (x >> 31);
  }
  uint64_t below(uint64_t n) { return next() % n; }
  bool chance(uint64_t percent) { return below(100) < percent; }

private:
  uint64_t state_;
};

std::string numbered(const char* prefix, uint64_t n) {
  return prefix + std::to_string(n);
}

// -- what is generated -------------------------------------------------------

table make_nodes(const bench_options& options, dice& d) {
  table result;
  for (uint32_t i = 0; i < options.nodes; ++i) {
    node_row row;
    row.name = numbered("n", i);
    auto cores = int64_t{8} << d.below(4);
    row.capacity.cpu_millicores = cores * 1000;
    row.capacity.memory_bytes
      = cores * (int64_t{2} << d.below(3)) * 1024 * mebi;
    row.labels = {{"disk", d.chance(50) ? "ssd" : "hdd"},
                  {"rack", numbered("r", i / 40)},
                  {"zone", numbered("z", i % 8)}};
    result.add(std::move(row));
  }
  return result;
}

task_class a_size(const bench_options& options, dice& d) {
  task_class result;
  result.strategy = options.strategy;
  result.request.cpu_millicores = int64_t{50} << d.below(6);
  result.request.memory_bytes = (int64_t{64} << d.below(7)) * mebi;
  return result;
}

task_class mixed_class(const bench_options& options, dice& d, uint64_t number) {
  auto result = a_size(options, d);
  result.labels = {{"app", numbered("a", number)}};
  if (d.chance(20))
    result.requirements = {{"zone", {numbered("z", d.below(8))}}};
  if (d.chance(20))
    result.preferences = {{"disk", "ssd", 50}};
  if (d.chance(5)) {
    if (d.chance(50))
      result.avoid_colocating = {{"app", numbered("a", d.below(number + 1))}};
    else
      result.colocate_with = {{"app", numbered("a", d.below(20))}};
  }
  return result;
}

task_class make_class(const bench_options& options, dice& d, uint64_t number) {
  auto& scenario = options.scenario;
  if (scenario == "mixed" || scenario == "singles")
    return mixed_class(options, d, number);
  auto result = a_size(options, d);
  if (scenario == "unique") {
    // No two are the same, so that nothing is remembered.
    result.request.memory_bytes += static_cast<int64_t>(number);
    return result;
  }
  // As kube-scheduler's own benchmarks have it: 100m and 500 MiB each.
  result.request = {100, 500 * mebi, 0, {}};
  result.labels = {{"app", numbered("a", number)}};
  if (scenario == "nodeAffinity")
    result.requirements = {{"zone", {numbered("z", number % 8), "z7"}}};
  else if (scenario == "affinity")
    result.colocate_with = {{"service", numbered("s", number % 20)}};
  else if (scenario == "antiAffinity")
    result.avoid_colocating = result.labels;
  else if (scenario == "spread") {
    result.spread_by = {"zone"};
    result.spread_group = result.labels.front().value;
  } else if (scenario == "unschedulable" && number % 2 == 0)
    result.requirements = {{"zone", {"nowhere"}}};
  return result;
}

std::vector<class_ptr> make_classes(const bench_options& options, dice& d) {
  uint64_t count = 20;
  if (options.scenario == "mixed" || options.scenario == "singles")
    count = std::max<uint64_t>(1, options.tasks / 100);
  else if (options.scenario == "unique")
    count = std::max<uint32_t>(1, options.tasks);
  else if (options.scenario == "antiAffinity")
    // Each has at most one task on a node.
    count = 20 + 2 * options.tasks / options.nodes;
  std::vector<class_ptr> result;
  for (uint64_t i = 0; i < count; ++i)
    result.push_back(
      std::make_shared<const task_class>(make_class(options, d, i)));
  return result;
}

// -- the run -----------------------------------------------------------------

struct running_task {
  node_index node;
  class_ptr of;
  occupation held;
};

class bench_run {
public:
  explicit bench_run(const bench_options& options)
    : options_(options), dice_(options.seed),
      table_(make_nodes(options, dice_)),
      classes_(make_classes(options, dice_)),
      policy_(make_policy(options.strategy, options.threads)) {
    if (options.scenario == "affinity")
      place_services();
  }

  bench_result run() {
    place_in_batches();
    place_alone();
    measure_snapshot();
    result_.scenario = options_.scenario;
    result_.strategy = options_.strategy;
    result_.nodes = options_.nodes;
    result_.classes = classes_.size();
    return result_;
  }

private:
  // One in ten nodes runs a service that others want to be near to.
  void place_services() {
    for (node_index n = 0; n < options_.nodes; n += 10) {
      task_class service;
      service.labels = {{"service", numbered("s", n / 10 % 20)}};
      (void)table_.occupy(n, service);
    }
  }

  ask next_ask() {
    auto number = options_.scenario == "unique" ? asked_ % classes_.size()
                                                : dice_.below(classes_.size());
    return {++asked_, classes_[number], 1};
  }

  // Half of the jobs of `mixed` are of one task, the others of up to 40.
  ask next_job(uint32_t most) {
    auto result = next_ask();
    if (options_.scenario == "mixed" && dice_.chance(50))
      result.count = static_cast<uint32_t>(
        dice_.chance(50) ? 2 + dice_.below(7) : 9 + dice_.below(32));
    result.count = std::min(result.count, most);
    return result;
  }

  void commit(const std::vector<ask>& asks, const proposal& proposed) {
    for (size_t i = 0; i < asks.size(); ++i) {
      result_.refused += asks[i].count - proposed.runs[i].nodes.size();
      for (auto n : proposed.runs[i].nodes) {
        auto held = table_.occupy(n, *asks[i].of);
        if (held)
          keep({n, asks[i].of, std::move(*held)});
        else
          ++result_.conflicts;
      }
    }
  }

  void keep(running_task x) {
    ++result_.placed;
    if (options_.scenario == "churn")
      running_.push_back(std::move(x));
  }

  // Half of what runs is as much as the scenario keeps.
  void end_some() {
    while (running_.size() > options_.tasks / 2) {
      auto& x = running_[dice_.below(running_.size())];
      table_.vacate(x.node, *x.of, x.held);
      x = std::move(running_.back());
      running_.pop_back();
    }
  }

  void turn(const std::vector<ask>& asks) {
    auto snapshot = table_;
    commit(asks, policy_->propose(snapshot, asks));
  }

  void place_in_batches() {
    std::vector<std::vector<ask>> batches;
    for (uint32_t left = options_.tasks; left > 0;) {
      auto& batch = batches.emplace_back();
      for (auto i = std::min(left, options_.batch); i > 0;) {
        batch.push_back(next_job(i));
        i -= batch.back().count;
        left -= batch.back().count;
      }
    }
    auto start = clock::now();
    auto cpu_start = cpu_seconds();
    for (auto& batch : batches) {
      turn(batch);
      end_some();
    }
    result_.seconds = seconds_since(start);
    result_.cpu_seconds = cpu_seconds() - cpu_start;
    result_.decisions_per_second = options_.tasks / result_.seconds;
    result_.decisions_per_cpu_second = options_.tasks / result_.cpu_seconds;
  }

  void place_alone() {
    std::vector<double> times;
    auto counts = std::pair{result_.placed, result_.refused};
    for (uint32_t i = 0; i < std::min(options_.tasks, 5'000u); ++i) {
      std::vector<ask> one{next_ask()};
      auto start = clock::now();
      turn(one);
      times.push_back(seconds_since(start) * 1e6);
    }
    std::tie(result_.placed, result_.refused) = counts;
    std::sort(times.begin(), times.end());
    result_.p50_us = times[times.size() / 2];
    result_.p99_us = times[times.size() * 99 / 100];
  }

  void measure_snapshot() {
    constexpr int times = 1000;
    auto start = clock::now();
    for (int i = 0; i < times; ++i) {
      auto snapshot = table_;
      if (snapshot.rows() != table_.rows())
        ++result_.conflicts;
    }
    result_.snapshot_us = seconds_since(start) * 1e6 / times;
  }

  bench_options options_;
  dice dice_;
  table table_;
  std::vector<class_ptr> classes_;
  std::unique_ptr<policy> policy_;
  std::vector<running_task> running_;
  uint64_t asked_ = 0;
  bench_result result_;
};

} // namespace

std::vector<std::string> bench_scenarios() {
  return {"mixed",        "singles",       "unique",       "basic",
          "nodeAffinity", "affinity",      "antiAffinity", "spread",
          "churn",        "unschedulable", "preemption",   "gang"};
}

expected<bench_result, std::string>
run_placement_bench(const bench_options& options) {
  auto known = bench_scenarios();
  if (std::find(known.begin(), known.end(), options.scenario) == known.end())
    return make_unexpected("unknown scenario " + options.scenario);
  auto names = policy_names();
  if (std::find(names.begin(), names.end(), options.strategy) == names.end())
    return make_unexpected("unknown strategy " + options.strategy);
  if (options.nodes == 0 || options.tasks == 0 || options.batch == 0)
    return make_unexpected(
      std::string{"needs at least one node, one task and batches of one"});
  if (options.threads == 0 || options.threads > bench_threads_max)
    return make_unexpected("threads must be 1 to "
                           + std::to_string(bench_threads_max));
  if (options.scenario == "preemption" || options.scenario == "gang")
    return run_contention_bench(options);
  return bench_run{options}.run();
}

} // namespace troupe::runtime::placement
