#include "runtime/cluster/quotas.hpp"

#include <algorithm>
#include <limits>
#include <utility>

namespace troupe::runtime {

void quotas::limit(const std::map<std::string, uint32_t>& limits) {
  quotas_.clear();
  for (auto& [name, most] : limits) {
    quotas_[name].limit = most;
    freed_.insert(name);
  }
}

std::vector<std::string> quotas::of(const job_spec& spec) const {
  std::vector<std::string> result;
  // One task on each node is not a matter of how many.
  if (quotas_.empty() || spec.kind == job_kind::system)
    return result;
  for (auto& x : spec.labels)
    if (auto name = x.name + '=' + x.value; quotas_.contains(name))
      result.push_back(std::move(name));
  return result;
}

uint32_t quotas::left(const std::vector<std::string>& names) const {
  auto result = std::numeric_limits<uint32_t>::max();
  for (auto& name : names)
    result = std::min(result, quotas_.find(name)->second.left());
  return result;
}

void quotas::count(const job_spec& spec, int64_t tasks) {
  if (quotas_.empty())
    return;
  for (auto& name : of(spec)) {
    auto& quota = quotas_.find(name)->second;
    auto was_full = quota.used >= quota.limit;
    quota.used = static_cast<uint32_t>(int64_t{quota.used} + tasks);
    if (was_full && quota.used < quota.limit)
      freed_.insert(name);
  }
}

quotas::names quotas::take_freed() {
  return std::exchange(freed_, {});
}

} // namespace troupe::runtime
