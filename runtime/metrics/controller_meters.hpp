#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "messages/state.hpp"

namespace prometheus {
struct MetricFamily;
} // namespace prometheus

namespace troupe::runtime {

/// What a controller counts and times, beside what can be read off its state.
/// Everything begins at zero with the process, as Prometheus expects. May be
/// used from all threads.
class controller_meters {
public:
  using seconds = std::chrono::duration<double>;

  controller_meters();
  ~controller_meters();
  controller_meters(const controller_meters&) = delete;
  controller_meters& operator=(const controller_meters&) = delete;

  // -- the scheduler ---------------------------------------------------------

  /// One round: from asking a policy for places to having decided.
  void note_decision(seconds took);
  /// Looks for a place, one for each task that got it and one for each class of
  /// tasks that did not. `result` is `placed` or `refused`.
  void note_attempts(std::string_view result, reason why, uint64_t count);
  /// A look for those that had been refused before: `placed`, `refused`, or
  /// `exhausted` when there are no more.
  void note_retries(std::string_view outcome, uint64_t count);
  void note_placement_latency(seconds since_submission);
  void note_start_latency(seconds since_placement);
  void note_preemption(reason why);
  /// `reserved`, `committed` or `released`.
  void note_gang_attempt(std::string_view result);
  void note_gang_wait(seconds since_submission);
  void note_restart();
  /// `hit` or `miss`.
  void note_cache_lookup(std::string_view result);

  // -- nodes -----------------------------------------------------------------

  void note_missed_heartbeats(const std::string& node, uint64_t count);
  void forget_node(const std::string& node);
  /// `kind` is `http`, `tcp` or `command`; `result` is `passed` or `failed`.
  void note_health_checks(std::string_view kind, std::string_view result,
                          uint64_t count);

  // -- the process -----------------------------------------------------------

  void note_append(seconds took);
  /// `route` is a pattern of the table of routes, so that there are few.
  void note_request(std::string_view route, int code, seconds took);

  [[nodiscard]] std::vector<prometheus::MetricFamily> collect() const;

private:
  struct families;
  std::unique_ptr<families> families_;
};

} // namespace troupe::runtime
