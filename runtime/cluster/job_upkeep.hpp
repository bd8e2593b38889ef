#pragma once

/// Changes of a job's record that concern nothing else, and what follows from the
/// record alone.

#include <cstdint>
#include <optional>
#include <string>

#include "runtime/cluster/records.hpp"

namespace troupe::runtime {

/// Keeps `job.by_state` in step with the state of `task`.
inline void set_state(job_record& job, task_record& task, task_state to) {
  --job.by_state[static_cast<size_t>(task.state)];
  task.state = to;
  ++job.by_state[static_cast<size_t>(to)];
}

/// An empty text is none.
void set_message(job_record& job, uint32_t index, const std::string& text);

/// Forgets the last members beyond the count that hold nothing.
void trim(job_record& job);

/// Remembers an attempt of task `index` that is over.
void archive(job_record& job, uint32_t index, attempt_record x,
             uint32_t attempts_max);

/// Remembers the present spec for the time when there is another. Of those before
/// it the oldest are forgotten, never the last one that is known to work.
void note_past_spec(job_record& job, uint32_t specs_max);

/// Has the tasks of the present version live on as those of version `to`.
void take_tasks_over(job_record& job, uint32_t to);

/// The task that is placed next, of those an ask was about: `only`, or any that
/// avoids no node.
[[nodiscard]] std::optional<uint32_t>
next_index(const job_record& job, std::optional<uint32_t> only);

} // namespace troupe::runtime
