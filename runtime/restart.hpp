#pragma once

#include <optional>
#include <vector>

#include "messages/job.hpp"
#include "messages/timestamp.hpp"

namespace troupe::runtime {

/// Restarts that are told apart within a window. A rule that allows more than
/// these is one without a limit.
constexpr uint32_t restarts_known_max = 1'000;

/// Decides whether a run that ended at `now` starts again on its machine.
/// @param earlier  when runs before it ended that were started again, in order.
/// @returns        the same with `now`, those before the window left out; or
///                 nothing if there have been enough of them.
[[nodiscard]] std::optional<std::vector<timestamp>>
plan_restart(const restart_policy& rule, std::vector<timestamp> earlier,
             timestamp now);

/// How long the last of so many restarts within a window waits.
/// REQUIRES: restarts > 0.
[[nodiscard]] milliseconds
restart_delay(const restart_policy& rule, size_t restarts);

} // namespace troupe::runtime
