#include "runtime/cluster/gang_members.hpp"

#include <algorithm>
#include <limits>

namespace troupe::runtime {

gang_members members_of(const gang_record& gang) {
  gang_members result;
  for (auto& [born, job] : gang.jobs) {
    if (job->stopped && job->live() == 0)
      continue;
    result.add(*job->spec, job->stopped ? 0 : job->wanted());
    result.done += job->in_state(task_state::succeeded)
                   + job->in_state(task_state::cached);
    result.lost += job->in_state(task_state::failed);
    if (!job->stopped)
      result.lost += job->in_state(task_state::stopped);
    result.live += job->live();
    result.able += job->live() - job->leaving;
    if (!job->held_back())
      result.open += job->waiting();
    if (gang.state != gang_state::waiting)
      for (auto& [index, kept] : job->holds)
        result.able += kept.gang ? 1 : 0;
  }
  return result;
}

int32_t priority_of(const gang_record& gang) {
  auto result = std::numeric_limits<int32_t>::min();
  for (auto& [born, job] : gang.jobs)
    result = std::max(result, job->spec->priority);
  return result;
}

int32_t counts_as(const job_record& job, const task_record& task) {
  // Whoever was raised is protected at once, and whoever was lowered until it
  // has been placed by the new rules: so nobody drives out whom it makes room
  // for.
  auto own
    = std::max(job.spec->priority, job.spec_of(task.job_version)->priority);
  return job.gang == nullptr ? own : std::max(own, priority_of(*job.gang));
}

bool is_gathering(const gang_record& gang, const gang_members& members) {
  if (members.min_said > 0 || gang.has_gathered)
    return false;
  return std::any_of(gang.jobs.begin(), gang.jobs.end(), [](auto& x) {
    auto& spec = *x.second->spec;
    return !spec.gang || !spec.gang->name.empty();
  });
}

bool is_clear(const gang_record& gang) {
  return std::all_of(gang.jobs.begin(), gang.jobs.end(), [](auto& x) {
    return std::all_of(
      x.second->holds.begin(), x.second->holds.end(),
      [](auto& y) { return !y.second.gang || y.second.awaits.empty(); });
  });
}

} // namespace troupe::runtime
