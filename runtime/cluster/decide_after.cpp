// Jobs that wait for others, and when they go on.

#include <algorithm>

#include "runtime/cluster/cluster.hpp"

namespace troupe::runtime {

bool cluster::is_met(const job_record& job, std::string_view name) const {
  auto* other = find_job(name);
  if (other == nullptr || !other->over())
    return false;
  auto& after = job.spec->after;
  auto at = std::find_if(after.begin(), after.end(),
                         [&](auto& x) { return x.job == name; });
  return at == after.end() || at->outcome == job_outcome::finished
         || state_of(*other) == job_state::succeeded;
}

void cluster::meet_dependencies(job_record& job) {
  auto awaited = job.awaited;
  for (auto& name : awaited)
    if (is_met(job, name))
      say(job_dependency_met{job.name, name});
}

void cluster::wake_dependents() {
  for (auto& name : dependents_.take_ended()) {
    // A fact takes the job that it is about out of the set.
    auto births = dependents_.of(name);
    for (auto born : births)
      if (auto& job = *jobs_by_birth_.at(born); is_met(job, name))
        say(job_dependency_met{job.name, name});
  }
}

/// Lets `job` await exactly `names`.
void cluster::await_jobs(job_record& job,
                         std::set<std::string, std::less<>> names) {
  auto before = job.awaited;
  for (auto& name : before)
    if (!names.contains(name))
      stop_awaiting(job, name);
  for (auto& name : names) {
    dependents_.add(name, job.born);
    // While it is awaited, nobody forgets it.
    if (auto* other = job_called(name))
      finished_.remove(*other);
  }
  job.awaited = std::move(names);
}

void cluster::stop_awaiting(job_record& job, const std::string& name) {
  job.awaited.erase(name);
  if (!dependents_.remove(name, job.born))
    return;
  if (auto* other = job_called(name);
      other != nullptr && other->finished_at != 0)
    list_finished(*other);
}

void cluster::list_finished(job_record& job) {
  // A failed task may have further runs.
  if (dependents_.is_awaited(job.name))
    dependents_.note_end(job.name);
  else
    finished_.add(job);
}

} // namespace troupe::runtime
