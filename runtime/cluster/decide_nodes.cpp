// What is asked of nodes, and what nodes and their actors tell.

#include <algorithm>
#include <cmath>

#include "messages/json.hpp"

#include "runtime/cluster/cluster.hpp"

namespace troupe::runtime {

namespace {

/// What a node says to people about one driver.
constexpr size_t message_bytes_max = 1'024;

unexpected<refusal> no_node(const std::string& name) {
  return make_unexpected(
    refusal{refusal_kind::not_found,
            "there is no node \"" + name + "\"; `troupe nodes` lists the nodes",
            {}});
}

} // namespace

expected<outcome, refusal> cluster::on(const join_node& x) {
  auto& name = x.profile.name;
  if (x.profile.protocol != protocol_version)
    return make_unexpected(refusal{
      refusal_kind::conflict,
      "node \"" + name + "\" (troupe " + x.profile.version
        + ") speaks protocol " + std::to_string(x.profile.protocol)
        + ", this controller (troupe " TROUPE_VERSION ") speaks protocol "
        + std::to_string(protocol_version)
        + ": install the same version of troupe on both",
      {}});
  if (name.empty() || json::readable(name) != name)
    return make_unexpected(refusal{refusal_kind::bad_input,
                                   "a node needs a name that is UTF-8 text",
                                   {{"/name", "write a name"}}});
  auto* node = node_called(name);
  if (node == nullptr || node->profile != x.profile)
    say(node_joined{name, x.profile});
  else if (node->state != node_state::ready)
    say(node_ready{name});
  node = node_called(name);
  if (node == nullptr || rehearsing_)
    return outcome{};
  recorder_.present().node = name;
  recorder_.present().inventory = x.inventory.has_value();
  recorder_.stir();
  if (x.inventory)
    reconcile(*node, *x.inventory);
  give_up_lost();
  return outcome{};
}

/// Compares what `node` knows with what is known of it. What it does not know
/// and yet had begun is lost; what was only ever sent is sent again.
void cluster::reconcile(node_record& node,
                        const std::vector<task_report>& inventory) {
  std::set<allocation_id> known;
  node.strays.clear();
  for (auto& x : inventory)
    known.insert(x.allocation);
  std::vector<task_place> lost;
  for (auto& [allocation, place] : node.allocations)
    if (!known.contains(allocation)
        && place.job->tasks[place.index].state != task_state::placed)
      lost.push_back(place);
  for (auto& [job, index] : lost) {
    task_report gone;
    gone.state = task_state::lost;
    gone.why = reason::node_lost;
    gone.message = "node " + node.profile.name + " came back without it";
    end_attempt(*job, index, gone);
  }
  for (auto& x : inventory)
    take_report(node, x);
  close_or_open(node);
}

expected<outcome, refusal> cluster::on(const change_node& x) {
  auto* node = node_called(x.node);
  if (node == nullptr)
    return no_node(x.node);
  // Written so that what is not a number is refused as well.
  if (!(x.weight.value_or(1) > 0) || !std::isfinite(x.weight.value_or(1)))
    return make_unexpected(refusal{refusal_kind::bad_input,
                                   "a node's weight is above 0",
                                   {{"/weight", "write a number above 0"}}});
  if (!(x.overcommit.value_or(1) >= 1)
      || !std::isfinite(x.overcommit.value_or(1)))
    return make_unexpected(
      refusal{refusal_kind::bad_input,
              "a node's overcommit is 1 or more",
              {{"/overcommit", "write a number of at least 1"}}});
  node_labelled fact{x.node, node->labels, x.weight.value_or(node->weight),
                     x.overcommit ? x.overcommit : node->overcommit};
  for (auto& change : x.labels) {
    std::erase_if(fact.labels,
                  [&](const label& y) { return y.name == change.name; });
    if (!change.value.empty())
      fact.labels.push_back(change);
  }
  std::sort(fact.labels.begin(), fact.labels.end());
  if (fact.labels != node->labels || fact.weight != node->weight
      || fact.overcommit != node->overcommit)
    say(std::move(fact));
  return outcome{};
}

expected<outcome, refusal> cluster::on(const cordon_node& x) {
  auto* node = node_called(x.node);
  if (node == nullptr)
    return no_node(x.node);
  if ((node->eligibility != node_eligibility::eligible) == x.cordoned)
    return outcome{};
  say(node_cordoned{x.node, x.cordoned});
  // Those that stood in for what was to leave the node may go.
  if (!x.cordoned && !rehearsing_)
    resume_rolling();
  return outcome{};
}

expected<outcome, refusal> cluster::on(const remove_node& x) {
  auto* node = node_called(x.node);
  if (node == nullptr)
    return no_node(x.node);
  if (rehearsing_)
    return outcome{};
  unbind_all(*node, "node " + x.node + " was removed");
  auto places = node->allocations;
  for (auto& [allocation, place] : places)
    give_up(*node, place, reason::node_lost, "node " + x.node + " was removed");
  say(node_removed{x.node, x.message});
  // With fewer nodes to wait for, those that are silent may not be most of them.
  give_up_lost();
  return outcome{};
}

expected<outcome, refusal> cluster::on(const change_node_health& x) {
  auto* node = node_called(x.node);
  if (node == nullptr)
    return outcome{};
  switch (x.state) {
  case node_state::ready:
    if (node->state != node_state::ready) {
      say(node_ready{x.node});
      give_up_lost();
    }
    break;
  case node_state::unhealthy:
    if (node->state == node_state::ready) {
      say(node_unhealthy{x.node});
      give_up_lost();
    }
    break;
  case node_state::removed:
    // Some jobs want to wait for their tasks for longer than nodes are kept.
    if (node->state == node_state::ready)
      say(node_unhealthy{x.node});
    if (rehearsing_)
      break;
    node->leaving = true;
    recorder_.present().node = x.node;
    recorder_.present().leaving = true;
    recorder_.stir();
    give_up_due(*node);
    if (node->allocations.empty())
      say(node_removed{x.node, "silent for too long"});
    give_up_lost();
    break;
  }
  return outcome{};
}

expected<outcome, refusal> cluster::on(const note_troubles& x) {
  auto* node = node_called(x.node);
  if (node == nullptr)
    return no_node(x.node);
  node_troubled fact{x.node, {}, ""};
  for (auto& trouble : x.troubles) {
    fact.drivers.push_back(trouble.driver);
    fact.message
      += (fact.message.empty() ? "" : "; ")
         + json::readable("driver " + trouble.driver
                            + " does not work now: " + trouble.message,
                          message_bytes_max);
  }
  if (fact.drivers == node->troubled)
    return outcome{};
  if (fact.drivers.empty())
    fact.message = "all its drivers work again";
  say(std::move(fact));
  return outcome{};
}

expected<outcome, refusal> cluster::on(const take_lead& x) {
  say(leader_elected{x.leader, x.program_version});
  if (rehearsing_)
    return outcome{};
  // Whatever an earlier leader left undone.
  dependents_.note_all();
  // What was to happen at some time is not remembered but found again.
  resume_rolling();
  for (auto& [name, node] : nodes_)
    if (node.state == node_state::unhealthy || node.quarantine.active
        || node.eligibility == node_eligibility::draining)
      agenda_.visit(node, now_);
  for (auto& [name, job] : jobs_)
    if (job.schedule && job.schedule->next_tick)
      idle_.insert(job.born);
  members_due_ = system_jobs_;
  return outcome{};
}

} // namespace troupe::runtime
