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
/// deciding them again. What a controller noted is kept in a file (`file.hpp`) for
/// the next one on this machine; without, `replay` decides anew.

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "messages/fact.hpp"
#include "messages/ids.hpp"
#include "messages/timestamp.hpp"

#include "runtime/decisions/note.hpp"
#include "runtime/placement/weighing.hpp"

namespace troupe::runtime {

class decisions {
public:
  /// Decisions that are kept: about a kilobyte each.
  static constexpr size_t usual_most = 4'096;

  explicit decisions(size_t most = usual_most) : most_(most) {}

  /// Notes what was thought of `asks` in a round. Of one that placed nobody `last`
  /// is below `first`.
  void note_round(noted_round x);
  void
  note_round(decided_round x, const std::vector<placement::weighed_ask>& asks);
  /// Hears every fact, in order. Says whether it is one of those that matter here:
  /// to hear of these alone comes to the same.
  bool take(const event& x);

  /// What is known, so that another who notes all of it in order knows the same.
  [[nodiscard]] std::vector<decision_note> notes() const;
  void note(decision_note x);
  /// Forgets which places are kept, when facts were missed.
  void forget_places() { pending_.clear(); }

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
  struct pending_place {
    version_number held = 0;
    std::string gang;
  };

  /// By what they are, not where.
  struct class_order {
    using is_transparent = void;
    using class_ptr = std::shared_ptr<const placement::task_class>;
    static const placement::task_class& of(const class_ptr& x) { return *x; }
    static const placement::task_class& of(const placement::task_class& x) {
      return x;
    }
    template <class X, class Y>
    bool operator()(const X& x, const Y& y) const {
      return of(x) < of(y);
    }
  };

  void keep(noted_round& to, const weighed_ask_ptr& x);
  void forget_oldest();
  /// Forgets the first decision about `of` of the round that began with `first`,
  /// or the first that placed at most `placed_max` tasks.
  void drop(const placement::task_class& of, version_number first,
            uint32_t placed_max = UINT32_MAX);
  [[nodiscard]] const noted_round* round_of(version_number x) const;
  void note_room(version_number held);

  size_t most_;
  size_t size_ = 0;
  /// [first fact]
  std::map<version_number, noted_round> rounds_;
  /// [class] First facts of the rounds that have one of it, oldest first.
  std::map<class_order::class_ptr, std::deque<version_number>, class_order>
    by_class_;
  /// Victims of the place that the next facts keep, and the fact that must be next.
  std::vector<made_room::victim> recent_;
  version_number after_recent_ = 0;
  /// [fact that kept the place]
  std::map<version_number, made_room> rooms_;
  /// Places that are kept, and the facts that did.
  std::map<task_ref, pending_place> pending_;
  /// [fact that placed the task] The fact that had kept its place.
  std::map<version_number, version_number> origins_;
};

} // namespace troupe::runtime
