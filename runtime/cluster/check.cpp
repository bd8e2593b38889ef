// Recomputation from scratch: what must hold after every fact.

#include <algorithm>
#include <sstream>

#include "runtime/cluster/cluster.hpp"
#include "runtime/cluster/gang_members.hpp"

namespace troupe::runtime {

namespace {

/// Collects what does not hold.
class findings {
public:
  void expect(bool holds, const std::string& what) {
    if (!holds)
      text_ << what << '\n';
  }
  [[nodiscard]] std::string text() const { return text_.str(); }

private:
  std::ostringstream text_;
};

} // namespace

std::string cluster::check_members(const job_record& job) const {
  if (job.spec->kind != job_kind::system)
    return job.members.empty() && job.present.empty()
             ? std::string{}
             : "it has tasks for nodes and is no system job";
  uint32_t end = 0;
  std::set<uint32_t> indices;
  for (auto& [node, index] : job.members) {
    end = std::max(end, index + 1);
    if (!indices.insert(index).second)
      return "two nodes have one task";
    if (find_node(names_[node]) == nullptr)
      return "a node that is gone has a task";
  }
  if (end != job.count || end > job.tasks.size())
    return "its count is not that of its nodes";
  for (auto& [index, node] : job.present)
    if (auto at = job.members.find(node);
        at == job.members.end() || at->second != index)
      return "a node's task is another one's";
  for (uint32_t i = 0; i < job.tasks.size(); ++i) {
    auto& task = job.tasks[i];
    auto at = job.present.find(i);
    if (task.state == task_state::pending && at == job.present.end())
      return "a task waits that no node wants";
    if (holds_capacity(task.state) && at != job.present.end()
        && at->second != task.node)
      return "a task is on another node than its own";
  }
  for (auto& [name, node] : nodes_) {
    auto at = job.members.find(node.name);
    auto is_there = at != job.members.end() && job.present.contains(at->second);
    if (!job.stopped && is_there != wants_member(job, node))
      return "node " + name + " wants a task and has none, or the reverse";
  }
  return {};
}

std::string cluster::check_invariants() const {
  findings f;
  std::map<std::string, resources> reserved;
  std::map<std::string, size_t> allocations;
  std::map<std::string, std::set<uint16_t>> ports;
  std::map<std::string, resources> holding;
  std::map<std::string, size_t> kept_places;
  size_t all_kept = 0;
  size_t delayed = 0;
  size_t queued = 0;
  size_t finished = 0;
  uint64_t finished_tasks = 0;
  size_t awaited = 0;
  size_t ticks = 0;
  size_t identical = 0;
  for (auto& [name, job] : jobs_) {
    state_counts counts{};
    uint32_t leaving = 0;
    std::map<uint32_t, uint32_t> held;
    std::set<uint32_t> waiting;
    for (uint32_t i = 0; i < job.tasks.size(); ++i) {
      auto& task = job.tasks[i];
      auto who = name + '.' + std::to_string(i);
      ++counts[static_cast<size_t>(task.state)];
      auto late = agenda_.is_delayed(job, i);
      auto kept = job.holds.contains(i);
      if (task.state == task_state::pending && !late && !kept)
        waiting.insert(i);
      f.expect(!kept || (task.state == task_state::pending && !late),
               who + " has a place kept and does not wait for it");
      delayed += late ? 1 : 0;
      f.expect(!late || task.state == task_state::pending,
               who + " is delayed and does not wait");
      f.expect(late || task.state != task_state::pending
                 || task.not_before <= now_,
               who + " waits for a time and is not delayed");
      f.expect(i < job.wanted() || !is_final(task.state)
                 || i + 1 < job.tasks.size(),
               who + " is beyond the count and still remembered");
      f.expect(i < job.wanted() || task.state != task_state::pending,
               who + " waits though it is beyond the count");
      f.expect(task.state == task_state::pending || !job.avoid.contains(i),
               who + " avoids a node and does not wait");
      f.expect(!job.stopped || task.state != task_state::pending,
               who + " waits though its job is stopped");
      if (!holds_capacity(task.state)) {
        f.expect(!job.occupations.contains(i), who + " holds ports or gpus");
        continue;
      }
      auto& node = node_of(task);
      auto* on = find_node(node);
      f.expect((task.state == task_state::lost)
                 == (on != nullptr && on->state == node_state::unhealthy),
               who + " is lost and its node is not, or the reverse");
      f.expect(on != nullptr && on->allocations.contains(task.allocation),
               who + " is not among the allocations of node " + node);
      auto* tenant = tenants_.find(on->row, task.allocation.value);
      f.expect(tenant != nullptr && tenant->priority == counts_as(job, task),
               who + " is not among the tenants of node " + node);
      leaving += task.stopping ? 1 : 0;
      ++held[task.job_version];
      reserved[node] += job.classes.at(task.job_version)->request;
      ++allocations[node];
      if (auto at = job.occupations.find(i); at != job.occupations.end())
        for (auto port : at->second.ports)
          f.expect(ports[node].insert(port).second,
                   "port " + std::to_string(port) + " of " + node
                     + " is held twice");
    }
    for (auto& [index, kept] : job.holds) {
      auto* on = find_node(names_[kept.node]);
      auto who = name + '.' + std::to_string(index);
      f.expect(index < job.tasks.size(), who + " has a place kept in vain");
      f.expect(on != nullptr && on->holds.contains({job.born, index}),
               who + " has a place kept that its node does not know");
      if (on == nullptr)
        continue;
      f.expect(on->state == node_state::ready
                 && on->eligibility == node_eligibility::eligible,
               who + " has a place kept on a node that takes nothing");
      for (auto allocation : kept.awaits)
        f.expect(on->allocations.contains(allocation),
                 who + " waits for the end of what has ended");
      f.expect(kept.gang
                 || kept.awaits.empty()
                      == free_holds_.contains({job.born, index}),
               who + ": whether its place is free is off");
      f.expect(kept.gang || agenda_.ends_hold({job.born, index}, kept.until),
               who + " has a place kept for ever");
      f.expect(!kept.gang
                 || (job.gang != nullptr
                     && (job.gang->state == gang_state::reserving
                         || job.gang->state == gang_state::running)),
               who + " has a place kept for a gang that reserves nothing");
      all_kept -= kept.gang ? 1 : 0;
      holding[on->profile.name] += job.classes.at(job.job_version)->request;
      ++kept_places[on->profile.name];
      ++all_kept;
    }
    f.expect(leaving == job.leaving, name + ": tasks that leave are off");
    f.expect((job.gang == nullptr ? std::string{} : job.gang->name)
               == gang_of(*job.spec),
             name + " is in another gang than it says");
    f.expect(held == job.held, name + ": tasks by version are off");
    for (auto& [version, spec] : job.older)
      f.expect(held.contains(version),
               name + ": an older version is remembered in vain");
    queued += job.ready() > 0 ? 1 : 0;
    if (job.over() && !dependents_.is_awaited(name)) {
      ++finished;
      finished_tasks += job.finished_tasks;
    }
    if (auto& x = job.schedule) {
      ticks += agenda_.awaits_tick(job) ? 1 : 0;
      f.expect(job.stopped == !x->next_tick || !x->rule,
               name
                 + ": it waits for a tick though it is stopped, or not "
                   "though it should");
      f.expect(!x->queued_at || job.run_under_way(),
               name + ": a run is queued behind none");
    }
    f.expect(job.stopped
               || job.schedule.has_value() == job.spec->schedule.has_value(),
             name + ": its schedule is not that of its spec");
    f.expect(system_jobs_.contains(job.born)
               == (job.spec->kind == job_kind::system),
             name + ": it is a system job, or is not");
    if (auto wrong = check_members(job); !wrong.empty())
      f.expect(false, name + ": " + wrong);
    if (auto wrong = lookups_.check(job); !wrong.empty())
      f.expect(false, name + ": " + wrong);
    identical
      += job.keys.size()
         + (job.lookup ? job.lookup->missed.size() + job.lookup->joined.size()
                       : 0);
    awaited += job.awaited.size();
    f.expect(!job.stopped || job.awaited.empty(),
             name + ": it awaits others though it is stopped");
    for (auto& other : job.awaited) {
      f.expect(dependents_.of(other).contains(job.born),
               name + ": nobody would tell it that " + other + " ended");
      f.expect(!is_met(job, other),
               name + ": it awaits " + other + ", which has ended");
    }
    if (job.queued) {
      auto& jobs = waiting_.at(job.klass).jobs;
      auto at = jobs.find(key_of(job));
      f.expect(job.queued == key_of(job) && at != jobs.end()
                 && at->second == &job,
               name + ": it stands at another place in the queue");
    }
    f.expect(counts == job.by_state, name + ": counts by state are off");
    f.expect(waiting == job.requeued, name + ": waiting tasks are off");
    f.expect(job.queued.has_value() == (job.ready() > 0),
             name + ": it waits and is not in the queue, or the reverse");
    f.expect(job.over() == (job.finished_at != 0), name + ": finished is off");
  }
  for (auto& [name, gang] : gangs_) {
    auto members = members_of(gang);
    auto who = "gang " + name;
    f.expect(!gang.jobs.empty(), who + " has no members");
    f.expect(gang.state != gang_state::waiting || members.live == 0,
             who + " runs in part");
    f.expect(gang.state != gang_state::reserving || members.live == 0,
             who + " runs in part before all have their places");
    f.expect(gang.state != gang_state::running || members.hopeless()
               || members.able + members.done
                    >= std::min(gang.needs, members.all),
             who + " runs with fewer members than it needs");
    for (auto& [born, job] : gang.jobs)
      f.expect(job->gang == &gang, who + " has a member that is not in it");
  }
  f.expect(delayed == agenda_.delays(), "delayed tasks are off");
  f.expect(identical == lookups_.size(), "identical tasks are off");
  f.expect(ticks == agenda_.ticks(), "some ticks are nobody's");
  f.expect(awaited == dependents_.size(),
           "some await what they do not wait for");
  f.expect(finished == finished_.size() && finished_tasks == finished_.tasks(),
           "the list of finished jobs is off");
  f.expect(jobs_by_birth_.size() == jobs_.size(), "jobs by birth are off");
  f.expect(keys_.is_consistent(), "keys are off");
  size_t standing = 0;
  waiting_.each([&](const waiting::job_class&, const job_record&) {
    ++standing;
    return true;
  });
  f.expect(standing == queued, "the queue has jobs that do not wait");
  for (auto& [name, node] : nodes_) {
    f.expect(node.reserved == reserved[name],
             name + ": reserved is not the sum of its tasks");
    f.expect(node.allocations.size() == allocations[name],
             name + ": it has allocations that no task has");
    auto capacity = node.profile.capacity;
    capacity.cpu_millicores = static_cast<int64_t>(
      static_cast<double>(capacity.cpu_millicores) * overcommit_of(node));
    f.expect(name_of(node.row) == name, name + ": its row is another's");
    auto taken = node.reserved;
    taken += holding[name];
    f.expect(table_.used(node.row) == taken,
             name + ": the table holds other amounts than its tasks");
    f.expect(table_.tasks(node.row)
               == node.allocations.size() + node.holds.size(),
             name + ": the table holds another number of tasks");
    f.expect(node.holds.size() == kept_places[name],
             name + ": it keeps places for nobody");
    auto tenants = tenants_.at(node.row);
    auto gone = std::count_if(tenants.begin(), tenants.end(),
                              [](auto& x) { return x.gone; });
    f.expect(tenants.size() - static_cast<size_t>(gone)
               == node.allocations.size(),
             name + ": it has tenants that are no tasks");
    auto open = node.state == node_state::ready && node.strays.empty()
                && node.eligibility == node_eligibility::eligible
                && (!node.quarantine.active || node.quarantine.open);
    f.expect((node.state == node_state::unhealthy) == silent_.contains(name),
             name + ": the list of silent nodes is off");
    f.expect((node.eligibility == node_eligibility::draining)
               == draining_.contains(name),
             name + ": the list of draining nodes is off");
    f.expect((table_.row(node.row).closed == reason::none) == open,
             name + ": it is open though it should not, or the reverse");
    f.expect(fits(node.reserved, capacity),
             name + ": more is reserved than there is");
  }
  f.expect(table_.nodes() == nodes_.size(), "the table has other nodes");
  f.expect(agenda_.holds() == all_kept, "kept places are off");
  for (auto& [name, quota] : quotas_.all()) {
    uint32_t used = 0;
    for (auto& [other, job] : jobs_)
      if (auto its = quotas_.of(*job.spec);
          std::find(its.begin(), its.end(), name) != its.end())
        used += job.live() + static_cast<uint32_t>(job.holds.size());
    f.expect(quota.used == used, name + ": another number of tasks run");
  }
  return f.text();
}

} // namespace troupe::runtime
