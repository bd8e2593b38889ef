#pragma once

#include <string>
#include <vector>

#include "tools/troupe/rest.hpp"

namespace troupe::tools {

/// How far a node that is drained has come.
enum class drain_step : uint8_t {
  /// Tasks are still to be moved.
  draining,
  /// Nothing runs there any more.
  drained,
  /// Somebody has let it take work again.
  undone
};

/// Judges the view of a node.
[[nodiscard]] drain_step step_of(const json_value& node);

/// `n1: 3 tasks to move: web.0, web.1, db.0`; `tasks` are some of those that
/// are left there.
[[nodiscard]] std::string
drain_text(const json_value& node, const json_value& tasks);

/// Waits until all of `names` are drained, showing what is left, and says how
/// each ended. Answers 0, or the code of the first that will not be drained.
int wait_for_drains(const rest& controller,
                    const std::vector<std::string>& names);

} // namespace troupe::tools
