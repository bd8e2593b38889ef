#pragma once

/// What an agent, its tasks and its drivers say to each other on a machine.

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include "messages/work.hpp"

namespace troupe {

/// Runs what `item` says. Heard twice, it is run once.
struct start_run {
  work_item item;
  bool operator==(const start_run&) const = default;
};

/// Stops a run: the job's stop signal, then SIGKILL after its grace.
struct stop_run {
  run_id run;
  bool operator==(const stop_run&) const = default;
};

/// Ends a task for good, whichever of its runs it is at, because of `why`.
struct end_task {
  reason why = reason::stopped_by_user;
  /// For people; empty if the reason says it all.
  std::string message;
  bool operator==(const end_task&) const = default;
};

/// Says that it is on disk that `attempt` comes next: it may begin.
struct restart_kept {
  uint32_t attempt = 0;
  bool operator==(const restart_kept&) const = default;
};

/// How far an allocation has come on its machine: what a restarted process must
/// know of it.
struct run_progress {
  /// The present attempt.
  uint32_t attempt = 0;
  /// Whether its run is known to have begun: then it never begins again.
  bool begun = false;
  /// When earlier attempts ended that were followed by a restart here, within
  /// the job's window, oldest first.
  std::vector<timestamp> restarts;
  /// How attempts ended that were followed by a restart here, as far as the
  /// controller is not known to know.
  std::vector<task_report> ends;
  /// Why it is to end for good, if it is.
  reason stopping = reason::none;
  std::string stop_message;
  /// What the burst of the present attempt is held to; 0: it is not.
  run_limits burst{};
  bool operator==(const run_progress&) const = default;
  BOOST_DESCRIBE_CLASS(run_progress, (),
                       (attempt, begun, restarts, ends, stopping, stop_message,
                        burst),
                       (), ())
};

/// Asks a driver where `port` of a run is reached from this machine.
struct locate_port {
  run_id run;
  /// Of its container, or of the machine.
  uint16_t port = 0;
  /// Where the machine publishes it; 0 if it does not.
  uint16_t host_port = 0;
  bool operator==(const locate_port&) const = default;
};

struct located_port {
  /// Why nobody knows now.
  std::string error;
  std::string host;
  uint16_t port = 0;
  bool operator==(const located_port&) const = default;
};

/// Asks a driver whether what runs its tasks answers now.
struct probe_driver {
  bool operator==(const probe_driver&) const = default;
};

struct probed_driver {
  /// Why it does not; empty if it does.
  std::string trouble;
  bool operator==(const probed_driver&) const = default;
};

/// Says what check number `number` of a checker found.
struct check_answer {
  uint64_t number = 0;
  check_result result = check_result::unknown;
  std::string message;
  bool operator==(const check_answer&) const = default;
};

/// Says that the health of a run has changed, and what was found last.
struct health_changed {
  run_id run;
  task_health health = task_health::unknown;
  std::string message;
  bool operator==(const health_changed&) const = default;
};

/// Removes what is left of a run that has ended.
struct forget_run {
  run_id run;
  bool operator==(const forget_run&) const = default;
};

/// Sets what a run may use at most from now on.
struct limit_run {
  run_id run;
  /// What its job says.
  run_limits own;
  run_limits wanted;
  bool operator==(const limit_run&) const = default;
};

/// Says what a run may use at most now: more memory than was wanted, if it uses
/// more and the kernel can take none of it back.
struct limited_run {
  /// Why nothing has changed; empty if it has.
  std::string error;
  run_limits limits;
  bool operator==(const limited_run&) const = default;
};

/// Asks for what runs or has ended here, from earlier lives of this process, and
/// follows it from now on.
struct adopt_runs {
  bool operator==(const adopt_runs&) const = default;
};

enum class run_phase : uint8_t { preparing, started, ended };
BOOST_DESCRIBE_ENUM(run_phase, preparing, started, ended)

/// Says how a run goes. After `ended` nothing follows.
struct run_event {
  run_id run;
  run_phase phase = run_phase::preparing;
  /// How it ended: `succeeded`, `failed`, or `lost` if nobody can know.
  task_state state = task_state::running;
  reason why = reason::none;
  std::string message;
  std::optional<int32_t> exit_code;
  timestamp at;
  /// Of a container that ended: what its engine calls its image.
  std::string image_digest{};
  bool operator==(const run_event&) const = default;
};

/// Runs that a driver found when it was asked to adopt.
struct adopted_runs {
  std::vector<run_event> runs;
  /// Why a driver cannot tell now; it is asked again then.
  std::string error;
  bool operator==(const adopted_runs&) const = default;
};

/// Asks what the runs of a driver use now.
struct measure_runs {
  bool operator==(const measure_runs&) const = default;
};

struct measured_runs {
  std::vector<task_usage> tasks;
  /// Of the agent: since it was asked last.
  std::vector<check_count> checks{};
  /// Of a driver: why it can run nothing now; empty if it can.
  std::optional<std::string> trouble{};
  /// Of the agent: the same of its drivers.
  std::vector<driver_trouble> troubles{};
  /// Of the agent: the bursts that it holds back.
  std::vector<burst_limit> burst_limits{};
  /// Of a driver: when each of `tasks` was measured, in the same order, by the
  /// actors' clock. Empty: now.
  std::vector<std::chrono::steady_clock::time_point> at{};
  bool operator==(const measured_runs&) const = default;
};

} // namespace troupe
