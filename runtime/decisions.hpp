#pragma once

/// Why tasks were placed where they are: what was decided, as things were then.
///
///   proposal --> committed: facts N to M --> weighed --> kept
///
/// A decision is found by the fact that placed the task, or that kept a place for
/// it until others had left. Of equal tasks that are placed together one decision
/// is kept. There is room for so many; then the class of tasks that has most of
/// them gives up its oldest, so that a flood of batch tasks washes away its own.
///
/// Not a part of the cluster's state: it follows from facts, but at the price of
/// deciding them again. A controller begins without; `replay` decides anew.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "messages/fact.hpp"
#include "messages/ids.hpp"
#include "messages/timestamp.hpp"

#include "runtime/placement/weighing.hpp"

namespace troupe::runtime {

/// A proposal that was carried out by the facts `first` to `last`.
struct decided_round {
  std::string policy;
  timestamp at;
  version_number first = 0;
  version_number last = 0;
};

/// Who had to go so that a task fitted.
struct made_room {
  struct victim {
    task_ref task;
    /// What it counted as.
    int32_t priority = 0;
    bool operator==(const victim&) const = default;
  };
  std::vector<victim> victims;
};

class decisions {
public:
  /// Decisions that are kept: about a kilobyte each.
  static constexpr size_t usual_most = 4'096;

  explicit decisions(size_t most = usual_most) : most_(most) {}

  /// Notes what was thought of `asks` in a round. Of one that placed nobody `last`
  /// is below `first`.
  void
  note_round(decided_round x, const std::vector<placement::weighed_ask>& asks);
  /// Hears every fact, in order.
  void take(const event& x);

  struct decision {
    const decided_round* round = nullptr;
    const placement::weighed_ask* what = nullptr;
    /// Null if nobody had to go.
    const made_room* room = nullptr;
  };
  /// How the place was decided that fact `allocation` gave to a task of the job
  /// that was born as `job`, of class `of`.
  [[nodiscard]] std::optional<decision>
  about(version_number allocation, version_number job,
        const placement::task_class& of) const;
  /// The last try for tasks of class `of`, if not all of them found a place.
  [[nodiscard]] std::optional<decision>
  last_try(const placement::task_class& of) const;

  [[nodiscard]] size_t size() const { return size_; }

private:
  struct kept_round {
    decided_round what;
    std::vector<placement::weighed_ask> asks;
  };
  struct pending_place {
    version_number held = 0;
    std::string gang;
  };

  void keep(kept_round& to, const placement::weighed_ask& x);
  void forget_oldest();
  /// Forgets the first decision about `of` of the round that began with `first`,
  /// or the first that placed at most `placed_max` tasks.
  void drop(const placement::task_class& of, version_number first,
            uint32_t placed_max = UINT32_MAX);
  [[nodiscard]] const kept_round* round_of(version_number x) const;
  void note_room(version_number held);

  size_t most_;
  size_t size_ = 0;
  /// [first fact]
  std::map<version_number, kept_round> rounds_;
  /// [class] First facts of the rounds that have one of it, oldest first.
  std::map<placement::task_class, std::deque<version_number>> by_class_;
  /// Victims of the place that the next facts keep.
  std::vector<made_room::victim> recent_;
  /// [fact that kept the place]
  std::map<version_number, made_room> rooms_;
  /// Places that are kept, and the facts that did.
  std::map<task_ref, pending_place> pending_;
  /// [fact that placed the task] The fact that had kept its place.
  std::map<version_number, version_number> origins_;
};

} // namespace troupe::runtime
