#pragma once

/// What was thought of the nodes when a task got its place: small enough to be
/// kept for long after the nodes have changed.

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "runtime/placement/policy.hpp"

namespace troupe::runtime::placement {

/// A node where the task would have fitted.
struct weighed_node {
  std::string node;
  /// Absent if the strategy remembers more than the nodes, and `by` does not.
  std::optional<double> score;
  /// Add up to `score`.
  std::vector<score_part> parts;
  bool operator==(const weighed_node&) const = default;
};

/// How the first task of an ask was decided.
struct weighed_ask {
  /// Of the ask.
  uint64_t id = 0;
  std::shared_ptr<const task_class> of;
  uint32_t asked = 0;
  uint32_t placed = 0;
  /// Nodes that it would have fitted on.
  uint32_t fit = 0;
  /// The chosen one, and the best three others.
  std::vector<weighed_node> best;
  /// What the other nodes said to it; if it was not placed, what all of them did.
  refusal refused;
};

/// So many rows of tables are looked at to weigh one proposal, and of a larger
/// table one class.
inline constexpr uint32_t weighed_rows_max = 20'000;

/// Tells of `asks` what `by` thought when it answered them with `x`: of the first
/// of each class that was placed and the first that was not, or of all if they are
/// few. `by` need not be what proposed it, only of the same name.
[[nodiscard]] std::vector<weighed_ask>
weigh(const policy& by, const table& snapshot, std::span<const ask> asks,
      const proposal& x);

} // namespace troupe::runtime::placement
