#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "messages/expected.hpp"

namespace troupe::runtime::placement {

struct bench_options {
  uint32_t nodes = 10'000;
  uint32_t tasks = 100'000;
  /// One of `bench_scenarios`.
  std::string scenario = "mixed";
  std::string strategy = "binpack";
  uint64_t seed = 1;
  /// Tasks in one proposal while throughput is measured.
  uint32_t batch = 512;
  /// That look at nodes side by side.
  uint32_t threads = 1;
};

/// More gain nothing: what is left for one is most of the work by then.
inline constexpr uint32_t bench_threads_max = 4;

struct bench_result {
  std::string scenario;
  std::string strategy;
  uint32_t nodes = 0;
  uint64_t classes = 0;
  /// Decisions: tasks that were placed, and that nothing was found for.
  uint64_t placed = 0;
  uint64_t refused = 0;
  /// Proposals that the table refused; must be 0.
  uint64_t conflicts = 0;
  double seconds = 0;
  /// Of the one thread that does it all.
  double cpu_seconds = 0;
  /// Decisions per second, committed, in batches; and what one core would do on
  /// a machine that does nothing else.
  double decisions_per_second = 0;
  double decisions_per_cpu_second = 0;
  /// Of one task proposed and committed alone.
  double p50_us = 0;
  double p99_us = 0;
  /// Of copying the table.
  double snapshot_us = 0;
};

/// `mixed` (a thousand kinds of jobs of 1 to 40 tasks), `singles` (the same, one
/// task at a time), `unique` (every task of a class of its own: nothing is ever
/// remembered), `basic`, `nodeAffinity`, `affinity`, `antiAffinity`, `spread`,
/// `churn` (tasks end at random), `unschedulable` (half of the tasks), and
/// `preemption` and `gang` (nodes that are full: at most a thousand decisions).
[[nodiscard]] std::vector<std::string> bench_scenarios();

/// Places generated tasks on generated nodes and measures it. The nodes and the
/// tasks, but not the time, are the same for the same options. Errors: an unknown
/// scenario or strategy, or no nodes.
[[nodiscard]] expected<bench_result, std::string>
run_placement_bench(const bench_options& options);

} // namespace troupe::runtime::placement
