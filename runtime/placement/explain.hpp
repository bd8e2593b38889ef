#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "runtime/placement/table.hpp"

namespace troupe::runtime::placement {

/// Why a task has no place: per reason, how many nodes refuse for it. Most
/// first, then by reason; sums to the number of nodes. `{no_nodes, 1}` if there
/// are none.
struct refusal {
  std::vector<std::pair<reason, uint32_t>> nodes;
  bool operator==(const refusal&) const = default;
};

struct score_part {
  std::string name;
  double value = 0;
  bool operator==(const score_part&) const = default;
};

/// What was thought about one node.
struct node_verdict {
  node_index node = 0;
  /// `none`: the task fits.
  reason refused = reason::none;
  /// Such as `needs 4 cores, 1.5 free`; empty if the task fits.
  std::string detail;
  double score = 0;
  /// Add up to `score`.
  std::vector<score_part> parts;
};

struct explanation {
  refusal refused;
  /// The best four that fit, the chosen one first.
  std::vector<node_verdict> best;
  /// The lowest node for each reason of `refused`.
  std::vector<node_verdict> examples;
};

inline constexpr size_t reasons
  = static_cast<size_t>(reason::waiting_for_schedule) + 1;
/// [reason], nodes.
using reason_counts = std::array<uint32_t, reasons>;

/// The reason that stands for `x`: of the nodes that come closest to taking the
/// task, what most say. A node without the labels says little to somebody whose
/// node is only full.
[[nodiscard]] reason main_reason(const refusal& x);

/// In the order that `refusal` promises. Nodes where the task fits are left out.
[[nodiscard]] refusal refusal_of(const table& t, const reason_counts& counts);
[[nodiscard]] refusal refusal_of(const table& t, const known_class& c);

/// Why `n` refuses a task of `c`, in words.
[[nodiscard]] std::string
refusal_text(const table& t, node_index n, const known_class& c, reason why);

/// Whether a task of `c` fits on `n` now: so cheap that a waiting class can be
/// asked at every change of a node.
[[nodiscard]] bool could_fit(const table& t, const task_class& c, node_index n);

/// Whether a node with the labels that `c` requires would be large enough if it
/// were empty; any node, if none has the labels. True if there are no nodes: what
/// is missing then is nodes, or labels.
[[nodiscard]] bool could_ever_fit(const table& t, const task_class& c);

} // namespace troupe::runtime::placement
