#pragma once

#include <csignal>
#include <string>

#include "runtime/drivers/process/unique_fd.hpp"

namespace troupe::runtime::process {

/// Stops the task by its stop signal and kills it after its grace.
inline constexpr int runner_stop_signal = SIGTERM;
/// Kills the task at once.
inline constexpr int runner_kill_signal = SIGUSR1;

/// The whole life of a runner: claims the run in directory `path`, starts its
/// command, writes its logs and its ending, and leaves nothing of it behind.
/// Ends at once if the run is claimed already, so that a run is never run twice.
/// Writes "pid milliseconds\n" to `notice` when the command runs; it is no
/// error if nobody listens any more.
/// REQUIRES: a process of its own with one thread, that blocks all signals and
/// has nothing open but 0 to 2 and `notice`.
void run_task(const std::string& path, unique_fd notice);

} // namespace troupe::runtime::process
