#include "messages/json.hpp"

#include "runtime/views/answers.hpp"
#include "runtime/views/page.hpp"

namespace troupe::runtime::views {

namespace {

boost::json::value write_view(const present& p, const node_record& node) {
  node_view view;
  view.name = node.profile.name;
  view.state = node.state;
  view.eligibility = node.eligibility;
  view.labels = node.labels;
  view.capacity = amounts_of(node.profile.capacity);
  view.reserved = amounts_of(node.reserved);
  view.tasks = static_cast<uint32_t>(node.allocations.size());
  view.weight = node.weight;
  view.overcommit = p.cluster.overcommit_of(node);
  view.drivers = node.profile.drivers;
  view.version = node.profile.version;
  view.joined_at = node.joined_at;
  view.drain_deadline = node.drain_deadline;
  view.message = node.trouble;
  if (auto [why, message] = closure_of(node); why != reason::none)
    view.message = message;
  auto heard = p.vitals.find(view.name);
  auto silent = heard == p.vitals.end() || !heard->second.last_heard;
  if (heard != p.vitals.end())
    view.used = amounts_of(heard->second.used);
  // Clocks may be set back; an age is never negative.
  if (!silent)
    view.heartbeat_age_seconds
      = static_cast<double>(
          std::max<int64_t>((p.now - heard->second.last_heard).count(), 0))
        / 1000;
  auto result = json::write(view, json::detail::full);
  if (silent)
    result.get_object()["heartbeatAgeSeconds"] = nullptr;
  if (!node.drain_deadline)
    result.get_object()["drainDeadline"] = nullptr;
  return result;
}

} // namespace

amounts_view amounts_of(const resources& x) {
  amounts_view result;
  result.cpu = static_cast<double>(x.cpu_millicores) / 1000;
  result.memory = x.memory_bytes;
  result.gpu = static_cast<double>(x.gpu_millis) / 1000;
  for (auto& [name, amount] : x.named)
    result.resources[name] = amount;
  return result;
}

answered answer_to(const present& p, const get_node& x) {
  auto* node = p.cluster.find_node(x.node);
  if (node == nullptr)
    return not_found("node", x.node);
  return write_view(p, *node);
}

answered answer_to(const present& p, const list_nodes& x) {
  auto start = start_page(x.limit, x.cursor);
  if (!start)
    return make_unexpected(std::move(start.error()));
  label_rules labels{x.labels};
  page_items items{start->limit};
  auto& nodes = p.cluster.nodes();
  auto at = start->key ? nodes.upper_bound(*start->key) : nodes.begin();
  for (; at != nodes.end() && !items.done(); ++at)
    if (wants(x.states, at->second.state) && labels.hold_for(at->second.labels)
        && items.takes_one())
      items.add(write_view(p, at->second), at->first);
  return std::move(items).finish(p.cluster.version());
}

} // namespace troupe::runtime::views
