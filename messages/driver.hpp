#pragma once

/// What an agent, its tasks and its drivers say to each other on a machine.

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
  allocation_id allocation;
  bool operator==(const stop_run&) const = default;
};

/// Removes what is left of a run that has ended.
struct forget_run {
  allocation_id allocation;
  bool operator==(const forget_run&) const = default;
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
  allocation_id allocation;
  run_phase phase = run_phase::preparing;
  /// How it ended: `succeeded`, `failed`, or `lost` if nobody can know.
  task_state state = task_state::running;
  reason why = reason::none;
  std::string message;
  std::optional<int32_t> exit_code;
  timestamp at;
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
  bool operator==(const measured_runs&) const = default;
};

} // namespace troupe
