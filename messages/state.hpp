#pragma once

#include <cstdint>

#include <boost/describe/enum.hpp>

namespace troupe {

/// Where a task is in its life. `stopping` is not a state: it is the wish that
/// stands beside the state until the node has carried it out.
///
///   pending -> placed -> starting -> running -> succeeded | failed | stopped
///      ^          |          |          |
///      +----------+----------+----------+     requeued, with the reason kept
///
/// `lost`: its node is unhealthy and nobody knows. `cached`: a result reused.
enum class task_state : uint8_t {
  pending,
  placed,
  starting,
  running,
  succeeded,
  failed,
  stopped,
  lost,
  cached
};
BOOST_DESCRIBE_ENUM(task_state, pending, placed, starting, running, succeeded,
                    failed, stopped, lost, cached)

/// Returns whether nothing follows `x` unless somebody asks for it.
constexpr bool is_final(task_state x) {
  return x == task_state::succeeded || x == task_state::failed
         || x == task_state::stopped || x == task_state::cached;
}

/// Returns whether a task in state `x` holds capacity on a node. One that is lost
/// may run on: until it is given up, its place is its own.
constexpr bool holds_capacity(task_state x) {
  return x == task_state::placed || x == task_state::starting
         || x == task_state::running || x == task_state::lost;
}

enum class task_health : uint8_t { none, unknown, healthy, unhealthy };
BOOST_DESCRIBE_ENUM(task_health, none, unknown, healthy, unhealthy)

enum class job_state : uint8_t {
  pending,
  running,
  succeeded,
  failed,
  stopped,
  degraded
};
BOOST_DESCRIBE_ENUM(job_state, pending, running, succeeded, failed, stopped,
                    degraded)

enum class node_state : uint8_t { ready, unhealthy, removed };
BOOST_DESCRIBE_ENUM(node_state, ready, unhealthy, removed)

enum class node_eligibility : uint8_t { eligible, cordoned, draining, drained };
BOOST_DESCRIBE_ENUM(node_eligibility, eligible, cordoned, draining, drained)

/// Why something waits or ended. Each is shown to users with a sentence.
enum class reason : uint8_t {
  none,
  no_nodes,
  no_matching_labels,
  insufficient_cpu,
  insufficient_memory,
  insufficient_gpu,
  insufficient_resource,
  port_in_use,
  colocation,
  exclusive,
  cordoned,
  gang_incomplete,
  gang_does_not_fit,
  never_fits,
  unknown_scheduler,
  waiting_for_job,
  backoff,
  retries_exhausted,
  quota,
  preempted,
  drained,
  node_lost,
  unhealthy,
  exit_code,
  signal,
  out_of_memory,
  timed_out,
  image_not_found,
  driver_error,
  stopped_by_user,
  waiting_for_schedule,
  waiting_for_result
};
BOOST_DESCRIBE_ENUM(reason, none, no_nodes, no_matching_labels,
                    insufficient_cpu, insufficient_memory, insufficient_gpu,
                    insufficient_resource, port_in_use, colocation, exclusive,
                    cordoned, gang_incomplete, gang_does_not_fit, never_fits,
                    unknown_scheduler, waiting_for_job, backoff,
                    retries_exhausted, quota, preempted, drained, node_lost,
                    unhealthy, exit_code, signal, out_of_memory, timed_out,
                    image_not_found, driver_error, stopped_by_user,
                    waiting_for_schedule, waiting_for_result)

/// What came of a tick of a job's schedule, which says so for ticks during a run
/// by its `overlap`. `queued` is followed by `started` of the same tick once the
/// run before has ended. `missed`: no controller was there.
enum class tick_outcome : uint8_t {
  started,
  skipped,
  queued,
  replaced,
  missed
};
BOOST_DESCRIBE_ENUM(tick_outcome, started, skipped, queued, replaced, missed)

} // namespace troupe
