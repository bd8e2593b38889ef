#pragma once

#include <string>
#include <utility>
#include <vector>

#include "messages/work.hpp"

namespace troupe::runtime {

using environment = std::vector<std::pair<std::string, std::string>>;

/// What every task finds in its environment, whatever runs it: `TROUPE_JOB`,
/// `TROUPE_TASK`, `TROUPE_INDEX`, `TROUPE_COUNT`, `TROUPE_ATTEMPT`,
/// `TROUPE_NODE`, `TROUPE_PORT_<NAME>` for each port, `TROUPE_GPUS`; then what the
/// job says, which wins.
[[nodiscard]] environment
environment_of(const work_item& item, const std::string& node);

/// Number of a signal such as `SIGTERM`; 15 for one that is unknown here.
[[nodiscard]] int signal_number(const std::string& name);

/// Name of a signal's number, such as `SIGKILL`.
[[nodiscard]] std::string signal_name(int number);

} // namespace troupe::runtime
