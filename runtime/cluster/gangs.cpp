// Which jobs make a gang, and what facts do to it.

#include <algorithm>

#include "runtime/cluster/cluster.hpp"
#include "runtime/cluster/gang_members.hpp"
#include "runtime/cluster/places.hpp"
#include "runtime/cluster/work_items.hpp"

namespace troupe::runtime {

// -- who belongs to it -------------------------------------------------------

void cluster::enter_gang(job_record& job) {
  auto name = gang_of(*job.spec);
  if (name.empty())
    return;
  auto& gang = gangs_[name];
  gang.name = std::move(name);
  gang.jobs[job.born] = &job;
  // Nobody waits anew for others because a controller took over.
  gang.gathered_at
    = restoring_ ? std::max(gang.gathered_at, job.submitted_at) : now_;
  gang.has_gathered = false;
  job.gang = &gang;
  if (job.live() > 0) {
    // It ran before it was a gang: it goes on, and is one from here.
    if (gang.state == gang_state::reserving)
      release_gang(gang);
    auto members = members_of(gang);
    if (gang.state == gang_state::waiting) {
      gang.state = gang_state::running;
      gang.needs = std::min(members.min(), members.done + members.able);
    }
  }
  count_gang_anew(gang);
  refresh_gang(gang);
}

void cluster::leave_gang(job_record& job) {
  if (job.gang == nullptr)
    return;
  auto& gang = *std::exchange(job.gang, nullptr);
  job.gated = false;
  count_anew(job);
  gang.jobs.erase(job.born);
  if (!gang.jobs.empty()) {
    count_gang_anew(gang);
    return refresh_gang(gang);
  }
  forget_times_of(gang);
  gangs_.erase(gangs_.find(gang.name));
}

/// Who is in the gang has changed, and with it what each member counts as.
void cluster::count_gang_anew(const gang_record& gang) {
  for (auto& [born, job] : gang.jobs)
    count_anew(*job);
}

// -- upkeep ------------------------------------------------------------------

void cluster::refresh_gang(gang_record& gang) {
  auto members = members_of(gang);
  // Whoever is started next is started together, unless as many as are needed
  // have succeeded: then the others follow one by one.
  if ((gang.state == gang_state::broken || gang.state == gang_state::running)
      && members.live == 0 && members.able == 0 && members.places_min() > 0
      && !restoring_)
    gang.state = gang_state::waiting;
  // Members of a gang that runs are placed one by one: those that are replaced,
  // and those that it may have beyond its minimum.
  auto gated = gang.state != gang_state::running || members.places_max() == 0;
  for (auto& [born, job] : gang.jobs)
    if (std::exchange(job->gated, gated) != gated)
      take_its_place(*job);
  shaken_gangs_.insert(gang.name);
  list_gang(gang, members);
}

/// Lists a gang among those that may start, and when it is to be looked at.
void cluster::list_gang(gang_record& gang, const gang_members& members) {
  forget_times_of(gang);
  if (gang.state == gang_state::reserving) {
    agenda_.visit(gang, gang.until);
  } else if (gang.state == gang_state::waiting && members.complete()
             && members.places_min() > 0
             && members.open >= members.places_min()) {
    auto gathered = gang.gathered_at + options_.gang_gathering;
    if (gang.blocked)
      agenda_.visit(gang, gang.retry_at);
    else if (is_gathering(gang, members))
      agenda_.visit(gang, gathered);
    else if (asked_gang_ != gang.name)
      gang.listed_key = key_of(gang);
  }
  if (gang.listed_key)
    open_gangs_.insert({*gang.listed_key, gang.name});
}

void cluster::forget_times_of(gang_record& gang) {
  agenda_.forget_visit(gang);
  if (auto key = std::exchange(gang.listed_key, std::nullopt))
    open_gangs_.erase({*key, gang.name});
}

/// Gives up what is reserved. The members wait for any places.
void cluster::release_gang(gang_record& gang) {
  gang.state = gang_state::waiting;
  gang.confirmed.clear();
  for (auto& [born, job] : gang.jobs) {
    std::vector<uint32_t> kept;
    for (auto& [index, x] : job->holds)
      if (x.gang)
        kept.push_back(index);
    for (auto index : kept) {
      auto item = item_of(work_kind::release, *job, index);
      item.allocation = {gang.reservation};
      ++item.attempt;
      give(names_[job->holds.at(index).node], std::move(item));
      drop_hold(*job, index);
      if (job->tasks[index].state == task_state::pending)
        wait_for_place(*job, index, {});
    }
  }
  gang.reservation = 0;
  refresh_gang(gang);
}

/// Asks all nodes of a reservation, once nobody is in the way.
void cluster::ask_nodes(const gang_record& gang) {
  if (!is_clear(gang))
    return;
  for (auto& [born, job] : gang.jobs)
    for (auto& [index, kept] : job->holds)
      if (kept.gang)
        give(names_[kept.node], asking_of(gang, *job, index));
}

// -- facts -------------------------------------------------------------------

void cluster::fold(const gang_reserved& x) {
  auto& gang = gangs_.find(x.gang)->second;
  gang.state = gang_state::reserving;
  gang.reservation = version_;
  gang.until = x.until;
  auto victims = x.victims;
  for (auto& place : x.places) {
    auto& job = *job_called(place.task.job);
    auto& node = *node_called(place.node);
    auto index = place.task.index;
    materialise(job, index);
    stop_waiting(job, index);
    hold_record kept;
    kept.node = node.name;
    kept.gang = true;
    kept.held.gpus = place.gpus;
    for (auto& port : place.ports)
      kept.held.ports.push_back(port.host);
    for (auto allocation : x.awaits)
      if (node.allocations.contains(allocation))
        kept.awaits.insert(allocation);
    // One of them has the receipt.
    kept.victims = std::exchange(victims, {});
    kept.until = x.until;
    if (job.classes.at(job.job_version)->chosen_ports > 0)
      node.last_port = ports_in_order(*job.spec, kept.held.ports).back();
    hold(job, index, node, std::move(kept));
  }
  for (auto& [born, job] : gang.jobs)
    refresh(*job);
  ask_nodes(gang);
}

void cluster::fold(const gang_committed& x) {
  auto& gang = gangs_.find(x.gang)->second;
  auto members = members_of(gang);
  gang.needs
    = members.min_said > 0 ? members.min_said : members.done + members.able;
  gang.state = gang_state::running;
  gang.confirmed.clear();
  for (auto& [born, job] : gang.jobs)
    for (auto& [index, kept] : job->holds)
      if (kept.gang)
        free_holds_.insert({born, index});
  refresh_gang(gang);
}

void cluster::fold(const gang_released& x) {
  auto at = gangs_.find(x.gang);
  if (at != gangs_.end() && at->second.state == gang_state::reserving)
    release_gang(at->second);
}

void cluster::fold(const gang_broken& x) {
  auto& gang = gangs_.find(x.gang)->second;
  gang.state = gang_state::broken;
  refresh_gang(gang);
}

} // namespace troupe::runtime
