#include "runtime/cluster/records.hpp"

#include <algorithm>

namespace troupe::runtime {

uint32_t job_record::serving() const {
  auto running = in_state(task_state::running);
  if (!spec->health && older.empty())
    return running;
  return static_cast<uint32_t>(
    std::count_if(tasks.begin(), tasks.end(), [](const task_record& x) {
      return x.state == task_state::running && x.ready_at;
    }));
}

job_state state_of(const job_record& job) {
  auto live = job.live();
  auto waiting = job.in_state(task_state::pending);
  // Between its runs, a job is as the last one was.
  if (job.schedule && !job.stopped && !job.run_under_way()) {
    if (job.in_state(task_state::failed) > 0)
      return job_state::failed;
    return job.in_state(task_state::succeeded) > 0
               || job.in_state(task_state::cached) > 0
             ? job_state::succeeded
             : job_state::pending;
  }
  if (job.spec->kind == job_kind::system && !job.stopped) {
    auto runs = [&](auto& member) {
      auto& task = job.tasks[member.first];
      return task.state == task_state::running && task.ready_at;
    };
    auto running = std::count_if(job.present.begin(), job.present.end(), runs);
    if (running == 0)
      return job_state::pending;
    return static_cast<size_t>(running) == job.present.size()
             ? job_state::running
             : job_state::degraded;
  }
  if (live == 0 && waiting == 0) {
    // Of a gang, all others are stopped when one has failed.
    auto failed = job.gang != nullptr && job.in_state(task_state::failed) > 0;
    if (job.stopped || (job.in_state(task_state::stopped) > 0 && !failed))
      return job_state::stopped;
    if (job.spec->kind != job_kind::batch)
      return job.count == 0 ? job_state::stopped : job_state::failed;
    return job.in_state(task_state::failed) > 0 ? job_state::failed
                                                : job_state::succeeded;
  }
  if (job.spec->kind == job_kind::batch)
    return live > 0 || waiting < job.count ? job_state::running
                                           : job_state::pending;
  auto running = job.serving();
  if (running >= job.count)
    return job_state::running;
  return running == 0 ? job_state::pending : job_state::degraded;
}

} // namespace troupe::runtime
