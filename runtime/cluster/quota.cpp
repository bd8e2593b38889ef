// How many tasks with a certain label may have a place at once. Classes of jobs
// are told apart by the limits that hold for them, so a limit that is reached
// blocks whole classes, and what waits behind it costs nothing.

#include <algorithm>
#include <limits>

#include "runtime/cluster/cluster.hpp"

namespace troupe::runtime {

std::vector<std::string> cluster::quotas_of(const job_spec& spec) const {
  std::vector<std::string> result;
  // One task on each node is not a matter of how many.
  if (quotas_.empty() || spec.kind == job_kind::system)
    return result;
  for (auto& x : spec.labels)
    if (auto name = x.name + '=' + x.value; quotas_.contains(name))
      result.push_back(std::move(name));
  return result;
}

uint32_t cluster::left_for(const waiting::job_class& x) const {
  auto result = std::numeric_limits<uint32_t>::max();
  for (auto& name : x.quotas) {
    auto& quota = quotas_.find(name)->second;
    result = std::min(result,
                      quota.limit > quota.used ? quota.limit - quota.used : 0);
  }
  return result;
}

/// Notes that so many more tasks of `job` have a place, or fewer.
void cluster::note_quota(const job_record& job, int64_t tasks) {
  if (quotas_.empty())
    return;
  for (auto& name : quotas_of(*job.spec)) {
    auto& quota = quotas_.find(name)->second;
    auto was_full = quota.used >= quota.limit;
    quota.used = static_cast<uint32_t>(int64_t{quota.used} + tasks);
    if (was_full && quota.used < quota.limit)
      freed_quotas_.insert(name);
  }
}

void cluster::count_quotas() {
  quotas_.clear();
  for (auto& [name, limit] : settings_.concurrency) {
    quotas_[name].limit = limit;
    freed_quotas_.insert(name);
  }
  for (auto& [name, job] : jobs_)
    note_quota(job,
               int64_t{job.live()} + static_cast<int64_t>(job.holds.size()));
}

std::string
cluster::full_quota_of(const gang_record& gang, uint32_t places) const {
  for (auto& [name, quota] : quotas_) {
    uint32_t others = 0;
    for (auto& [born, job] : gang.jobs) {
      auto& its = waiting_.at(job->klass).quotas;
      if (std::find(its.begin(), its.end(), name) == its.end())
        others += job->held_back() ? 0 : job->waiting();
    }
    auto left = quota.limit > quota.used ? quota.limit - quota.used : 0;
    if (places > others && places - others > left)
      return std::to_string(quota.used) + " of " + std::to_string(quota.limit)
             + " tasks with the label " + name
             + " have a place, which is too many for it to start";
  }
  return {};
}

void cluster::wake_quotas() {
  if (freed_quotas_.empty())
    return;
  auto freed = std::exchange(freed_quotas_, {});
  auto concerns = [&](const waiting::job_class& x) {
    return left_for(x) > 0
           && std::any_of(x.quotas.begin(), x.quotas.end(),
                          [&](auto& name) { return freed.contains(name); });
  };
  waiting_.wake_if(
    [&](const waiting::job_class& x) { return x.blocked && concerns(x); });
  for (auto& [name, gang] : gangs_)
    if (gang.blocked && gang.why == reason::quota
        && std::any_of(gang.jobs.begin(), gang.jobs.end(), [&](auto& x) {
             return concerns(waiting_.at(x.second->klass));
           })) {
      gang.blocked = false;
      list_gang(gang, members_of(gang));
    }
}

} // namespace troupe::runtime
