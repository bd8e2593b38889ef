#include "messages/json.hpp"

#include "runtime/placement/policy.hpp"
#include "runtime/views/answers.hpp"
#include "runtime/views/page.hpp"

namespace troupe::runtime::views {

namespace {

/// Every enumerator with 0, so that each state is named.
template <class Count, class E>
std::map<std::string, Count> no_counts() {
  std::map<std::string, Count> result;
  for (auto& name : json::names_of<E>())
    result[name] = 0;
  return result;
}

/// How a shadow did beside the policy that decides.
boost::json::object
comparison_json(const placement::comparison& x, const std::string& name) {
  auto known = x.policy == name ? x : placement::comparison{};
  return {{"since", known.since ? boost::json::value(to_string(known.since))
                                : boost::json::value{}},
          {"rounds", known.rounds},
          {"same", known.same},
          {"elsewhere", known.elsewhere},
          {"onlyDefault", known.only_here},
          {"onlyShadow", known.only_there}};
}

} // namespace

boost::json::value reason_json(reason x) {
  if (x == reason::none)
    return nullptr;
  return boost::json::value(json::name_of(x));
}

cluster_view totals_of(const present& p) {
  cluster_view view;
  view.version = p.cluster.version();
  view.id = p.cluster_id;
  view.nodes = no_counts<uint32_t, node_state>();
  view.tasks = no_counts<uint64_t, task_state>();
  view.jobs = no_counts<uint32_t, job_state>();
  view.strategy = p.cluster.config().strategy;
  view.queue_order = p.cluster.config().queue_order;
  view.fair_by = p.cluster.config().fair_by;
  view.fair_weights = p.cluster.config().fair_weights;
  view.overcommit = p.cluster.config().overcommit;
  view.priority_classes = p.cluster.config().priority_classes;
  view.concurrency = p.cluster.config().concurrency;
  view.shadow = p.cluster.config().shadow;
  view.retries_slowed = p.cluster.is_slowed_down();
  view.cache_entries = p.cluster.config().cache_entries;
  view.batch_size = p.cluster.config().batch_size;
  resources capacity;
  resources reserved;
  resources used;
  for (auto& [name, node] : p.cluster.nodes()) {
    ++view.nodes[json::name_of(node.state)];
    capacity += node.profile.capacity;
    reserved += node.reserved;
    if (auto heard = p.vitals.find(name); heard != p.vitals.end())
      used += heard->second.used;
  }
  std::array<uint64_t, task_states> tasks{};
  for (auto& [name, job] : p.cluster.jobs()) {
    ++view.jobs[json::name_of(state_of(job))];
    for (size_t i = 0; i < task_states; ++i)
      tasks[i] += job.in_state(static_cast<task_state>(i));
  }
  for (size_t i = 0; i < task_states; ++i)
    view.tasks[json::name_of(static_cast<task_state>(i))] = tasks[i];
  view.capacity = amounts_of(capacity);
  view.reserved = amounts_of(reserved);
  view.used = amounts_of(used);
  return view;
}

answered answer_to(const present& p, const get_cluster&) {
  return json::write(totals_of(p), json::detail::full);
}

answered answer_to(const present& p, const list_policies&) {
  boost::json::array items;
  auto& config = p.cluster.config();
  for (auto& name : placement::policy_names()) {
    auto& item = items
                   .emplace_back(boost::json::object{
                     {"name", name}, {"default", name == config.strategy}})
                   .get_object();
    if (name == config.shadow)
      item["shadow"] = comparison_json(p.cluster.shadow(), name);
  }
  return boost::json::object{{"items", std::move(items)},
                             {"nextCursor", nullptr},
                             {"version", p.cluster.version()}};
}

} // namespace troupe::runtime::views
