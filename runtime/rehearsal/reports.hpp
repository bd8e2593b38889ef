#pragma once

/// What nodes told of their tasks, found out from the facts that came of it.

#include <span>
#include <vector>

#include "messages/command.hpp"

#include "runtime/cluster/cluster.hpp"

namespace troupe::runtime::rehearsal {

/// What a node told at once; and before it, what others had answered to the
/// question for places of a gang, of which only the last answer leaves a fact.
/// Empty if no node told of these facts.
[[nodiscard]] std::vector<command>
reports_behind(const cluster& before, const step& own,
               std::span<const event> facts);

/// The hello of a node that told all that it has.
[[nodiscard]] command hello_behind(const cluster& before, const step& own,
                                   std::span<const event> facts);

/// What nodes had answered before a gang that waited for one of them gave up.
[[nodiscard]] std::vector<command>
answers_before(const cluster& before, const gang_released& x, timestamp now);

/// What runs on a node, or has ended there, that was not to run.
[[nodiscard]] std::vector<task_report> strays_in(const step& x);

} // namespace troupe::runtime::rehearsal
