#pragma once

/// What the cluster remembers of each task, job and node. Folded from facts.

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "messages/fact.hpp"
#include "messages/state.hpp"
#include "messages/work.hpp"

#include "runtime/cache_key.hpp"
#include "runtime/cron.hpp"
#include "runtime/gang.hpp"
#include "runtime/placement/table.hpp"

namespace troupe::runtime {

constexpr size_t task_states = 9;

/// Tasks by state, indexed by `task_state`.
using state_counts = std::array<uint32_t, task_states>;

/// The current or last attempt of a task. A million of these stand in memory:
/// what few tasks have is kept beside them, in the job.
struct task_record {
  task_state state = task_state::pending;
  /// How the attempt ended, if it did.
  task_state ended_as = task_state::pending;
  task_health health = task_health::none;
  reason why = reason::none;
  bool stopping : 1 = false;
  /// Whether the end that is being waited for is followed by a new start.
  bool restart : 1 = false;
  bool has_exit_code : 1 = false;
  /// Whether its machine has said that it takes it.
  bool accepted : 1 = false;
  uint32_t attempt = 0;
  /// Of the node's name, see `cluster::name_of`.
  uint32_t node = 0;
  int32_t exit_code = 0;
  /// Ends that count against the job's retries, or delay its restarts.
  uint32_t failures = 0;
  uint32_t job_version = 0;
  allocation_id allocation;
  timestamp placed_at;
  timestamp started_at;
  /// Since when it serves: it runs, and is healthy if it is checked.
  timestamp ready_at;
  timestamp ended_at;
  /// When it may be placed again; also once that time has come, since only
  /// facts change what is remembered.
  timestamp not_before;
};

/// An attempt that is over, of a task that has had another since.
struct attempt_record {
  uint32_t attempt = 0;
  allocation_id allocation;
  std::string node;
  task_state state = task_state::failed;
  reason why = reason::none;
  std::string message;
  std::optional<int32_t> exit_code;
  timestamp placed_at;
  timestamp started_at;
  timestamp ended_at;
  bool operator==(const attempt_record&) const = default;
  BOOST_DESCRIBE_CLASS(attempt_record, (),
                       (attempt, allocation, node, state, why, message,
                        exit_code, placed_at, started_at, ended_at),
                       (), ())
};

/// A spec that a job had before the present one.
struct past_spec {
  uint32_t job_version = 0;
  job_spec_ptr spec;
  /// Whether all its members have run well.
  bool settled = false;
  /// Whether any of them served when the next version came.
  bool served = false;
  bool operator==(const past_spec&) const = default;
  BOOST_DESCRIBE_CLASS(past_spec, (), (job_version, spec, settled, served), (),
                       ())
};

/// Order in the queue: smaller comes first.
struct queue_key {
  int64_t rank = 0;
  version_number born = 0;
  auto operator<=>(const queue_key&) const = default;
};

using class_id = uint32_t;

/// [job's birth, index] A task: jobs of one name have many births.
using task_number = std::pair<version_number, uint32_t>;

/// A place that is kept for a task which waits until others have left it. In the
/// table it is taken; the task has no allocation yet.
struct hold_record {
  /// Of the node's name, as in `task_record`.
  uint32_t node = 0;
  placement::occupation held;
  /// Allocations there whose ends are waited for.
  std::set<allocation_id> awaits;
  /// Tasks that were preempted for it.
  std::vector<task_ref> victims;
  /// Why there was no free place.
  reason why = reason::none;
  /// When it is given up.
  timestamp until;
  /// Whether it is a part of a gang's reservation, which is given and given up
  /// as a whole.
  bool gang = false;
  bool operator==(const hold_record&) const = default;
};

struct gang_record;

/// What is known of the results of a job's waiting tasks: each is due, missed or
/// joined, or fresh and not seen yet. Follows from facts and from who came first
/// to a lookup: a controller that takes over finds it out anew.
struct lookup_record {
  /// See `work_key`.
  cache_key work;
  /// Fresh tasks below this index have been looked up.
  uint32_t seen = 0;
  /// Others, which are to be looked up.
  std::set<uint32_t> due = {};
  /// [index] Those without a result: they need a place.
  std::map<uint32_t, cache_key> missed = {};
  /// [index] Those that wait for the result of an identical task.
  std::map<uint32_t, cache_key> joined = {};
};

/// What a task got instead of a run, and when.
struct hit_record {
  std::string key;
  task_result result;
  timestamp at;
  bool joined = false;
  bool operator==(const hit_record&) const = default;
  BOOST_DESCRIBE_CLASS(hit_record, (), (key, result, at, joined), (), ())
};

/// When a job with a schedule ran and runs.
struct schedule_record {
  /// The last tick that was decided, or when the schedule began to count.
  timestamp ticked_at;
  /// What came of it; nothing before the first tick.
  std::optional<tick_outcome> outcome;
  /// The tick of the last run, and when that began; 0 if there was none.
  timestamp run_of;
  timestamp began_at;
  /// The tick whose run follows the present one, if there is one.
  timestamp queued_at;
  /// Whether what waits, waits for the next tick.
  bool asleep = true;
  /// What follows from the rest; not in a snapshot.
  std::shared_ptr<const cron> rule = nullptr;
  timestamp next_tick = {};
};

struct job_record {
  std::string name;
  job_spec_ptr spec;
  /// The version of the fact that submitted it: never used by another job.
  version_number born = 0;
  uint32_t job_version = 1;
  uint32_t count = 0;
  /// Members beyond the count, while they stand in for others.
  uint32_t extra = 0;
  bool stopped = false;
  bool forget = false;
  /// The last version in which all members have run well.
  uint32_t settled_version = 0;
  /// Whether the present version is an earlier one that was taken up again.
  uint32_t rolled_back_to = 0;
  timestamp submitted_at;
  /// When somebody has to look at it again; none if no time is waited for.
  timestamp visit_at;
  /// Tasks that have been placed at least once: [index]. Those from
  /// `tasks.size()` to `count` are fresh: a range, not objects.
  std::vector<task_record> tasks;
  /// Tasks below `tasks.size()` that wait for a place and may have it now.
  std::set<uint32_t> requeued;
  /// Of `tasks`, fresh ones not counted.
  state_counts by_state{};
  class_id klass = 0;
  /// [job version] What tasks of that version hold.
  std::map<uint32_t, std::shared_ptr<const placement::task_class>> classes;
  /// [job version] Specs before the present one whose tasks live on.
  std::map<uint32_t, job_spec_ptr> older;
  /// [job version] Tasks of that version that hold capacity, none left out.
  std::map<uint32_t, uint32_t> held;
  /// Jobs whose end it still awaits: until then none of its tasks is placed.
  std::set<std::string, std::less<>> awaited;
  /// Specs before the present one, for a rollback; newest last.
  std::vector<past_spec> past_specs;
  std::optional<schedule_record> schedule;
  /// Of a system job: the task of each node that ever wanted one and is known, by
  /// the number of the node's name.
  std::map<uint32_t, uint32_t> members;
  /// Those whose node wants one now: [index] number of the node's name.
  std::map<uint32_t, uint32_t> present;
  /// Where it stands in the queue, if it does.
  std::optional<queue_key> queued;
  /// Version at which its last task ended; 0 while it is not over.
  version_number finished_at = 0;
  /// How many tasks it had then.
  uint32_t finished_tasks = 0;
  /// What few tasks have, by index.
  std::map<uint32_t, std::string> messages;
  std::map<uint32_t, placement::occupation> occupations;
  std::map<uint32_t, std::vector<attempt_record>> past;
  /// Of those that wait: the node (a name, see `cluster::name_of`) to which they
  /// go only if they fit nowhere else.
  std::map<uint32_t, uint32_t> avoid;
  /// Places that are kept for tasks that wait, by index.
  std::map<uint32_t, hold_record> holds;
  /// The gang that its tasks belong to, if they do.
  gang_record* gang = nullptr;
  /// Whether only the gang as a whole may start its tasks now.
  bool gated = false;
  /// Tasks that hold a place and are being stopped.
  uint32_t leaving = 0;
  /// Whose place the present attempt took, by index.
  std::map<uint32_t, std::string> receipts;
  /// Of a job whose results are kept.
  std::optional<lookup_record> lookup;
  /// Of tasks that hold a place: what they were looked up by.
  std::map<uint32_t, cache_key> keys;
  /// Of tasks that are `cached`.
  std::map<uint32_t, hit_record> hits;

  /// Members that shall exist: indices are below this.
  [[nodiscard]] uint32_t wanted() const { return count + extra; }
  /// The spec that a task of `version` was placed with.
  [[nodiscard]] const job_spec_ptr& spec_of(uint32_t version) const {
    auto at = older.find(version);
    return version == job_version || at == older.end() ? spec : at->second;
  }
  [[nodiscard]] uint32_t fresh() const {
    auto known = static_cast<uint32_t>(tasks.size());
    return known < wanted() ? wanted() - known : 0;
  }
  [[nodiscard]] uint32_t in_state(task_state x) const {
    auto result = by_state[static_cast<size_t>(x)];
    if (x == (stopped ? task_state::stopped : task_state::pending))
      result += fresh();
    return result;
  }
  /// Tasks that hold capacity.
  [[nodiscard]] uint32_t live() const {
    return in_state(task_state::placed) + in_state(task_state::starting)
           + in_state(task_state::running) + in_state(task_state::lost);
  }
  /// Tasks that serve: they run, and are healthy if they are checked.
  [[nodiscard]] uint32_t serving() const;
  /// Whether nothing will happen to it unless somebody asks for it.
  [[nodiscard]] bool over() const {
    return live() == 0 && in_state(task_state::pending) == 0
           && (stopped || (spec->kind == job_kind::batch && !schedule));
  }
  /// Tasks that it shall have, those that stand in left out.
  [[nodiscard]] uint32_t size() const {
    return spec->kind == job_kind::system
             ? static_cast<uint32_t>(present.size())
             : count;
  }
  /// Whether task `index` shall exist.
  [[nodiscard]] bool wants(uint32_t index) const {
    return !stopped && index < wanted()
           && (spec->kind != job_kind::system || present.contains(index));
  }
  /// Whether a run of its schedule has not ended. REQUIRES: it has a schedule.
  [[nodiscard]] bool run_under_way() const {
    return live() > 0
           || (!schedule->asleep && in_state(task_state::pending) > 0);
  }
  /// Whether its tasks wait for something else than a place.
  [[nodiscard]] bool held_back() const {
    return !awaited.empty() || (schedule && schedule->asleep);
  }
  /// Tasks that wait and whose own delay, if any, is over.
  [[nodiscard]] uint32_t waiting() const {
    return stopped ? 0 : fresh() + static_cast<uint32_t>(requeued.size());
  }
  /// Tasks for which a policy may find a place now.
  [[nodiscard]] uint32_t ready() const {
    if (held_back() || gated || spec->kind == job_kind::system)
      return 0;
    return lookup ? static_cast<uint32_t>(lookup->missed.size()) : waiting();
  }
  /// Whether task `index`, which has a record, is one of them.
  [[nodiscard]] bool is_ready(uint32_t index) const {
    return lookup ? lookup->missed.contains(index) : requeued.contains(index);
  }
  /// Tasks that wait for the result of an identical one.
  [[nodiscard]] uint32_t joined() const {
    return lookup ? static_cast<uint32_t>(lookup->joined.size()) : 0;
  }
};

/// Jobs whose tasks start together.
struct gang_record {
  std::string name;
  gang_state state = gang_state::waiting;
  /// [birth]
  std::map<version_number, job_record*> jobs;
  /// The version of the fact that reserved, and when that is given up.
  version_number reservation = 0;
  timestamp until;
  /// How many members must run, or have succeeded, since the last start.
  uint32_t needs = 0;

  // What is known without facts: a controller that takes over finds it out anew.

  /// [job's birth, index] Members whose nodes have confirmed.
  std::set<task_number> confirmed;
  /// When a job joined it last, and whether it was waited for others since.
  timestamp gathered_at;
  bool has_gathered = false;
  /// Why it did not start when it was tried last, and what follows from it.
  bool blocked = false;
  /// Whether it would delay what is ahead of it.
  bool behind = false;
  reason why = reason::none;
  std::string message;
  uint32_t tries = 0;
  timestamp tried_at;
  timestamp retry_at;
  /// Whether something that could help happened since it was tried.
  bool helped = false;
  /// Whether a reservation ended with a place, and nobody was told.
  bool lost_places = false;
  /// Where it stands among the gangs that may start, or that wait for a time.
  std::optional<queue_key> listed_key;
  timestamp listed_time;
};

/// The state of a job, from those of its tasks.
[[nodiscard]] job_state state_of(const job_record& job);

/// Where a task stands in memory.
struct task_place {
  job_record* job = nullptr;
  uint32_t index = 0;
};

/// What speaks against a node: tasks fail there that run well elsewhere.
struct quarantine_record {
  bool active = false;
  /// Whether one task may be tried there now.
  bool open = false;
  std::string message;
  timestamp since;
  timestamp probe_at;
  /// Probes that failed in a row.
  uint32_t failed_probes = 0;
  /// Jobs of which a task has failed there since one ran well, and when.
  std::map<std::string, timestamp> failing;
};

struct node_record {
  node_profile profile;
  placement::node_index row = 0;
  uint32_t name = 0;
  node_state state = node_state::ready;
  node_eligibility eligibility = node_eligibility::eligible;
  /// The profile's labels as changed by operators.
  label_set labels;
  double weight = 1;
  /// What an operator said, see `cluster::overcommit_of`.
  std::optional<double> overcommit;
  timestamp joined_at;
  /// Since when it is silent, if it is.
  timestamp unhealthy_at;
  /// When what it ran was given up, after it fell silent.
  timestamp gave_up_at;
  /// While it drains: when what is left is stopped.
  timestamp drain_deadline;
  /// Whether it shall be removed once nobody waits for what it runs.
  bool leaving = false;
  quarantine_record quarantine;
  /// Drivers that do not work now, and why.
  std::vector<std::string> troubled;
  std::string trouble;
  timestamp visit_at;
  resources reserved;
  /// The host port that was chosen last, which tells where the search for the
  /// next one begins; 0 if none was.
  uint16_t last_port = 0;
  std::map<allocation_id, task_place> allocations;
  /// [job's birth, index] Places that are kept here, as the jobs know them.
  std::map<task_number, job_record*> holds;
  /// Allocations that were given up and yet run there: until they are gone,
  /// nothing new goes to the node.
  std::set<allocation_id> strays;
};

} // namespace troupe::runtime
