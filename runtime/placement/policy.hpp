#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/placement/explain.hpp"
#include "runtime/placement/table.hpp"

namespace troupe::runtime::placement {

/// Asks for places for `count` equal tasks.
struct ask {
  uint64_t id = 0;
  std::shared_ptr<const task_class> of;
  uint32_t count = 1;
  /// A node to go to only if no other one is possible.
  std::optional<node_index> avoid = std::nullopt;
};

/// Places for the first `nodes.size()` tasks of an ask.
struct placed_run {
  uint64_t id = 0;
  std::vector<node_index> nodes;
  /// If fewer than asked.
  refusal why_not_more;
  bool operator==(const placed_run&) const = default;
};

struct proposal {
  /// In the order of the asks, one for each.
  std::vector<placed_run> runs;
  bool operator==(const proposal&) const = default;
};

/// Advises where tasks should go. What it says is checked when it is committed,
/// so it may be late or wrong.
class policy {
public:
  virtual ~policy();

  [[nodiscard]] virtual std::string_view name() const = 0;

  /// Places as much of `asks` as fits, one after the other: later tasks see the
  /// capacity that earlier ones would take. Every node is scored for every task,
  /// the best one wins, the lowest index among equals. The same calls give the
  /// same answers.
  [[nodiscard]] virtual proposal
  propose(const table& snapshot, std::span<const ask> asks)
    = 0;

  /// What `propose` would think of every node for one task.
  [[nodiscard]] virtual explanation
  explain(const table& snapshot, const task_class& x) const;
};

/// `binpack`, `spread`, `firstFit`, `roundRobin`, `leastLoaded`, `fgd`,
/// `mostFreeCpu`; null if unknown. With more than one of `threads`, what classes of
/// a big batch think of the nodes is found out side by side: it says the same.
/// REQUIRES: threads > 0.
[[nodiscard]] std::unique_ptr<policy>
make_policy(std::string_view strategy, uint32_t threads = 1);
[[nodiscard]] std::vector<std::string> policy_names();

} // namespace troupe::runtime::placement
