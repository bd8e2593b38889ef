#include "runtime/cluster/places.hpp"

#include <algorithm>
#include <utility>

namespace troupe::runtime {

namespace {

std::string
message_to_victim(const task_ref& by, int32_t priority, int32_t own) {
  return "preempted by " + to_string(by) + " (priority "
         + std::to_string(priority) + " over " + std::to_string(own) + ")";
}

} // namespace

std::vector<port_binding>
bindings_of(const job_spec& spec, const placement::occupation& held) {
  std::vector<port_binding> result;
  for (auto& port : spec.ports)
    result.push_back({port.name, port.container, port.host});
  // The occupation lists fixed ports in ascending order, then the chosen.
  auto chosen = held.ports.size()
                - static_cast<size_t>(std::count_if(
                  result.begin(), result.end(),
                  [](const port_binding& p) { return p.host == 0; }));
  for (auto& port : result)
    if (port.host == 0)
      port.host = held.ports.at(chosen++);
  return result;
}

std::vector<port_binding>
bindings_of_held(const job_spec& spec, const placement::occupation& held) {
  std::vector<port_binding> result;
  for (size_t i = 0; i < spec.ports.size(); ++i)
    result.push_back(
      {spec.ports[i].name, spec.ports[i].container, held.ports.at(i)});
  return result;
}

std::vector<uint16_t>
ports_in_order(const job_spec& spec, const std::vector<uint16_t>& ports) {
  std::vector<uint16_t> fixed;
  std::vector<uint16_t> chosen;
  for (size_t i = 0; i < ports.size(); ++i)
    (i < spec.ports.size() && spec.ports[i].host != 0 ? fixed : chosen)
      .push_back(ports[i]);
  std::sort(fixed.begin(), fixed.end());
  fixed.insert(fixed.end(), chosen.begin(), chosen.end());
  return fixed;
}

task_placed
placing_of(const job_record& job, uint32_t index, const std::string& node,
           const placement::occupation& held) {
  auto attempt = index < job.tasks.size() ? job.tasks[index].attempt : 0;
  return {{job.name, index},
          attempt + 1,
          node,
          bindings_of(*job.spec, held),
          held.gpus};
}

task_preempted
victim_of(const placement::tenants& tenants, const node_record& node,
          uint64_t allocation, task_ref victim, task_ref by, int32_t priority) {
  auto own = tenants.find(node.row, allocation)->priority;
  auto message = message_to_victim(by, priority, own);
  return {std::move(victim), node.profile.name, std::move(by),     own,
          priority,          reason::preempted, std::move(message)};
}

} // namespace troupe::runtime
