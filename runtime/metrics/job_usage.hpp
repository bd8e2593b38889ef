#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "messages/ids.hpp"

namespace troupe::runtime {

/// What the tasks of a machine use, by job: many short tasks of one job are one
/// line to whoever looks. Time is an argument.
class job_usage {
public:
  using time_point = std::chrono::steady_clock::time_point;

  struct options {
    /// A run that is not seen for so long uses no memory any more. Longer than
    /// two heartbeats, since engines sometimes answer late.
    std::chrono::seconds run_idle{30};
    /// What is known of such a run is kept for so long: seen again, its time is
    /// not counted twice.
    std::chrono::seconds run_forgotten{3'600};
    /// A job without runs is shown for so long.
    std::chrono::seconds job_forgotten{900};
    /// Jobs shown; beyond, those without runs go first.
    size_t jobs_max = 1'000;
  };

  struct sample {
    std::string job;
    allocation_id run;
    /// Since the run began; less than before if it was started again.
    double cpu_seconds = 0;
    int64_t memory_bytes = 0;
  };

  struct totals {
    /// Never falls.
    double cpu_seconds = 0;
    int64_t memory_bytes = 0;
  };

  job_usage();
  explicit job_usage(options x);

  void take(const std::vector<sample>& samples, time_point now);

  /// As of the last `take`.
  [[nodiscard]] std::map<std::string, totals> by_job() const;

private:
  struct run {
    std::string job;
    double cpu_seconds = 0;
    int64_t memory_bytes = 0;
    time_point seen;
  };
  struct job {
    double cpu_seconds = 0;
    time_point seen;
  };
  void forget(time_point now);

  options options_;
  time_point now_;
  std::map<allocation_id, run> runs_;
  std::map<std::string, job> jobs_;
};

} // namespace troupe::runtime
