#pragma once

/// How a task is, in a state, a reason and a sentence.

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "messages/state.hpp"
#include "messages/timestamp.hpp"

#include "runtime/cluster/cluster.hpp"

namespace troupe::runtime::views {

struct condition {
  task_state state = task_state::pending;
  reason why = reason::none;
  std::string message;
};

/// When it starts, as far as jobs say how long they run.
[[nodiscard]] std::string text_of_start(const reserved_head& x, timestamp now);

/// One past the last index that `job` has a task for. Tasks beyond its count
/// are on their way out.
[[nodiscard]] uint32_t task_count(const job_record& job);

/// The record of a task, null for a fresh one. REQUIRES: index below
/// `task_count`.
[[nodiscard]] const task_record*
record_of(const job_record& job, uint32_t index);

[[nodiscard]] task_state state_of(const job_record& job, uint32_t index);

/// The spec that task `index` was placed with, or will be.
[[nodiscard]] const job_spec& spec_of(const job_record& job, uint32_t index);

/// What `job` waits for other than a place. REQUIRES: `job.held_back()`.
[[nodiscard]] condition held_back(const cluster& c, const job_record& job);

/// Why a task is not placed that waits for an identical one. REQUIRES: it does.
[[nodiscard]] condition
wait_of_joined(const cluster& c, const job_record& job, uint32_t index);

/// Whose result a task has.
[[nodiscard]] std::string text_of(const hit_record& x);

/// Why `gang` does not start.
[[nodiscard]] condition wait_of(const gang_record& gang);

/// When `job` runs next, in words. REQUIRES: it has a schedule.
[[nodiscard]] std::string next_run_of(const job_record& job);

/// Why a task of a system job, whose place is on one node, is not there.
/// REQUIRES: it waits, and its delay is over.
[[nodiscard]] condition
wait_of_member(const cluster& c, const job_record& job, uint32_t index);

/// Why tasks of `job` whose own delay is over are not placed; to who reads it at
/// `now`, which may be before the time of the cluster, if that is imagined.
[[nodiscard]] condition
wait_of(const cluster& c, const job_record& job, timestamp now);
[[nodiscard]] inline condition
wait_of(const cluster& c, const job_record& job) {
  return wait_of(c, job, c.last_time());
}

/// The same as users are told it: of what was tried often enough by time alone,
/// that this is so.
[[nodiscard]] condition
told_wait_of(const cluster& c, const job_record& job, timestamp now);

[[nodiscard]] condition condition_of(const cluster& c, const job_record& job,
                                     uint32_t index, timestamp now);

/// Why tasks of `job` wait or have failed, and how many for each reason. Looks
/// at no more than `counted_tasks_max` tasks.
[[nodiscard]] std::map<std::string, uint32_t>
reasons_of(const cluster& c, const job_record& job);
inline constexpr uint32_t counted_tasks_max = 100'000;

/// Pending tasks of `job` that may not be placed yet.
[[nodiscard]] uint32_t delayed(const job_record& job);

/// When the first of them may; nothing if it is not among the first
/// `counted_tasks_max` tasks.
[[nodiscard]] std::optional<timestamp> first_due(const job_record& job);

} // namespace troupe::runtime::views
