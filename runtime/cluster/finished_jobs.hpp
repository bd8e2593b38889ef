#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "runtime/cluster/records.hpp"

namespace troupe::runtime {

/// Jobs that are over and that nobody awaits: those that may be forgotten, oldest
/// first.
class finished_jobs {
public:
  /// REQUIRES: `job.finished_at` is known.
  void add(job_record& job) {
    if (jobs_.try_emplace(job.finished_at, &job).second)
      tasks_ += job.finished_tasks;
  }
  void remove(const job_record& job) {
    if (job.finished_at != 0 && jobs_.erase(job.finished_at) > 0)
      tasks_ -= job.finished_tasks;
  }

  /// The oldest, if there are more jobs than `jobs_max` or their tasks are more
  /// than `tasks_max`. The last that finished is always remembered.
  [[nodiscard]] const job_record*
  beyond(uint32_t jobs_max, uint64_t tasks_max) const {
    auto too_many = jobs_.size() > jobs_max || tasks_ > tasks_max;
    return jobs_.size() > 1 && too_many ? jobs_.begin()->second : nullptr;
  }

  [[nodiscard]] size_t size() const { return jobs_.size(); }
  /// Of all these jobs.
  [[nodiscard]] uint64_t tasks() const { return tasks_; }

private:
  /// [version at which its last task ended]
  std::map<version_number, job_record*> jobs_;
  uint64_t tasks_ = 0;
};

} // namespace troupe::runtime
