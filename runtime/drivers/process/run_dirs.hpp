#pragma once

#include <string>
#include <vector>

#include "messages/ids.hpp"

/// The directories of all runs of a machine.
namespace troupe::runtime::process {

/// Where they are.
[[nodiscard]] std::string runs_path(const std::string& data_dir);

/// The runs that have a directory in `path`, in order.
[[nodiscard]] std::vector<run_id> runs_in(const std::string& path);

/// Removes the directory of one run.
void remove_run(const std::string& path);

/// Removes what was left of removals in `path` when the process ended.
void remove_leftovers(const std::string& path);

} // namespace troupe::runtime::process
