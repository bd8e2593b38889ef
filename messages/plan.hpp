#pragma once

/// What-if: changes that somebody only thinks about, and what would follow.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/describe/class.hpp>

#include "messages/command.hpp"
#include "messages/ids.hpp"
#include "messages/job.hpp"
#include "messages/resources.hpp"
#include "messages/state.hpp"

namespace troupe {

/// Nodes that are not there yet.
struct added_nodes {
  uint32_t count = 1;
  /// What each of them has; absent for what `like` has.
  std::optional<resources> capacity;
  label_set labels;
  /// Name of a node that they are like; empty for the first there is.
  std::string like;
  bool operator==(const added_nodes&) const = default;
};

struct scaled_job {
  std::string job;
  uint32_t count = 0;
  bool operator==(const scaled_job&) const = default;
};

struct reprioritised_job {
  std::string job;
  int32_t priority = 0;
  bool operator==(const reprioritised_job&) const = default;
};

/// What is thought about, in this order.
struct plan_change {
  std::optional<change_settings> settings;
  std::vector<added_nodes> add_nodes;
  std::vector<change_node> label_nodes;
  std::vector<std::string> drain_nodes;
  std::vector<std::string> lose_nodes;
  std::vector<std::string> stop_jobs;
  std::vector<scaled_job> scale_jobs;
  std::vector<reprioritised_job> priorities;
  std::vector<job_spec_ptr> submit;
  bool operator==(const plan_change&) const = default;
};

// -- what would follow: views, as in `messages/view.hpp` -------------------------

/// A task that would be elsewhere. `from` is empty for one that would wait
/// otherwise or is new.
struct planned_move {
  task_ref task;
  std::string from;
  std::string to;
  /// When it would get its place there.
  timestamp at;
  /// Whether it may run until then where it is: if it ends first, it stays.
  bool may_end_first = false;
  bool operator==(const planned_move&) const = default;
  BOOST_DESCRIBE_CLASS(planned_move, (), (task, from, to, at, may_end_first),
                       (), ())
};

/// A task that would have to make room. Where it would go is a move.
struct planned_victim {
  task_ref task;
  std::string node;
  int32_t priority = 0;
  bool operator==(const planned_victim&) const = default;
  BOOST_DESCRIBE_CLASS(planned_victim, (), (task, node, priority), (), ())
};

/// A task that would not run any more, as somebody wants.
struct planned_stop {
  task_ref task;
  std::string node;
  bool operator==(const planned_stop&) const = default;
  BOOST_DESCRIBE_CLASS(planned_stop, (), (task, node), (), ())
};

/// Tasks of a job that would wait, and would not without the change.
struct planned_wait {
  std::string job;
  uint32_t tasks = 0;
  reason why = reason::none;
  std::string message;
  /// How many of them would wait only from a drain's deadline on, if they have not
  /// ended by then.
  uint32_t may_end_first = 0;
  bool operator==(const planned_wait&) const = default;
  BOOST_DESCRIBE_CLASS(planned_wait, (),
                       (job, tasks, why, message, may_end_first), (), ())
};

/// A node that would be drained. Services leave it at once, each for another that
/// runs already if its job allows; batch tasks run on until the deadline.
struct planned_drain {
  std::string node;
  timestamp deadline;
  bool operator==(const planned_drain&) const = default;
  BOOST_DESCRIBE_CLASS(planned_drain, (), (node, deadline), (), ())
};

struct plan_counts {
  uint64_t moves = 0;
  uint64_t victims = 0;
  uint64_t stops = 0;
  uint64_t does_not_fit = 0;
  bool operator==(const plan_counts&) const = default;
  BOOST_DESCRIBE_CLASS(plan_counts, (), (moves, victims, stops, does_not_fit),
                       (), ())
};

/// Lists in order of names, each of at most `plan_items_max`; counts are of all.
struct plan_view {
  /// Of the state that was looked at.
  version_number version = 0;
  timestamp time;
  std::vector<planned_drain> drains;
  std::vector<planned_move> moves;
  std::vector<planned_victim> victims;
  std::vector<planned_stop> stops;
  std::vector<planned_wait> does_not_fit;
  plan_counts counts;
  /// Whether all that would follow within two hours was looked at.
  bool complete = true;
  bool operator==(const plan_view&) const = default;
  BOOST_DESCRIBE_CLASS(plan_view, (),
                       (version, time, drains, moves, victims, stops,
                        does_not_fit, counts, complete),
                       (), ())
};
constexpr size_t plan_items_max = 10'000;

} // namespace troupe
