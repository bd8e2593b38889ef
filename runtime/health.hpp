#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <optional>
#include <vector>

#include "messages/driver.hpp"
#include "messages/job.hpp"

namespace troupe::runtime {

/// Decides from the results of checks whether a run is healthy.
///
///   unknown, unhealthy -> healthy    [note passed]
///   unknown, healthy   -> unhealthy  [note failed, so many in a row]
///
/// What fails within the grace after the start does not count, and what found
/// nothing out says nothing: neither good nor bad.
class health {
public:
  /// REQUIRES: rule.failures > 0.
  health(health_check rule, timestamp started);

  /// Notes what a check found at `now`. Returns the health if that has changed.
  [[nodiscard]] std::optional<task_health>
  note(check_result found, timestamp now);

  [[nodiscard]] task_health state() const { return state_; }
  /// How long to wait for the first check: what has just started is looked at
  /// soon. The others follow at the rule's interval.
  [[nodiscard]] milliseconds first_pause() const;

private:
  health_check rule_;
  timestamp started_;
  task_health state_ = task_health::unknown;
  uint32_t failed_in_a_row_ = 0;
};

/// Counts results of checks over all tasks of a machine, from all threads.
class check_counts {
public:
  void add(check_kind kind, check_result result) {
    ++counts_[static_cast<size_t>(kind)][static_cast<size_t>(result)];
  }
  /// Takes out what was counted since the last call, nothings left out.
  [[nodiscard]] std::vector<check_count> take();

private:
  // [kind][result], in the order of their enumerations.
  std::array<std::array<std::atomic<uint64_t>, 3>, 3> counts_{};
};

} // namespace troupe::runtime
