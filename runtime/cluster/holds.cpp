// Places that are kept for tasks until others have left them, and who could
// leave. In the table such a place is taken from the moment it is decided, so
// that nobody else gets it; on its node there is more in the table than there is
// room for until the last of those who must leave has ended.

#include <algorithm>

#include "messages/contract.hpp"

#include "runtime/cluster/cluster.hpp"
#include "runtime/cluster/gang_members.hpp"
#include "runtime/cluster/places.hpp"
#include "runtime/placement/label_points.hpp"

namespace troupe::runtime {

void cluster::hold(job_record& job, uint32_t index, node_record& node,
                   hold_record x) {
  auto& klass = *job.classes.at(job.job_version);
  auto ordered = ports_in_order(*job.spec, x.held.ports);
  table_.occupy_again(node.row, klass, {x.held.gpus, ordered});
  // Whoever wants to be near it counts it from now on.
  if (!klass.labels.empty())
    populated_.push_back(node.row);
  node.holds[{job.born, index}] = &job;
  // A reservation is given and given up as a whole.
  if (!x.gang) {
    if (x.awaits.empty())
      free_holds_.insert({job.born, index});
    agenda_.end_hold({job.born, index}, x.until);
  }
  job.holds[index] = std::move(x);
  quotas_.count(*job.spec, 1);
}

std::optional<hold_record> cluster::take_hold(job_record& job, uint32_t index) {
  auto at = job.holds.find(index);
  if (at == job.holds.end())
    return std::nullopt;
  auto result = std::move(at->second);
  job.holds.erase(at);
  quotas_.count(*job.spec, -1);
  free_holds_.erase({job.born, index});
  agenda_.forget_hold({job.born, index}, result.until);
  node_called(names_[result.node])->holds.erase({job.born, index});
  return result;
}

bool cluster::drop_hold(job_record& job, uint32_t index) {
  auto kept = take_hold(job, index);
  if (!kept)
    return false;
  auto& node = *node_called(names_[kept->node]);
  table_.vacate(node.row, *job.classes.at(job.job_version), kept->held);
  helped_.push_back(node.row);
  if (kept->gang && job.gang != nullptr
      && job.gang->state == gang_state::reserving) {
    job.gang->lost_places = true;
    release_gang(*job.gang);
  }
  return true;
}

void cluster::drop_holds_on(node_record& node) {
  while (!node.holds.empty()) {
    auto& [key, job] = *node.holds.begin();
    auto& waiting_job = *job;
    auto index = key.second;
    stop_waiting(waiting_job, index);
    wait_for_place(waiting_job, index, {});
    refresh(waiting_job);
  }
}

void cluster::note_left(node_record& node, allocation_id allocation) {
  for (auto& [key, job] : node.holds) {
    auto& kept = job->holds.at(key.second);
    if (kept.awaits.erase(allocation) == 0 || !kept.awaits.empty())
      continue;
    if (kept.gang)
      ask_nodes(*job->gang);
    else
      free_holds_.insert(key);
  }
}

// -- who could leave ---------------------------------------------------------

void cluster::move_in(const job_record& job, uint32_t index,
                      const node_record& node) {
  auto& task = job.tasks[index];
  auto& klass = *job.classes.at(task.job_version);
  placement::tenant x;
  x.id = task.allocation.value;
  x.cpu = static_cast<int32_t>(
    std::min<int64_t>(klass.request.cpu_millicores, 1 << 30));
  x.memory = klass.request.memory_bytes;
  x.since = task.started_at ? task.started_at : task.placed_at;
  x.priority = counts_as(job, task);
  x.points = klass.preferences.empty()
               ? 0
               : placement::preference_points(node.labels, klass.preferences);
  // A gang that has more members than it needs may lose one.
  if (auto* gang = job.gang; gang != nullptr && gang->needs > 1)
    x.along = gang->needs - 1;
  x.leaving = task.stopping && (!task.restart || task.why == reason::preempted);
  tenants_.add(node.row, x);
  expect_end(job, index, true);
  quotas_.count(*job.spec, 1);
  if (settings_.queue_order == "fair")
    shares_.enter(group_of(settings_, job), klass.request);
}

void cluster::move_out(const job_record& job, uint32_t index,
                       const node_record& node) {
  auto& task = job.tasks[index];
  expect_end(job, index, false);
  tenants_.remove(node.row, task.allocation.value);
  quotas_.count(*job.spec, -1);
  if (settings_.queue_order == "fair") {
    auto since = task.started_at ? task.started_at : task.placed_at;
    shares_.leave(group_of(settings_, job),
                  job.classes.at(task.job_version)->request, now_ - since,
                  whole(), now_);
  }
}

/// The job's priority has changed.
void cluster::count_anew(const job_record& job) {
  for (auto& task : job.tasks)
    if (holds_capacity(task.state))
      tenants_.set_priority(find_node(node_of(task))->row,
                            task.allocation.value, counts_as(job, task));
}

// -- when tasks end ----------------------------------------------------------

void cluster::expect_end(const job_record& job, uint32_t index, bool expected) {
  auto& task = job.tasks[index];
  auto estimate = estimate_of(*job.spec_of(task.job_version));
  if (estimate.count() == 0)
    return;
  auto row = find_node(node_of(task))->row;
  auto* tenant = tenants_.find(row, task.allocation.value);
  placement::ending x{tenant->since + estimate, row, tenant->id};
  if (expected)
    backfill_.expect(x);
  else
    backfill_.forget(x);
}

void cluster::set_since(const job_record& job, uint32_t index) {
  auto& task = job.tasks[index];
  expect_end(job, index, false);
  tenants_.set_since(find_node(node_of(task))->row, task.allocation.value,
                     now_);
  expect_end(job, index, true);
}

} // namespace troupe::runtime
