// What facts about nodes do to the state.

#include "messages/contract.hpp"

#include "runtime/cluster/cluster.hpp"
#include "runtime/cluster/job_upkeep.hpp"
#include "runtime/cluster/node_rows.hpp"

namespace troupe::runtime {

void cluster::fold(const node_joined& x) {
  ++node_changes_;
  auto [at, is_new] = nodes_.try_emplace(x.node);
  auto& node = at->second;
  auto labels_changed = is_new || node.profile.labels != x.profile.labels;
  node.profile = x.profile;
  if (labels_changed)
    node.labels = x.profile.labels;
  if (is_new) {
    node.joined_at = now_;
    node.row = table_.add(row_of(node, overcommit_of(node)));
    if (rows_.size() <= node.row)
      rows_.resize(node.row + 1);
    rows_[node.row] = &node;
    node.name = names_.enter(x.node);
  } else {
    auto row = row_of(node, overcommit_of(node));
    table_.change(node.row, row.labels, row.weight, row.overcommit);
    table_.change_capacity(node.row, row.capacity);
  }
  mark_lost(node, false);
  close_or_open(node);
}

void cluster::fold(const node_unhealthy& x) {
  auto& node = *node_called(x.node);
  mark_lost(node, true);
  close_or_open(node);
}

void cluster::fold(const node_ready& x) {
  auto& node = *node_called(x.node);
  mark_lost(node, false);
  close_or_open(node);
}

/// Nobody knows how tasks of a silent node are; once it is back they are as they
/// were, until it says otherwise.
void cluster::mark_lost(node_record& node, bool lost) {
  auto was_braked = is_braked();
  node.state = lost ? node_state::unhealthy : node_state::ready;
  node.leaving = false;
  node.gave_up_at = {};
  if (lost) {
    node.unhealthy_at = now_;
    silent_.insert(node.profile.name);
  } else {
    node.unhealthy_at = {};
    silent_.erase(node.profile.name);
  }
  if (was_braked && !is_braked())
    mending_since_ = now_;
  for (auto& [allocation, place] : node.allocations) {
    auto& task = place.job->tasks[place.index];
    if (lost)
      set_state(*place.job, task, task_state::lost);
    else if (task.state == task_state::lost)
      set_state(*place.job, task,
                task.started_at ? task_state::running
                : task.accepted ? task_state::starting
                                : task_state::placed);
  }
}

void cluster::fold(const node_removed& x) {
  ++node_changes_;
  auto at = nodes_.find(x.node);
  TROUPE_ASSERT(at->second.allocations.empty());
  drop_holds_on(at->second);
  table_.remove(at->second.row);
  rows_[at->second.row] = nullptr;
  silent_.erase(x.node);
  draining_.erase(x.node);
  agenda_.forget_visit(at->second);
  forget_members(at->second);
  nodes_.erase(at);
}

void cluster::fold(const node_cordoned& x) {
  auto& node = *node_called(x.node);
  node.eligibility
    = x.cordoned ? node_eligibility::cordoned : node_eligibility::eligible;
  node.drain_deadline = {};
  draining_.erase(x.node);
  close_or_open(node);
}

void cluster::fold(const node_draining& x) {
  auto& node = *node_called(x.node);
  node.eligibility = node_eligibility::draining;
  node.drain_deadline = x.deadline;
  draining_.insert(x.node);
  close_or_open(node);
}

void cluster::fold(const node_drained& x) {
  auto& node = *node_called(x.node);
  node.eligibility = node_eligibility::drained;
  node.drain_deadline = {};
  draining_.erase(x.node);
  close_or_open(node);
}

void cluster::fold(const node_troubled& x) {
  auto& node = *node_called(x.node);
  node.troubled = x.drivers;
  node.trouble = x.drivers.empty() ? "" : x.message;
  auto row = row_of(node, overcommit_of(node));
  table_.change(node.row, row.labels, row.weight, row.overcommit);
  helped_.push_back(node.row);
}

void cluster::fold(const node_labelled& x) {
  ++node_changes_;
  auto& node = *node_called(x.node);
  node.labels = x.labels;
  node.weight = x.weight;
  node.overcommit = x.overcommit;
  auto row = row_of(node, overcommit_of(node));
  table_.change(node.row, row.labels, row.weight, row.overcommit);
  helped_.push_back(node.row);
}

} // namespace troupe::runtime
