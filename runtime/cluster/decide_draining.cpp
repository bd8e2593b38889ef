// How a node is emptied for maintenance.

#include "messages/quantity.hpp"

#include "runtime/cluster/cluster.hpp"

namespace troupe::runtime {

expected<outcome, refusal> cluster::on(const drain_node& x) {
  auto* node = node_called(x.node);
  if (node == nullptr)
    return make_unexpected(refusal{refusal_kind::not_found,
                                   "there is no node \"" + x.node
                                     + "\"; `troupe nodes` lists the nodes",
                                   {}});
  if (x.patience.count() < 0)
    return make_unexpected(
      refusal{refusal_kind::bad_input,
              "a deadline lies in the future",
              {{"/deadline", "write a duration such as \"10m\""}}});
  if (rehearsing_ || node->eligibility == node_eligibility::drained)
    return outcome{};
  say(node_draining{x.node, now_ + x.patience});
  move_away(*node);
  return outcome{};
}

/// Goes on with a drain: services move, each at the pace that its job allows;
/// batch tasks may finish until the deadline.
void cluster::move_away(node_record& node) {
  if (now_ >= node.drain_deadline)
    return stop_what_is_left(node);
  agenda_.visit(node, node.drain_deadline);
  std::map<std::string_view, job_record*> jobs;
  for (auto& [allocation, place] : node.allocations)
    jobs[place.job->name] = place.job;
  for (auto& [name, job] : jobs)
    roll(*job);
  end_drain_if_empty(node);
}

void cluster::stop_what_is_left(node_record& node) {
  auto places = node.allocations;
  for (auto& [allocation, place] : places) {
    auto& task = place.job->tasks[place.index];
    if (!task.stopping && place.job->spec->kind != job_kind::system)
      say(task_stopping{{place.job->name, place.index},
                        reason::drained,
                        "node " + node.profile.name
                          + " is drained, and the time to leave it is over",
                        true});
  }
  end_drain_if_empty(node);
}

/// What runs once on every node does not hold up a drain.
void cluster::end_drain_if_empty(node_record& node) {
  if (node.eligibility != node_eligibility::draining)
    return;
  for (auto& [allocation, place] : node.allocations)
    if (place.job->spec->kind != job_kind::system)
      return;
  say(node_drained{node.profile.name});
}

} // namespace troupe::runtime
