#include "runtime/cluster/cluster.hpp"

namespace troupe::runtime {

std::optional<waiting::batch>
cluster::next_fair(uint32_t tasks_max, const waiting::row_finder& row_of) {
  auto weight_of = [this](const std::string& group) {
    auto at = settings_.fair_weights.find(group);
    return at == settings_.fair_weights.end() ? 1.0 : at->second;
  };
  waiting::fairness by;
  by.share_of = [&](const std::string& group) {
    return shares_.of(group, whole()) / weight_of(group);
  };
  by.cost_of = [&](const waiting::job_class& x) {
    return dominant_share(x.of->request, whole()) / weight_of(x.group);
  };
  return waiting_.next_fair(
    tasks_max, policies_, by, row_of,
    [this](const waiting::job_class& x) { return left_for(x); });
}

const resources& cluster::whole() const {
  if (whole_found_at_ == node_changes_)
    return whole_;
  whole_found_at_ = node_changes_;
  whole_ = {};
  for (auto& [name, node] : nodes_)
    whole_ += node.profile.capacity;
  return whole_;
}

} // namespace troupe::runtime
