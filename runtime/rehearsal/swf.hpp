#pragma once

/// Logs of parallel machines in the Standard Workload Format, as the Parallel
/// Workloads Archive keeps them: played by the scheduler, and in the plain order
/// of the queue to compare with.
///
/// The machine is one node with as many cores as it has processors; a job is a
/// batch task that asks for as many as it had. Which processors they are does not
/// matter, so nothing is lost by that.
///
/// Source: Chapin et al., "Benchmarks and Standards for the Evaluation of Parallel
/// Job Schedulers", JSSPP 1999.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

#include "messages/expected.hpp"
#include "messages/problem.hpp"

#include "runtime/rehearsal/figures.hpp"
#include "runtime/rehearsal/scenario.hpp"

namespace troupe::runtime::rehearsal {

/// All times in seconds.
struct swf_job {
  int64_t number = 0;
  int64_t submit = 0;
  int64_t run = 0;
  uint32_t processors = 0;
  /// What its user said; it was killed by then.
  int64_t estimate = 0;
  bool operator==(const swf_job&) const = default;
};

struct swf_log {
  uint32_t processors = 0;
  /// By time of submission; at the same time as in the file.
  std::vector<swf_job> jobs;
  /// Jobs that say too little, or ask for more than the machine has.
  uint64_t left_out = 0;
};

/// Reads a log. What a job does not say of its estimate is its run time; one that
/// ran longer than estimated ends at the estimate. `processors`, if not 0, counts
/// instead of what the header says.
/// Errors: what is wrong, with the line as pointer, as in `/12`.
[[nodiscard]] expected<swf_log, problem>
read_swf(std::string_view text, uint32_t processors = 0);

/// [number of a job] Its wait in seconds.
using swf_waits = std::map<int64_t, int64_t>;

enum class swf_order : uint8_t {
  /// Nobody starts before those ahead of it have. Not what the scheduler does.
  plain,
  /// Whoever fits starts: nobody says how long it takes.
  greedy,
  /// The first in the queue has a reservation, and others may use what it leaves.
  backfill
};

struct swf_run {
  std::string name;
  swf_waits waits;
  wait_figures wait_seconds;
  /// Mean over jobs of (wait + run) / run, of runs below ten seconds as if they
  /// took ten, at least 1.
  double bounded_slowdown = 0;
  double makespan_seconds = 0;
  /// Of the processors over that time.
  double use = 0;
};

[[nodiscard]] expected<swf_run, problem>
play_swf(const swf_log& log, swf_order order);

[[nodiscard]] boost::json::value write_swf_run(const swf_run& x);

} // namespace troupe::runtime::rehearsal
