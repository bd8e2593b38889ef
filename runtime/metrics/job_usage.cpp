#include "runtime/metrics/job_usage.hpp"

#include <algorithm>

namespace troupe::runtime {

job_usage::job_usage() : job_usage(options{}) {
  // nop
}

job_usage::job_usage(options x) : options_(x) {
  // nop
}

void job_usage::take(const std::vector<sample>& samples, time_point now) {
  now_ = now;
  for (auto& x : samples) {
    auto& run = runs_[x.run];
    auto& job = jobs_[x.job];
    job.cpu_seconds += x.cpu_seconds < run.cpu_seconds
                         ? x.cpu_seconds
                         : x.cpu_seconds - run.cpu_seconds;
    job.seen = now;
    run = {x.job, x.cpu_seconds, x.memory_bytes, now};
  }
  forget(now);
}

void job_usage::forget(time_point now) {
  std::erase_if(runs_, [&](auto& x) {
    return now - x.second.seen > options_.run_forgotten;
  });
  std::erase_if(jobs_, [&](auto& x) {
    return now - x.second.seen > options_.job_forgotten;
  });
  while (jobs_.size() > options_.jobs_max)
    jobs_.erase(
      std::min_element(jobs_.begin(), jobs_.end(), [](auto& a, auto& b) {
        return a.second.seen < b.second.seen;
      }));
}

std::map<std::string, job_usage::totals> job_usage::by_job() const {
  std::map<std::string, totals> result;
  for (auto& [name, job] : jobs_)
    result[name].cpu_seconds = job.cpu_seconds;
  for (auto& [id, run] : runs_)
    if (auto at = result.find(run.job);
        at != result.end() && now_ - run.seen <= options_.run_idle)
      at->second.memory_bytes += run.memory_bytes;
  return result;
}

} // namespace troupe::runtime
