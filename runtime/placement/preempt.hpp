#pragma once

/// Who must go so that a task fits.

#include <compare>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "messages/timestamp.hpp"

#include "runtime/placement/table.hpp"
#include "runtime/placement/tenants.hpp"

namespace troupe::runtime::placement {

/// What a tenant holds.
struct held_place {
  std::shared_ptr<const task_class> of;
  occupation held;
};
using find_held = std::function<held_place(node_index, uint64_t id)>;

/// What room costs. Less is better, member by member: victims of low priority,
/// then few, the rest of their gangs among them, then of low priority together,
/// then those with the least to lose.
struct room_cost {
  static constexpr auto nobody = std::numeric_limits<int64_t>::min();
  int64_t highest_priority = nobody;
  uint64_t victims = 0;
  int64_t priorities = 0;
  /// Milliseconds of work; a second for each point of a preference that holds
  /// there; five minutes for each victim that no other node would take now.
  int64_t lost = 0;
  auto operator<=>(const room_cost&) const = default;
};

struct room {
  node_index node = 0;
  /// Who must go, in the order of `tenants`.
  std::vector<uint64_t> victims;
  /// Who is going anyway and must be waited for.
  std::vector<uint64_t> leaving;
  /// What the task will hold there.
  occupation place;
  room_cost cost;
};

struct room_search {
  const table& nodes;
  const tenants& who;
  find_held held;
  timestamp now;
  /// Nodes on which rules decide, and which take a trial each, that are looked
  /// at once room has been found.
  uint32_t trials_max = 256;
};

/// Finds the node where a task of `c`, which counts as `priority`, fits at the
/// least cost: none but tenants that count strictly less have to go, none of them
/// in vain, and afterwards every rule holds. Ties go to the lowest node.
///
/// On one node the highest priority among the victims is the least possible, none
/// could be spared, and if one or two are enough there are no more. Tasks that
/// `c` must be near to are never victims.
///
/// Nothing if there is no such room. REQUIRES: no node takes the task as it is.
[[nodiscard]] std::optional<room>
find_room(const room_search& in, const task_class& c, int32_t priority);

/// Finds room for several tasks at once, such as a gang: one after the other, each
/// where it is cheapest after those before it. A free place costs nothing. Looks
/// at all nodes once, and then only at those where something changed.
class room_maker {
public:
  /// Who has gone already for tasks before these: by row.
  using gone_tenants = std::map<node_index, std::vector<uint64_t>>;

  /// `in.nodes` is the state after those before, without whom has gone for them.
  /// `c` and what `in` refers to must live as long.
  room_maker(const room_search& in, const task_class& c, int32_t priority,
             gone_tenants gone = {});
  room_maker(const room_maker&) = delete;
  room_maker& operator=(const room_maker&) = delete;
  ~room_maker();

  /// Takes the cheapest room that is left. `leaving` names all who must have
  /// left the node by then.
  [[nodiscard]] std::optional<room> next();

  /// The state after all that was taken.
  [[nodiscard]] const table& nodes() const;
  [[nodiscard]] const gone_tenants& gone() const;

private:
  struct state;
  std::unique_ptr<state> state_;
};

} // namespace troupe::runtime::placement
