#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <vector>

#include "messages/timestamp.hpp"

#include "runtime/placement/table.hpp"

namespace troupe::runtime::placement {

/// A task that holds capacity on a node, as preemption looks at it.
struct tenant {
  /// Names it, on all nodes.
  uint64_t id = 0;
  int64_t memory = 0;
  /// From when on its work is lost if it stops.
  timestamp since;
  int32_t cpu = 0;
  /// What it counts as: of a gang, the highest of its members.
  int32_t priority = 0;
  /// Of its preferences that hold on its node.
  int32_t points = 0;
  /// How many others must stop with it: the rest of its gang.
  uint32_t along = 0;
  /// Whether it is stopping anyway: its room needs only to be waited for.
  bool leaving = false;
  /// Whether it has left: its entry goes with those of others, since a node may
  /// have a hundred thousand.
  bool gone = false;
  bool operator==(const tenant&) const = default;
};

/// Who runs where, by number, which is the order in which they came: the part of it that a search
/// for room reads, so close together that thousands of nodes take a millisecond.
class tenants {
public:
  void add(node_index n, const tenant& x);
  void remove(node_index n, uint64_t id);
  void set_since(node_index n, uint64_t id, timestamp since);
  void set_leaving(node_index n, uint64_t id, bool leaving);
  void set_priority(node_index n, uint64_t id, int32_t priority);

  /// Those of `n`, and some that are `gone`.
  [[nodiscard]] std::span<const tenant> at(node_index n) const;
  [[nodiscard]] const tenant* find(node_index n, uint64_t id) const;
  /// Whether anybody counts less than `priority`.
  [[nodiscard]] bool any_below(int32_t priority) const {
    return !by_priority_.empty() && by_priority_.begin()->first < priority;
  }
  /// Whether those who count less than `priority` hold so much cpu and memory on
  /// `n` that a task of `c` would fit if they left. Says nothing about rules.
  [[nodiscard]] bool
  could_make_room(const table& t, node_index n, const task_class& c,
                  int32_t priority) const;

private:
  tenant& entry(node_index n, uint64_t id);

  struct node_tenants {
    std::vector<tenant> all;
    size_t gone = 0;
  };
  // [row]
  std::vector<node_tenants> rows_;
  // [priority] How many.
  std::map<int32_t, uint32_t> by_priority_;
};

} // namespace troupe::runtime::placement
