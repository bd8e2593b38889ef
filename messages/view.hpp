#pragma once

/// Views: the JSON that lists and single things have on REST and with `-o json`.
/// Members are only ever added, never renamed.

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <boost/describe/class.hpp>
#include <boost/json/value.hpp>

#include "messages/ids.hpp"
#include "messages/job.hpp"
#include "messages/state.hpp"
#include "messages/timestamp.hpp"

namespace troupe {

struct attempt_view {
  uint32_t attempt = 0;
  allocation_id allocation;
  std::string node;
  task_state state = task_state::placed;
  reason why = reason::none;
  std::string message;
  std::optional<int32_t> exit_code;
  std::optional<timestamp> placed_at;
  std::optional<timestamp> started_at;
  std::optional<timestamp> ended_at;
  /// The most that was measured, if anything was.
  std::optional<double> cpu_seconds;
  std::optional<int64_t> peak_memory;
  bool operator==(const attempt_view&) const = default;
  BOOST_DESCRIBE_CLASS(attempt_view, (),
                       (attempt, allocation, node, state, why, message,
                        exit_code, placed_at, started_at, ended_at, cpu_seconds,
                        peak_memory),
                       (), ())
};

/// What a task may use at most while its node holds its burst back; absent:
/// what its job says.
struct burst_limit_view {
  std::optional<double> cpu;
  std::optional<int64_t> memory;
  bool operator==(const burst_limit_view&) const = default;
  BOOST_DESCRIBE_CLASS(burst_limit_view, (), (cpu, memory), (), ())
};

struct task_view {
  task_ref id;
  std::string job;
  uint32_t index = 0;
  job_kind kind = job_kind::batch;
  driver_kind driver = driver_kind::process;
  task_state state = task_state::pending;
  bool stopping = false;
  task_health health = task_health::none;
  std::string node;
  uint32_t attempt = 0;
  allocation_id allocation;
  std::vector<attempt_view> attempts;
  reason why = reason::none;
  std::string message;
  std::optional<int32_t> exit_code;
  int32_t priority = 0;
  std::map<std::string, uint16_t> ports;
  std::vector<uint16_t> gpus;
  timestamp submitted_at;
  std::optional<timestamp> started_at;
  std::optional<timestamp> ended_at;
  /// As last measured, if it was.
  std::optional<double> cpu_seconds;
  std::optional<int64_t> memory_bytes;
  std::optional<burst_limit_view> burst_limit;
  bool operator==(const task_view&) const = default;
  BOOST_DESCRIBE_CLASS(task_view, (),
                       (id, job, index, kind, driver, state, stopping, health,
                        node, attempt, allocation, attempts, why, message,
                        exit_code, priority, ports, gpus, submitted_at,
                        started_at, ended_at, cpu_seconds, memory_bytes,
                        burst_limit),
                       (), ())
};

struct amounts_view {
  double cpu = 0;
  int64_t memory = 0;
  double gpu = 0;
  std::map<std::string, int64_t> resources;
  bool operator==(const amounts_view&) const = default;
  BOOST_DESCRIBE_CLASS(amounts_view, (), (cpu, memory, gpu, resources), (), ())
};

struct node_view {
  std::string name;
  node_state state = node_state::ready;
  node_eligibility eligibility = node_eligibility::eligible;
  label_set labels;
  amounts_view capacity;
  amounts_view reserved;
  amounts_view used;
  uint32_t tasks = 0;
  double weight = 1;
  double overcommit = 1;
  std::vector<std::string> drivers;
  double heartbeat_age_seconds = 0;
  std::string version;
  timestamp joined_at;
  /// While it drains: when what is left is stopped.
  timestamp drain_deadline;
  /// What people should know of it: silence, a drain, a quarantine.
  std::string message;
  bool operator==(const node_view&) const = default;
  BOOST_DESCRIBE_CLASS(node_view, (),
                       (name, state, eligibility, labels, capacity, reserved,
                        used, tasks, weight, overcommit, drivers,
                        heartbeat_age_seconds, version, joined_at,
                        drain_deadline, message),
                       (), ())
};

/// When a job with a schedule ran last and will run next.
struct schedule_view {
  std::optional<timestamp> next;
  std::optional<timestamp> last;
  /// What came of the last tick.
  std::optional<tick_outcome> outcome;
  std::string timezone;
  bool operator==(const schedule_view&) const = default;
  BOOST_DESCRIBE_CLASS(schedule_view, (), (next, last, outcome, timezone), (),
                       ())
};

struct job_view {
  std::string name;
  job_kind kind = job_kind::batch;
  job_state state = job_state::pending;
  uint32_t version = 1;
  uint32_t count = 0;
  /// Members that serve: they run, and are healthy if they are checked.
  uint32_t ready = 0;
  int32_t priority = 0;
  /// By state, every state named.
  std::map<std::string, uint32_t> tasks;
  /// Of tasks that wait or have failed: reason and how many.
  std::map<std::string, uint32_t> reasons;
  timestamp submitted_at;
  boost::json::value spec;
  bool operator==(const job_view&) const = default;
  BOOST_DESCRIBE_CLASS(job_view, (),
                       (name, kind, state, version, count, ready, priority,
                        tasks, reasons, submitted_at, spec),
                       (), ())
};

struct gang_view {
  std::string name;
  std::string state;
  uint32_t min = 0;
  uint32_t max = 0;
  uint32_t members = 0;
  uint32_t placed = 0;
  std::string reason;
  bool operator==(const gang_view&) const = default;
  BOOST_DESCRIBE_CLASS(gang_view, (),
                       (name, state, min, max, members, placed, reason), (), ())
};

/// Waiting tasks of one job.
struct queue_view {
  std::string job;
  int32_t priority = 0;
  uint32_t tasks = 0;
  reason why = reason::none;
  std::string message;
  timestamp submitted_at;
  std::optional<timestamp> not_before;
  /// Tries by time alone that found no place, and when the next one is, if it is
  /// not left to what happens.
  uint32_t tries = 0;
  std::optional<timestamp> next_try;
  bool operator==(const queue_view&) const = default;
  BOOST_DESCRIBE_CLASS(queue_view, (),
                       (job, priority, tasks, why, message, submitted_at,
                        not_before, tries, next_try),
                       (), ())
};

/// A kept result.
struct result_view {
  std::string key;
  /// Whose run it was, and which.
  std::string job;
  task_ref task;
  uint32_t attempt = 0;
  allocation_id allocation;
  std::string node;
  /// What stood for the image in the key.
  std::string image;
  std::string image_digest;
  timestamp created_at;
  timestamp expires_at;
  timestamp used_at;
  double duration_seconds = 0;
  uint64_t hits = 0;
  int32_t exit_code = 0;
  bool operator==(const result_view&) const = default;
  BOOST_DESCRIBE_CLASS(result_view, (),
                       (key, job, task, attempt, allocation, node, image,
                        image_digest, created_at, expires_at, used_at,
                        duration_seconds, hits, exit_code),
                       (), ())
};

/// Lookups and what became of entries, since the cluster began. `joined` are the
/// hits of tasks that waited for the run.
struct cache_statistics {
  uint64_t hits = 0;
  uint64_t joined = 0;
  uint64_t misses = 0;
  uint64_t evictions = 0;
  uint64_t expirations = 0;
  uint64_t invalidations = 0;
  bool operator==(const cache_statistics&) const = default;
  BOOST_DESCRIBE_CLASS(cache_statistics, (),
                       (hits, joined, misses, evictions, expirations,
                        invalidations),
                       (), ())
};

struct cluster_view {
  version_number version = 0;
  std::string id;
  std::map<std::string, uint32_t> nodes;
  std::map<std::string, uint64_t> tasks;
  std::map<std::string, uint32_t> jobs;
  amounts_view capacity;
  amounts_view reserved;
  amounts_view used;
  std::string strategy;
  std::string queue_order;
  std::string fair_by;
  std::map<std::string, double> fair_weights;
  double overcommit = 1;
  std::map<std::string, int32_t> priority_classes;
  std::map<std::string, uint32_t> concurrency;
  std::string shadow;
  /// Whether tries by time alone are rare, since the cluster stays full.
  bool retries_slowed = false;
  uint32_t cache_entries = 0;
  uint32_t batch_size = 0;
  bool operator==(const cluster_view&) const = default;
  BOOST_DESCRIBE_CLASS(cluster_view, (),
                       (version, id, nodes, tasks, jobs, capacity, reserved,
                        used, strategy, queue_order, fair_by, fair_weights,
                        overcommit, priority_classes, concurrency, shadow,
                        retries_slowed, cache_entries, batch_size),
                       (), ())
};

/// A verdict on one node, or on `nodes` alike ones.
struct verdict_view {
  std::string node;
  uint32_t nodes = 1;
  /// `chosen`, `feasible`, or the reason of the refusal.
  std::string verdict;
  std::string message;
  std::optional<double> score;
  std::map<std::string, double> parts;
  bool operator==(const verdict_view&) const = default;
  BOOST_DESCRIBE_CLASS(verdict_view, (),
                       (node, nodes, verdict, message, score, parts), (), ())
};

struct suggestion_view {
  std::string change;
  std::string message;
  bool operator==(const suggestion_view&) const = default;
  BOOST_DESCRIBE_CLASS(suggestion_view, (), (change, message), (), ())
};

struct why_view {
  std::string task;
  std::string state;
  reason why = reason::none;
  std::string message;
  std::string strategy;
  std::vector<verdict_view> nodes;
  uint32_t ahead = 0;
  std::vector<suggestion_view> suggestions;
  bool operator==(const why_view&) const = default;
  BOOST_DESCRIBE_CLASS(why_view, (),
                       (task, state, why, message, strategy, nodes, ahead,
                        suggestions),
                       (), ())
};

} // namespace troupe
