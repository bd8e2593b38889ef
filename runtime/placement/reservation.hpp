#pragma once

/// When and where tasks that fit nowhere now could start, going by when others
/// are expected to end, and what is left for others until then.

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "messages/timestamp.hpp"

#include "runtime/placement/preempt.hpp"
#include "runtime/placement/table.hpp"

namespace troupe::runtime::placement {

/// A tenant that is expected to have left by `at`.
struct ending {
  timestamp at;
  node_index node = 0;
  uint64_t id = 0;
  auto operator<=>(const ending&) const = default;
};

struct reservation {
  /// The earliest time at which all of the tasks could start.
  timestamp at;
  /// Whether somebody who has to leave before was expected to have left by now:
  /// then nobody knows how late it will be.
  bool overdue = false;
  /// Their nodes, each with how many go there; nodes where others could be until
  /// then come last.
  std::vector<std::pair<node_index, uint32_t>> places;
  /// What will be free on each of those nodes by then.
  std::vector<resources> free_then;
  /// The nodes as they are for whoever would still be there at that time: without
  /// what the tasks will need.
  table rest;
};

/// Reserves for `count` tasks of `c`. `endings` are in order of time; those that
/// are overdue count as ended now. Nothing if the tasks fit now, or would not
/// even when all of `endings` have left.
///
/// Source: EASY, Lifka, "The ANL/IBM SP Scheduling System", JSSPP 1995.
[[nodiscard]] std::optional<reservation>
reserve(const table& nodes, const find_held& held,
        std::span<const ending> endings, const task_class& c, uint32_t count,
        timestamp now);

/// `rest` of the same reservation, for `c`, on the nodes as they are by now. Costs
/// little: nobody's end is looked at again.
[[nodiscard]] table
rest_of(const table& nodes, const task_class& c, const reservation& x);

} // namespace troupe::runtime::placement
