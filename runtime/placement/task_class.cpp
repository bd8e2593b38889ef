#include "runtime/placement/task_class.hpp"

#include <algorithm>

namespace troupe::runtime::placement {

task_class class_of(const job_spec& spec, const std::string& default_strategy) {
  task_class result{
    .request = spec.request,
    .strategy = spec.strategy.empty() ? default_strategy : spec.strategy,
    .requirements = spec.requirements,
    .preferences = spec.preferences,
    .labels = spec.labels,
    .avoid_colocating = spec.avoid_colocating,
    .colocate_with = spec.colocate_with,
    .spread_by = spec.spread_by,
    .spread_group = spec.spread_by.empty() ? std::string{} : spec.name,
    .exclusive = spec.exclusive,
    .host_ports = {},
    .chosen_ports = 0,
  };
  for (auto& port : spec.ports) {
    if (port.host != 0)
      result.host_ports.push_back(port.host);
    else
      ++result.chosen_ports;
  }
  std::sort(result.host_ports.begin(), result.host_ports.end());
  return result;
}

} // namespace troupe::runtime::placement
