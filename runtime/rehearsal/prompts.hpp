#pragma once

/// What was said to a controller, found out from what it wrote down: the facts
/// that came of one step, and what stands with them.

#include <optional>
#include <span>
#include <vector>

#include "messages/command.hpp"

#include "runtime/cluster/cluster.hpp"

namespace troupe::runtime::rehearsal {

/// The commands behind `facts`, all that came of one command: mostly one; before
/// it, answers of nodes that left no facts. None if no command of this program
/// brings about the like.
/// @param before  the state that it was said to.
[[nodiscard]] std::vector<command>
commands_behind(const cluster& before, std::span<const event> facts);

/// What nodes had answered before time brought `facts` about.
[[nodiscard]] std::vector<command>
answers_before(const cluster& before, std::span<const event> facts);

/// The command that left no fact, `x` being what is noted of it.
[[nodiscard]] command silent_command(const cluster& before, const step& x);

} // namespace troupe::runtime::rehearsal
