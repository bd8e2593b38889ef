#include "runtime/cluster/queue_order.hpp"

#include <algorithm>
#include <cstdint>

namespace troupe::runtime {

namespace {

/// A job may be overtaken by shorter ones until it has waited this many times
/// the difference.
constexpr int64_t patience_of_sjf = 10;

/// What a job without a duration is taken for, and no job for more.
constexpr int64_t longest_ms = int64_t{24} * 3'600 * 1'000;

int64_t duration_of(const job_spec& x) {
  if (x.expected_runtime.count() > 0)
    return std::min<int64_t>(x.expected_runtime.count(), longest_ms);
  if (x.timeout.count() > 0)
    return std::min<int64_t>(x.timeout.count(), longest_ms);
  return longest_ms;
}

} // namespace

queue_key key_in(const std::string& order, const job_record& job) {
  if (order == "fifo")
    return {0, job.born};
  // Ageing: whoever came earlier counts as shorter.
  if (order == "sjf")
    return {duration_of(*job.spec) * patience_of_sjf + job.submitted_at.ms,
            job.born};
  return {-int64_t{job.spec->priority}, job.born};
}

queue_key key_in(const std::string& order, const gang_record& gang) {
  auto result = key_in(order, *gang.jobs.begin()->second);
  for (auto& [born, job] : gang.jobs)
    result = std::min(result, key_in(order, *job));
  return result;
}

std::string group_of(const settings& config, const job_record& job) {
  if (config.queue_order != "fair")
    return {};
  if (config.fair_by.empty())
    return job.name;
  for (auto& x : job.spec->labels)
    if (x.name == config.fair_by)
      return x.value;
  return {};
}

milliseconds estimate_of(const job_spec& x) {
  return x.expected_runtime.count() > 0 ? x.expected_runtime : x.timeout;
}

} // namespace troupe::runtime
