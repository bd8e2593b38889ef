// Where everything is, in as few bytes as will do: the map of a cluster shows a
// hundred thousand tasks at once.

#include <algorithm>
#include <cmath>
#include <vector>

#include "messages/json_enum.hpp"

#include "runtime/views/answers.hpp"
#include "runtime/views/condition.hpp"

namespace troupe::runtime::views {

namespace {

using boost::json::array;
using boost::json::object;

/// One letter for how a task is on its node.
char letter_of(const task_record& x) {
  if (x.stopping)
    return 'x';
  if (x.health == task_health::unhealthy)
    return 'u';
  switch (x.state) {
  case task_state::placed:
    return 'p';
  case task_state::starting:
    return 's';
  default:
    return 'r';
  }
}

/// `web!5:0r,1r;api!0:3s`: job, priority, and index and letter of each task.
std::string tasks_of(const node_record& node) {
  std::vector<task_place> places;
  places.reserve(node.allocations.size());
  for (auto& [allocation, place] : node.allocations)
    places.push_back(place);
  std::sort(places.begin(), places.end(), [](auto& a, auto& b) {
    return a.job != b.job ? a.job->name < b.job->name : a.index < b.index;
  });
  std::string result;
  const job_record* job = nullptr;
  for (auto& x : places) {
    if (x.job == job) {
      result += ',';
    } else {
      job = x.job;
      if (!result.empty())
        result += ';';
      result += job->name;
      result += '!';
      result += std::to_string(job->spec->priority);
      result += ':';
    }
    result += std::to_string(x.index);
    auto* task = record_of(*job, x.index);
    result += task ? letter_of(*task) : 'p';
  }
  return result;
}

array amounts_in_short(const resources& x) {
  return {static_cast<double>(x.cpu_millicores) / 1000, x.memory_bytes,
          static_cast<double>(x.gpu_millis) / 1000};
}

std::string_view name_of(auto x) {
  return enum_name(x);
}

object write_view(const present& p, const node_record& node) {
  object labels;
  for (auto& [key, value] : node.labels)
    labels[key] = value;
  object result;
  result["name"] = node.profile.name;
  result["state"] = name_of(node.state);
  result["eligibility"] = name_of(node.eligibility);
  result["labels"] = std::move(labels);
  result["capacity"] = amounts_in_short(node.profile.capacity);
  result["reserved"] = amounts_in_short(node.reserved);
  auto heard = p.vitals.find(node.profile.name);
  result["used"] = amounts_in_short(
    heard == p.vitals.end() ? resources{} : heard->second.used);
  result["tasks"] = tasks_of(node);
  return result;
}

/// Below zero if there is nothing to have a share of.
int64_t percent(int64_t part, int64_t all) {
  return all <= 0 ? -1
                  : std::lround(100 * static_cast<double>(part)
                                / static_cast<double>(all));
}

void add_shares(array& to, const resources& capacity, const resources& reserved,
                const resources& used) {
  for (auto of : {&resources::cpu_millicores, &resources::memory_bytes,
                  &resources::gpu_millis}) {
    to.push_back(percent(reserved.*of, capacity.*of));
    to.push_back(percent(used.*of, capacity.*of));
  }
}

} // namespace

answered answer_to(const present& p, const get_map&) {
  array items;
  items.reserve(p.cluster.nodes().size());
  for (auto& [name, node] : p.cluster.nodes())
    if (node.state != node_state::removed)
      items.push_back(write_view(p, node));
  return object{{"items", std::move(items)}, {"version", p.cluster.version()}};
}

answered answer_to(const present& p, const get_usage&) {
  array names;
  array values;
  resources capacity;
  resources reserved;
  resources used;
  for (auto& [name, node] : p.cluster.nodes()) {
    auto heard = p.vitals.find(name);
    auto mine = heard == p.vitals.end() ? resources{} : heard->second.used;
    names.emplace_back(name);
    add_shares(values, node.profile.capacity, node.reserved, mine);
    capacity += node.profile.capacity;
    reserved += node.reserved;
    used += mine;
  }
  names.emplace_back("");
  add_shares(values, capacity, reserved, used);
  return object{{"names", std::move(names)}, {"values", std::move(values)}};
}

} // namespace troupe::runtime::views
