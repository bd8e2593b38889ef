#pragma once

/// What is known of decisions, piece by piece: as it is told to whoever keeps it
/// on disk, and written there.

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
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
  bool operator==(const decided_round&) const = default;
};

using weighed_ask_ptr = std::shared_ptr<const placement::weighed_ask>;

/// A round and what was thought of its asks.
struct noted_round {
  decided_round what;
  std::vector<weighed_ask_ptr> asks;
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
  bool operator==(const made_room&) const = default;
};

/// Room was made for the place that fact `held` keeps.
struct noted_room {
  version_number held = 0;
  made_room room;
  bool operator==(const noted_room&) const = default;
};

/// Fact `placed` gave a place that fact `held` had kept.
struct noted_origin {
  version_number placed = 0;
  version_number held = 0;
  bool operator==(const noted_origin&) const = default;
};

/// Fact `held` keeps a place for `task`, as a member of `gang` if that is not
/// empty.
struct noted_place {
  task_ref task;
  version_number held = 0;
  std::string gang;
  bool operator==(const noted_place&) const = default;
};

/// The events are those that say something about places that are kept.
using decision_note
  = std::variant<noted_round, noted_room, noted_origin, noted_place, event>;

/// Names a fact of one history: in another, what stands at this version has
/// another time.
struct fact_mark {
  version_number version = 0;
  timestamp time;
  std::string type;
  bool operator==(const fact_mark&) const = default;
};

[[nodiscard]] fact_mark mark_of(const event& x);

/// Notes about facts up to `until`, in the order in which they were made.
struct decision_batch {
  std::vector<decision_note> notes;
  fact_mark until;
  /// Instead of all that was told before.
  bool whole = false;
};

/// JSON without line feeds, and back. What is read is nothing unless all of it is
/// understood.
[[nodiscard]] std::string write_note(const decision_note& x);
[[nodiscard]] std::optional<decision_note> read_note(std::string_view text);

} // namespace troupe::runtime
