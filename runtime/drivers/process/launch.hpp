#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "messages/expected.hpp"

#include "runtime/drivers/process/run_dir.hpp"

namespace troupe::runtime::process {

/// Where a command's streams go, and which control groups it joins.
struct launch_place {
  int out = -1;
  int err = -1;
  /// Files of `control_groups::create`.
  std::vector<std::string> doors;
};

/// Starts `argv` with user, environment and working directory of `spec`: in a
/// session of its own, that dies with the calling process, with nothing open
/// but its three streams. Returns when the command runs.
/// Errors: a sentence that says why it could not run; nothing is left then.
/// REQUIRES: the caller has one thread, and `argv` is not empty.
[[nodiscard]] expected<pid_t, std::string>
launch(const run_dir& dir, const run_spec& spec,
       const std::vector<std::string>& argv, const launch_place& place);

} // namespace troupe::runtime::process
