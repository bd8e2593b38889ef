// Making room for tasks that fit nowhere: who must go is found by
// `placement::find_room`; here it is carried out.
//
//   refused -> victims stop, the place is kept -> all have ended -> placed
//                                              -> too late, or the node or its
//                                                 driver is gone: waits for any
//                                                 place again

#include <algorithm>

#include "messages/json.hpp"

#include "runtime/cluster/cluster.hpp"
#include "runtime/cluster/job_upkeep.hpp"
#include "runtime/cluster/node_rows.hpp"
#include "runtime/cluster/places.hpp"
#include "runtime/placement/explain.hpp"

namespace troupe::runtime {

void cluster::make_room(const std::vector<refused_ask>& refused, bool behind) {
  auto searches = options_.searches_max;
  for (auto& [born, only, why] : refused) {
    auto found = jobs_by_birth_.find(born);
    if (found == jobs_by_birth_.end() || found->second->ready() == 0)
      continue;
    auto& job = *found->second;
    auto klass = job.klass;
    if (waiting_.at(klass).blocked)
      continue;
    if (left_for(waiting_.at(klass)) == 0) {
      waiting_.block(klass, {{{reason::quota, 0}}}, now_);
      continue;
    }
    // What came free since the proposal is looked at before anybody has to go.
    if (waiting_.at(klass).helped || !tenants_.any_below(job.spec->priority)) {
      waiting_.block(klass, why, now_, behind);
      continue;
    }
    auto found_none = false;
    for (auto index = next_index(job, only); index && !found_none;
         index = next_index(job, only)) {
      // The others are asked about again with the next proposal.
      if (searches == 0)
        return;
      --searches;
      found_none = !make_room_for(job, *index, why, behind);
    }
    if (found_none)
      waiting_.block(klass, why, now_, behind);
  }
}

bool cluster::make_room_for(job_record& job, uint32_t index,
                            const placement::refusal& why, bool behind) {
  auto& nodes = backfill_.open_to(behind, table_);
  auto found = placement::find_room(
    {nodes, tenants_,
     [this](placement::node_index n, uint64_t id) { return holding_of(n, id); },
     now_},
    *job.classes.at(job.job_version), job.spec->priority);
  if (!found)
    return false;
  auto& node = *rows_[found->node];
  place_held fact;
  fact.task = {job.name, index};
  fact.node = node.profile.name;
  fact.gpus = found->place.gpus;
  fact.ports = bindings_of(*job.spec, found->place);
  fact.why = placement::main_reason(why);
  milliseconds grace{0};
  auto await = [&](uint64_t id) {
    auto& [other, number] = node.allocations.at({id});
    fact.awaits.push_back({id});
    grace = std::max(
      grace, other->spec_of(other->tasks[number].job_version)->stop_grace);
    return task_ref{other->name, number};
  };
  std::vector<task_preempted> victims;
  for (auto id : found->victims) {
    auto victim = await(id);
    fact.victims.push_back(victim);
    victims.push_back(
      victim_of(tenants_, node, id, victim, fact.task, job.spec->priority));
  }
  for (auto id : found->leaving)
    await(id);
  fact.until = now_ + grace + options_.hold_patience;
  if (behind)
    backfill_.note_taken(found->node, *job.classes.at(job.job_version),
                         found->place);
  for (auto& x : victims)
    say(std::move(x));
  say(std::move(fact));
  return true;
}

void cluster::place_held_tasks() {
  if (rehearsing_)
    return;
  auto due = free_holds_;
  for (auto& [born, index] : due) {
    auto& job = *jobs_by_birth_.at(born);
    auto& kept = job.holds.at(index);
    auto& node = *node_called(names_[kept.node]);
    // Closed for as long as something that was given up runs there.
    if (!kept.gang && table_.row(node.row).closed != reason::none)
      continue;
    // Kept while its gang ran, which starts again whole.
    if (!kept.gang && job.gang != nullptr
        && job.gang->state != gang_state::running) {
      release_place(job, index,
                    "its gang " + job.gang->name + " does not run any more");
      continue;
    }
    // It would only fail there, and try elsewhere later.
    if (auto trouble = driver_trouble(node, *job.spec); !trouble.empty()) {
      release_place(job, index, std::move(trouble));
      continue;
    }
    auto then = node.reserved;
    then += job.classes.at(job.job_version)->request;
    if (!fits(then, table_.total(node.row))) {
      release_place(job, index,
                    "node " + node.profile.name
                      + " has become too small for it");
      continue;
    }
    task_placed fact{{job.name, index},
                     job.tasks[index].attempt + 1,
                     node.profile.name,
                     bindings_of_held(*job.spec, kept.held),
                     kept.held.gpus};
    say(std::move(fact));
  }
}

void cluster::release_late_holds() {
  while (auto late = agenda_.hold_due(now_)) {
    auto [born, index] = *late;
    auto& job = *jobs_by_birth_.at(born);
    release_place(job, index,
                  "those who have its place on "
                    + names_[job.holds.at(index).node]
                    + " did not stop in time");
  }
}

void cluster::release_place(const job_record& job, uint32_t index,
                            std::string message) {
  say(place_released{
    {job.name, index}, names_[job.holds.at(index).node], std::move(message)});
}

} // namespace troupe::runtime
