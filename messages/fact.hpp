#pragma once

/// Facts: what has happened. The journal orders them and makes them durable; the
/// state of the cluster is their fold; an event that a user reads is a fact.
/// Facts are only ever added to, never renamed: old journals hold them.

#include <cstdint>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include <boost/describe/class.hpp>

#include "messages/job.hpp"
#include "messages/result.hpp"
#include "messages/step.hpp"
#include "messages/work.hpp"

namespace troupe {

/// Says that a job was accepted.
struct job_submitted {
  static constexpr auto type = "jobSubmitted";
  std::string job;
  job_spec_ptr spec;
  /// What the client sent as Idempotency-Key, if anything.
  std::string key;
  /// Above 1 if it follows a job of the same name that is over.
  uint32_t job_version = 1;
  bool operator==(const job_submitted&) const = default;
  BOOST_DESCRIBE_CLASS(job_submitted, (), (job, spec, key, job_version), (), ())
};

/// Says that a job has a new spec. `job_version` counts from 1.
struct job_updated {
  static constexpr auto type = "jobUpdated";
  std::string job;
  job_spec_ptr spec;
  uint32_t job_version = 0;
  std::string key;
  /// The version whose spec this is, if it is one that the job had before.
  uint32_t rolled_back_to = 0;
  /// Why, if nobody asked for it.
  std::string message;
  /// Whether the tasks of the version before are as those of this one are to be,
  /// and go on.
  bool keeps_tasks = false;
  bool operator==(const job_updated&) const = default;
  BOOST_DESCRIBE_CLASS(job_updated, (),
                       (job, spec, job_version, key, rolled_back_to, message,
                        keeps_tasks),
                       (), ())
};

/// Says how many members a service has beyond its count for now: they stand in
/// for others while these are replaced.
struct job_surged {
  static constexpr auto type = "jobSurged";
  std::string job;
  uint32_t extra = 0;
  bool operator==(const job_surged&) const = default;
  BOOST_DESCRIBE_CLASS(job_surged, (), (job, extra), (), ())
};

/// Says that all members of a service have run well in this version.
struct job_settled {
  static constexpr auto type = "jobSettled";
  std::string job;
  uint32_t job_version = 0;
  bool operator==(const job_settled&) const = default;
  BOOST_DESCRIBE_CLASS(job_settled, (), (job, job_version), (), ())
};

/// Says that `awaited` has ended as `job` wants: `job` does not wait for it any
/// more, whatever becomes of it later.
struct job_dependency_met {
  static constexpr auto type = "jobDependencyMet";
  std::string job;
  std::string awaited;
  bool operator==(const job_dependency_met&) const = default;
  BOOST_DESCRIBE_CLASS(job_dependency_met, (), (job, awaited), (), ())
};

/// Says what came of the tick `at` of a job's schedule: whether all its tasks
/// start anew. Every tick is told once.
struct job_ticked {
  static constexpr auto type = "jobTicked";
  std::string job;
  timestamp at;
  tick_outcome outcome = tick_outcome::started;
  /// Ticks told at once: of those that were missed, `at` is the last.
  uint32_t count = 1;
  bool operator==(const job_ticked&) const = default;
  BOOST_DESCRIBE_CLASS(job_ticked, (), (job, at, outcome, count), (), ())
};

struct job_scaled {
  static constexpr auto type = "jobScaled";
  std::string job;
  uint32_t count = 0;
  bool operator==(const job_scaled&) const = default;
  BOOST_DESCRIBE_CLASS(job_scaled, (), (job, count), (), ())
};

/// Says that nothing of a job shall run any more.
struct job_stopped {
  static constexpr auto type = "jobStopped";
  std::string job;
  /// Whether the job is also to be forgotten once its tasks have ended.
  bool forget = false;
  bool operator==(const job_stopped&) const = default;
  BOOST_DESCRIBE_CLASS(job_stopped, (), (job, forget), (), ())
};

/// Says that a job and all its history are gone.
struct job_forgotten {
  static constexpr auto type = "jobForgotten";
  std::string job;
  bool operator==(const job_forgotten&) const = default;
  BOOST_DESCRIBE_CLASS(job_forgotten, (), (job), (), ())
};

/// Says that a job of kind `system` wants a task on `node`, which is this one as
/// long as the node is known.
struct task_bound {
  static constexpr auto type = "taskBound";
  task_ref task;
  std::string node;
  bool operator==(const task_bound&) const = default;
  BOOST_DESCRIBE_CLASS(task_bound, (), (task, node), (), ())
};

/// Says that it wants none there now, and why.
struct task_unbound {
  static constexpr auto type = "taskUnbound";
  task_ref task;
  std::string node;
  reason why = reason::none;
  std::string message;
  bool operator==(const task_unbound&) const = default;
  BOOST_DESCRIBE_CLASS(task_unbound, (), (task, node, why, message), (), ())
};

/// Says that an attempt of a task has its place. The fact's version is the
/// allocation.
struct task_placed {
  static constexpr auto type = "taskPlaced";
  task_ref task;
  uint32_t attempt = 0;
  std::string node;
  std::vector<port_binding> ports;
  std::vector<uint16_t> gpus;
  bool operator==(const task_placed&) const = default;
  BOOST_DESCRIBE_CLASS(task_placed, (), (task, attempt, node, ports, gpus), (),
                       ())
};

/// Says that the machine has accepted the task, and what it is at.
struct task_starting {
  static constexpr auto type = "taskStarting";
  task_ref task;
  std::string node;
  std::string message;
  bool operator==(const task_starting&) const = default;
  BOOST_DESCRIBE_CLASS(task_starting, (), (task, node, message), (), ())
};

struct task_started {
  static constexpr auto type = "taskStarted";
  task_ref task;
  std::string node;
  bool operator==(const task_started&) const = default;
  BOOST_DESCRIBE_CLASS(task_started, (), (task, node), (), ())
};

struct task_health_changed {
  static constexpr auto type = "taskHealthChanged";
  task_ref task;
  task_health health = task_health::none;
  std::string message;
  bool operator==(const task_health_changed&) const = default;
  BOOST_DESCRIBE_CLASS(task_health_changed, (), (task, health, message), (), ())
};

/// Says that a task shall stop; it ends when its machine says so.
struct task_stopping {
  static constexpr auto type = "taskStopping";
  task_ref task;
  reason why = reason::none;
  std::string message;
  /// Whether it shall start again once it has ended.
  bool restart = false;
  bool operator==(const task_stopping&) const = default;
  BOOST_DESCRIBE_CLASS(task_stopping, (), (task, why, message, restart), (), ())
};

/// Says how an attempt ended. Its capacity is free from here on, unless its
/// machine `restarts` it: then the next attempt has its place and allocation.
struct task_ended {
  static constexpr auto type = "taskEnded";
  task_ref task;
  uint32_t attempt = 0;
  std::string node;
  task_state state = task_state::failed;
  reason why = reason::none;
  std::string message;
  std::optional<int32_t> exit_code;
  bool restarts = false;
  /// Of one that succeeded and whose result is kept: the image that ran.
  std::string image_digest = {};
  bool operator==(const task_ended&) const = default;
  BOOST_DESCRIBE_CLASS(task_ended, (),
                       (task, attempt, node, state, why, message, exit_code,
                        restarts, image_digest),
                       (), ())
};

/// Says that a task has ended without a run: an identical one has `result`.
struct cache_hit {
  static constexpr auto type = "cacheHit";
  task_ref task;
  /// 64 hexadecimal digits, the same for all that are identical.
  std::string key;
  task_result result;
  /// Whether it waited for that run to end.
  bool joined = false;
  bool operator==(const cache_hit&) const = default;
  BOOST_DESCRIBE_CLASS(cache_hit, (), (task, key, result, joined), (), ())
};

/// Says that these results are not kept any longer.
struct cache_invalidated {
  static constexpr auto type = "cacheInvalidated";
  result_filter which;
  bool operator==(const cache_invalidated&) const = default;
  BOOST_DESCRIBE_CLASS(cache_invalidated, (), (which), (), ())
};

/// Says that a task waits for a place again, not before `not_before`.
struct task_requeued {
  static constexpr auto type = "taskRequeued";
  task_ref task;
  reason why = reason::none;
  std::string message;
  timestamp not_before;
  /// A node where it failed: it goes there only if it fits nowhere else.
  std::string avoid;
  bool operator==(const task_requeued&) const = default;
  BOOST_DESCRIBE_CLASS(task_requeued, (),
                       (task, why, message, not_before, avoid), (), ())
};

/// Says that a task must stop so that `by` may have its place. It waits again as
/// soon as it has ended, at the place in the queue that it had.
struct task_preempted {
  static constexpr auto type = "taskPreempted";
  task_ref task;
  std::string node;
  /// Who takes the place: of a gang, its first member.
  task_ref by;
  /// What each of the two counts as: of a gang, the highest of its members.
  int32_t priority = 0;
  int32_t by_priority = 0;
  reason why = reason::preempted;
  std::string message;
  bool operator==(const task_preempted&) const = default;
  BOOST_DESCRIBE_CLASS(task_preempted, (),
                       (task, node, by, priority, by_priority, why, message),
                       (), ())
};

/// Says that a place is kept for a task until those who have it now have ended:
/// nobody else gets it.
struct place_held {
  static constexpr auto type = "placeHeld";
  task_ref task;
  std::string node;
  std::vector<port_binding> ports;
  std::vector<uint16_t> gpus;
  /// Whose ends are waited for.
  std::vector<allocation_id> awaits;
  /// Those of them that were preempted for it.
  std::vector<task_ref> victims;
  /// Why there was no free place.
  reason why = reason::none;
  /// When it is given up, should they not have ended by then.
  timestamp until;
  bool operator==(const place_held&) const = default;
  BOOST_DESCRIBE_CLASS(place_held, (),
                       (task, node, ports, gpus, awaits, victims, why, until),
                       (), ())
};

/// Says that a place is not kept any longer: the task waits for any place.
struct place_released {
  static constexpr auto type = "placeReleased";
  task_ref task;
  std::string node;
  std::string message;
  bool operator==(const place_released&) const = default;
  BOOST_DESCRIBE_CLASS(place_released, (), (task, node, message), (), ())
};

/// A place that is kept for a member of a gang.
struct gang_place {
  task_ref task;
  std::string node;
  std::vector<port_binding> ports;
  std::vector<uint16_t> gpus;
  bool operator==(const gang_place&) const = default;
  BOOST_DESCRIBE_CLASS(gang_place, (), (task, node, ports, gpus), (), ())
};

/// Says that places for a whole gang are kept. The nodes are asked to confirm;
/// the fact's version names the reservation.
struct gang_reserved {
  static constexpr auto type = "gangReserved";
  std::string gang;
  std::vector<gang_place> places;
  /// Whose ends are waited for before the nodes are asked.
  std::vector<allocation_id> awaits;
  /// Those of them that were preempted for it.
  std::vector<task_ref> victims;
  /// When the reservation is given up, should it not be committed by then.
  timestamp until;
  bool operator==(const gang_reserved&) const = default;
  BOOST_DESCRIBE_CLASS(gang_reserved, (),
                       (gang, places, awaits, victims, until), (), ())
};

/// Says that all nodes of a reservation confirmed: its tasks are placed with the
/// facts that follow.
struct gang_committed {
  static constexpr auto type = "gangCommitted";
  std::string gang;
  bool operator==(const gang_committed&) const = default;
  BOOST_DESCRIBE_CLASS(gang_committed, (), (gang), (), ())
};

/// Says that a gang's reservation is given up, all of it.
struct gang_released {
  static constexpr auto type = "gangReleased";
  std::string gang;
  reason why = reason::none;
  std::string message;
  bool operator==(const gang_released&) const = default;
  BOOST_DESCRIBE_CLASS(gang_released, (), (gang, why, message), (), ())
};

/// Says that a gang has fewer members than it needs: the others are stopped, and
/// it starts again whole.
struct gang_broken {
  static constexpr auto type = "gangBroken";
  std::string gang;
  std::string message;
  bool operator==(const gang_broken&) const = default;
  BOOST_DESCRIBE_CLASS(gang_broken, (), (gang, message), (), ())
};

struct node_joined {
  static constexpr auto type = "nodeJoined";
  std::string node;
  node_profile profile;
  bool operator==(const node_joined&) const = default;
  BOOST_DESCRIBE_CLASS(node_joined, (), (node, profile), (), ())
};

struct node_unhealthy {
  static constexpr auto type = "nodeUnhealthy";
  std::string node;
  bool operator==(const node_unhealthy&) const = default;
  BOOST_DESCRIBE_CLASS(node_unhealthy, (), (node), (), ())
};

/// Says that a node takes work (again), after silence or after a cordon.
struct node_ready {
  static constexpr auto type = "nodeReady";
  std::string node;
  bool operator==(const node_ready&) const = default;
  BOOST_DESCRIBE_CLASS(node_ready, (), (node), (), ())
};

struct node_removed {
  static constexpr auto type = "nodeRemoved";
  std::string node;
  std::string message;
  bool operator==(const node_removed&) const = default;
  BOOST_DESCRIBE_CLASS(node_removed, (), (node, message), (), ())
};

struct node_cordoned {
  static constexpr auto type = "nodeCordoned";
  std::string node;
  bool cordoned = true;
  bool operator==(const node_cordoned&) const = default;
  BOOST_DESCRIBE_CLASS(node_cordoned, (), (node, cordoned), (), ())
};

/// Says that what runs on a node shall leave it: services once somebody stands
/// in for them, batch tasks when they have finished; all of it at the deadline.
struct node_draining {
  static constexpr auto type = "nodeDraining";
  std::string node;
  timestamp deadline;
  bool operator==(const node_draining&) const = default;
  BOOST_DESCRIBE_CLASS(node_draining, (), (node, deadline), (), ())
};

/// Says that nothing is left on a node that was to be drained.
struct node_drained {
  static constexpr auto type = "nodeDrained";
  std::string node;
  bool operator==(const node_drained&) const = default;
  BOOST_DESCRIBE_CLASS(node_drained, (), (node), (), ())
};

/// Says that a node gets no new work because tasks fail there which run well
/// elsewhere, until a single one tried at `probe_at` runs well; or, with
/// `quarantined` false, that one did.
struct node_quarantined {
  static constexpr auto type = "nodeQuarantined";
  std::string node;
  bool quarantined = true;
  std::string message;
  timestamp probe_at;
  bool operator==(const node_quarantined&) const = default;
  BOOST_DESCRIBE_CLASS(node_quarantined, (),
                       (node, quarantined, message, probe_at), (), ())
};

/// Says which drivers of a node do not work, so that nothing new goes to them,
/// and why; none of them if all work again.
struct node_troubled {
  static constexpr auto type = "nodeTroubled";
  std::string node;
  std::vector<std::string> drivers;
  std::string message;
  bool operator==(const node_troubled&) const = default;
  BOOST_DESCRIBE_CLASS(node_troubled, (), (node, drivers, message), (), ())
};

/// Says what an operator set on a node, complete.
struct node_labelled {
  static constexpr auto type = "nodeLabelled";
  std::string node;
  label_set labels;
  double weight = 1;
  /// None: the cluster's.
  std::optional<double> overcommit;
  bool operator==(const node_labelled&) const = default;
  BOOST_DESCRIBE_CLASS(node_labelled, (), (node, labels, weight, overcommit),
                       (), ())
};

struct settings {
  std::string strategy = "binpack";
  /// `priority`, `fifo`, `sjf` or `fair`.
  std::string queue_order = "priority";
  /// Whom `fair` is fair to: the values of this label of jobs; jobs, if empty.
  std::string fair_by = "user";
  /// Shares of those that do not have the share 1.
  std::map<std::string, double> fair_weights;
  /// How much cpu may be asked for on a node, in parts of what it has; of nodes
  /// for which nothing else was said.
  double overcommit = 1;
  /// [name] Priorities that jobs may name.
  std::map<std::string, int32_t> priority_classes;
  /// ["label=value"] How many tasks of jobs with this label may have a place at
  /// once.
  std::map<std::string, uint32_t> concurrency;
  /// The policy that decides on the same as the default one, without effect;
  /// empty if none does.
  std::string shadow;
  /// Results kept at most.
  uint32_t cache_entries = 10'000;
  /// Tasks that are placed in one turn at most, in the order of the queue; gangs
  /// are placed whole. Of 1,024 a proposal takes milliseconds.
  uint32_t batch_size = 1'024;
  bool operator==(const settings&) const = default;
  BOOST_DESCRIBE_CLASS(settings, (),
                       (strategy, queue_order, fair_by, fair_weights,
                        overcommit, priority_classes, concurrency, shadow,
                        cache_entries, batch_size),
                       (), ())
};

struct settings_changed {
  static constexpr auto type = "settingsChanged";
  settings to;
  bool operator==(const settings_changed&) const = default;
  BOOST_DESCRIBE_CLASS(settings_changed, (), (to), (), ())
};

/// Says that a controller took over. The fact's version is its term: commands of
/// an earlier term are refused by every node.
struct leader_elected {
  static constexpr auto type = "leaderElected";
  std::string leader;
  std::string program_version;
  bool operator==(const leader_elected&) const = default;
  BOOST_DESCRIBE_CLASS(leader_elected, (), (leader, program_version), (), ())
};

using fact = std::variant<
  job_submitted, job_updated, job_surged, job_settled, job_scaled, job_stopped,
  job_forgotten, task_placed, task_starting, task_started, task_health_changed,
  task_stopping, task_ended, task_requeued, task_preempted, place_held,
  place_released, gang_reserved, gang_committed, gang_released, gang_broken,
  node_joined, node_unhealthy, node_ready, node_removed, node_cordoned,
  node_draining, node_drained, node_quarantined, node_labelled,
  settings_changed, leader_elected, job_dependency_met, job_ticked, task_bound,
  task_unbound, cache_hit, cache_invalidated, node_troubled>;

/// A fact with its place in the journal.
struct event {
  version_number version = 0;
  timestamp time;
  fact what;
  /// Of the first fact that came of a step: how many came of it.
  uint32_t facts = 1;
  /// Of such a fact: the steps before that left none, since the last one that
  /// did, and then its own. None if that is a command and all is said.
  std::vector<step> steps = {};
  bool operator==(const event&) const = default;
};

/// The `type` of a fact, as users see it.
[[nodiscard]] std::string_view type_of(const fact& x);

/// Writes an event as one JSON object: `version`, `time`, `type` and the fact's
/// members, to which a task's fact adds the name of its `job`.
[[nodiscard]] boost::json::object write_event(const event& x);

/// Writes and reads the line that the journal keeps for an event, which alone
/// holds steps. The version is not in the line: the journal knows it.
[[nodiscard]] std::string write_line(const event& x);
[[nodiscard]] expected<event, std::string>
read_line(version_number version, std::string_view line);

} // namespace troupe
