#pragma once

#include <optional>
#include <string>
#include <variant>

#include "runtime/drivers/process/control_group.hpp"
#include "runtime/drivers/process/run_dir.hpp"

/// What an agent finds when it looks at the directory of a run.
namespace troupe::runtime::process {

/// Nobody has begun to run it.
struct unclaimed_run {};

/// Its runner lives.
struct running_run {
  unique_fd runner;
  pid_t runner_pid = 0;
  /// Nothing while the command is about to start.
  std::optional<run_state> state;
};

/// Its runner lives, but cannot be named from here: its process id means
/// nothing in this container, say. It is waited for by looking again.
struct unreachable_run {};

using run_finding
  = std::variant<unclaimed_run, running_run, unreachable_run, run_exit>;

/// A run whose runner died without writing an ending is `lost`: what is left of
/// it is killed, and that ending is written, so that it is found ever after.
[[nodiscard]] run_finding
find_run(const run_dir& dir, const control_groups& groups);

/// Sees to it that an unclaimed run is never run: claims it and writes `ending`
/// with this `why`. If somebody was faster, all stays as it is. Returns what is
/// found after.
[[nodiscard]] run_finding
revoke_run(const run_dir& dir, const control_groups& groups, std::string why,
           run_ending ending = run_ending::start_failed);

} // namespace troupe::runtime::process
