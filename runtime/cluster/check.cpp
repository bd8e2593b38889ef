// Recomputation from scratch: what must hold after every fact.

#include <algorithm>
#include <map>
#include <set>
#include <sstream>
#include <string>

#include "runtime/cluster/cluster.hpp"
#include "runtime/cluster/gang_members.hpp"

namespace troupe::runtime {

/// Goes through all records, counts what they add up to, and compares.
class cluster::checker {
public:
  explicit checker(const cluster& c) : c_(c) {
    // nop
  }

  /// What does not hold, a line each.
  [[nodiscard]] std::string check();

private:
  /// Of the tasks of one job.
  struct job_sums {
    state_counts counts{};
    uint32_t leaving = 0;
    /// [job version]
    std::map<uint32_t, uint32_t> held;
    std::set<uint32_t> waiting;
  };
  /// Of what is on one node.
  struct node_sums {
    resources reserved;
    size_t allocations = 0;
    std::set<uint16_t> ports;
    resources holding;
    size_t kept_places = 0;
  };

  void check_job(const job_record& job);
  void check_task(const job_record& job, uint32_t index, job_sums& sums);
  void check_place(const job_record& job, uint32_t index);
  void
  check_hold(const job_record& job, uint32_t index, const hold_record& kept);
  void check_schedule(const job_record& job);
  void check_waits(const job_record& job);
  [[nodiscard]] std::string faults_of_members(const job_record& job) const;
  void check_gang(const gang_record& gang);
  void check_node(const node_record& node);
  void check_lists();
  void check_quotas();

  void expect(bool holds, const std::string& what) {
    if (!holds)
      findings_ << what << '\n';
  }

  const cluster& c_;
  std::ostringstream findings_;
  /// [name]
  std::map<std::string, node_sums> nodes_;
  size_t holds_ = 0;
  size_t delayed_ = 0;
  size_t queued_ = 0;
  size_t finished_ = 0;
  uint64_t finished_tasks_ = 0;
  size_t awaited_ = 0;
  size_t ticks_ = 0;
  size_t identical_ = 0;
};

std::string cluster::check_invariants() const {
  return checker{*this}.check();
}

std::string cluster::checker::check() {
  for (auto& [name, job] : c_.jobs_)
    check_job(job);
  for (auto& [name, gang] : c_.gangs_)
    check_gang(gang);
  check_lists();
  for (auto& [name, node] : c_.nodes_)
    check_node(node);
  check_quotas();
  return findings_.str();
}

// -- jobs ----------------------------------------------------------------------

void cluster::checker::check_job(const job_record& job) {
  auto& name = job.name;
  job_sums sums;
  for (uint32_t i = 0; i < job.tasks.size(); ++i)
    check_task(job, i, sums);
  for (auto& [index, kept] : job.holds)
    check_hold(job, index, kept);
  expect(sums.leaving == job.leaving, name + ": tasks that leave are off");
  expect((job.gang == nullptr ? std::string{} : job.gang->name)
           == gang_of(*job.spec),
         name + " is in another gang than it says");
  expect(sums.held == job.held, name + ": tasks by version are off");
  for (auto& [version, spec] : job.older)
    expect(sums.held.contains(version),
           name + ": an older version is remembered in vain");
  if (job.over() && !c_.dependents_.is_awaited(name)) {
    ++finished_;
    finished_tasks_ += job.finished_tasks;
  }
  check_schedule(job);
  expect(c_.system_jobs_.contains(job.born)
           == (job.spec->kind == job_kind::system),
         name + ": it is a system job, or is not");
  if (auto wrong = faults_of_members(job); !wrong.empty())
    expect(false, name + ": " + wrong);
  if (auto wrong = c_.lookups_.check(job); !wrong.empty())
    expect(false, name + ": " + wrong);
  identical_
    += job.keys.size()
       + (job.lookup ? job.lookup->missed.size() + job.lookup->joined.size()
                     : 0);
  check_waits(job);
  expect(sums.counts == job.by_state, name + ": counts by state are off");
  expect(sums.waiting == job.requeued, name + ": waiting tasks are off");
  expect(job.over() == (job.finished_at != 0), name + ": finished is off");
}

void cluster::checker::check_task(const job_record& job, uint32_t index,
                                  job_sums& sums) {
  auto& task = job.tasks[index];
  auto who = job.name + '.' + std::to_string(index);
  ++sums.counts[static_cast<size_t>(task.state)];
  auto late = c_.agenda_.is_delayed(job, index);
  auto kept = job.holds.contains(index);
  if (task.state == task_state::pending && !late && !kept)
    sums.waiting.insert(index);
  expect(!kept || (task.state == task_state::pending && !late),
         who + " has a place kept and does not wait for it");
  delayed_ += late ? 1 : 0;
  expect(!late || task.state == task_state::pending,
         who + " is delayed and does not wait");
  expect(late || task.state != task_state::pending
           || task.not_before <= c_.now_,
         who + " waits for a time and is not delayed");
  expect(index < job.wanted() || !is_final(task.state)
           || index + 1 < job.tasks.size(),
         who + " is beyond the count and still remembered");
  expect(index < job.wanted() || task.state != task_state::pending,
         who + " waits though it is beyond the count");
  expect(task.state == task_state::pending || !job.avoid.contains(index),
         who + " avoids a node and does not wait");
  expect(!job.stopped || task.state != task_state::pending,
         who + " waits though its job is stopped");
  if (!holds_capacity(task.state)) {
    expect(!job.occupations.contains(index), who + " holds ports or gpus");
    return;
  }
  sums.leaving += task.stopping ? 1 : 0;
  ++sums.held[task.job_version];
  check_place(job, index);
}

/// REQUIRES: task `index` holds capacity.
void cluster::checker::check_place(const job_record& job, uint32_t index) {
  auto& task = job.tasks[index];
  auto who = job.name + '.' + std::to_string(index);
  auto& name = c_.node_of(task);
  auto* node = c_.find_node(name);
  expect((task.state == task_state::lost)
           == (node != nullptr && node->state == node_state::unhealthy),
         who + " is lost and its node is not, or the reverse");
  expect(node != nullptr && node->allocations.contains(task.allocation),
         who + " is not among the allocations of node " + name);
  if (node == nullptr)
    return;
  auto* tenant = c_.tenants_.find(node->row, task.allocation.value);
  expect(tenant != nullptr && tenant->priority == counts_as(job, task),
         who + " is not among the tenants of node " + name);
  auto& sums = nodes_[name];
  sums.reserved += job.classes.at(task.job_version)->request;
  ++sums.allocations;
  if (auto at = job.occupations.find(index); at != job.occupations.end())
    for (auto port : at->second.ports)
      expect(sums.ports.insert(port).second,
             "port " + std::to_string(port) + " of " + name + " is held twice");
}

void cluster::checker::check_hold(const job_record& job, uint32_t index,
                                  const hold_record& kept) {
  auto* on = c_.find_node(c_.names_[kept.node]);
  auto who = job.name + '.' + std::to_string(index);
  expect(index < job.tasks.size(), who + " has a place kept in vain");
  expect(on != nullptr && on->holds.contains({job.born, index}),
         who + " has a place kept that its node does not know");
  if (on == nullptr)
    return;
  expect(on->state == node_state::ready
           && on->eligibility == node_eligibility::eligible,
         who + " has a place kept on a node that takes nothing");
  for (auto allocation : kept.awaits)
    expect(on->allocations.contains(allocation),
           who + " waits for the end of what has ended");
  expect(kept.gang
           || kept.awaits.empty() == c_.free_holds_.contains({job.born, index}),
         who + ": whether its place is free is off");
  expect(kept.gang || c_.agenda_.ends_hold({job.born, index}, kept.until),
         who + " has a place kept for ever");
  expect(!kept.gang
           || (job.gang != nullptr
               && (job.gang->state == gang_state::reserving
                   || job.gang->state == gang_state::running)),
         who + " has a place kept for a gang that reserves nothing");
  holds_ += kept.gang ? 0 : 1;
  auto& sums = nodes_[on->profile.name];
  sums.holding += job.classes.at(job.job_version)->request;
  ++sums.kept_places;
}

void cluster::checker::check_schedule(const job_record& job) {
  auto& name = job.name;
  if (auto& x = job.schedule) {
    ticks_ += c_.agenda_.awaits_tick(job) ? 1 : 0;
    expect(job.stopped == !x->next_tick || !x->rule,
           name
             + ": it waits for a tick though it is stopped, or not though it "
               "should");
    expect(!x->queued_at || job.run_under_way(),
           name + ": a run is queued behind none");
  }
  expect(job.stopped
           || job.schedule.has_value() == job.spec->schedule.has_value(),
         name + ": its schedule is not that of its spec");
}

/// For others, and in the queue.
void cluster::checker::check_waits(const job_record& job) {
  auto& name = job.name;
  awaited_ += job.awaited.size();
  expect(!job.stopped || job.awaited.empty(),
         name + ": it awaits others though it is stopped");
  for (auto& other : job.awaited) {
    expect(c_.dependents_.of(other).contains(job.born),
           name + ": nobody would tell it that " + other + " ended");
    expect(!c_.is_met(job, other),
           name + ": it awaits " + other + ", which has ended");
  }
  queued_ += job.ready() > 0 ? 1 : 0;
  expect(job.queued.has_value() == (job.ready() > 0),
         name + ": it waits and is not in the queue, or the reverse");
  if (!job.queued)
    return;
  auto& jobs = c_.waiting_.at(job.klass).jobs;
  auto at = jobs.find(c_.key_of(job));
  expect(job.queued == c_.key_of(job) && at != jobs.end() && at->second == &job,
         name + ": it stands at another place in the queue");
}

/// What is wrong with the tasks of a system job.
std::string cluster::checker::faults_of_members(const job_record& job) const {
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
    if (c_.find_node(c_.names_[node]) == nullptr)
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
  for (auto& [name, node] : c_.nodes_) {
    auto at = job.members.find(node.name);
    auto is_there = at != job.members.end() && job.present.contains(at->second);
    if (!job.stopped && is_there != c_.wants_member(job, node))
      return "node " + name + " wants a task and has none, or the reverse";
  }
  return {};
}

// -- gangs, nodes and lists ------------------------------------------------------

void cluster::checker::check_gang(const gang_record& gang) {
  auto members = members_of(gang);
  auto who = "gang " + gang.name;
  expect(!gang.jobs.empty(), who + " has no members");
  expect(gang.state != gang_state::waiting || members.live == 0,
         who + " runs in part");
  expect(gang.state != gang_state::reserving || members.live == 0,
         who + " runs in part before all have their places");
  expect(gang.state != gang_state::running || members.hopeless()
           || members.able + members.done >= std::min(gang.needs, members.all),
         who + " runs with fewer members than it needs");
  for (auto& [born, job] : gang.jobs)
    expect(job->gang == &gang, who + " has a member that is not in it");
}

void cluster::checker::check_node(const node_record& node) {
  auto& name = node.profile.name;
  auto& sums = nodes_[name];
  expect(node.reserved == sums.reserved,
         name + ": reserved is not the sum of its tasks");
  expect(node.allocations.size() == sums.allocations,
         name + ": it has allocations that no task has");
  auto capacity = node.profile.capacity;
  capacity.cpu_millicores = static_cast<int64_t>(
    static_cast<double>(capacity.cpu_millicores) * c_.overcommit_of(node));
  expect(c_.name_of(node.row) == name, name + ": its row is another's");
  auto taken = node.reserved;
  taken += sums.holding;
  expect(c_.table_.used(node.row) == taken,
         name + ": the table holds other amounts than its tasks");
  expect(c_.table_.tasks(node.row)
           == node.allocations.size() + node.holds.size(),
         name + ": the table holds another number of tasks");
  expect(node.holds.size() == sums.kept_places,
         name + ": it keeps places for nobody");
  auto tenants = c_.tenants_.at(node.row);
  auto gone = std::count_if(tenants.begin(), tenants.end(),
                            [](auto& x) { return x.gone; });
  expect(tenants.size() - static_cast<size_t>(gone) == node.allocations.size(),
         name + ": it has tenants that are no tasks");
  auto open = node.state == node_state::ready && node.strays.empty()
              && node.eligibility == node_eligibility::eligible
              && (!node.quarantine.active || node.quarantine.open);
  expect((node.state == node_state::unhealthy) == c_.silent_.contains(name),
         name + ": the list of silent nodes is off");
  expect((node.eligibility == node_eligibility::draining)
           == c_.draining_.contains(name),
         name + ": the list of draining nodes is off");
  expect((c_.table_.row(node.row).closed == reason::none) == open,
         name + ": it is open though it should not, or the reverse");
  expect(fits(node.reserved, capacity),
         name + ": more is reserved than there is");
}

void cluster::checker::check_lists() {
  expect(delayed_ == c_.agenda_.delays(), "delayed tasks are off");
  expect(identical_ == c_.lookups_.size(), "identical tasks are off");
  expect(ticks_ == c_.agenda_.ticks(), "some ticks are nobody's");
  expect(awaited_ == c_.dependents_.size(),
         "some await what they do not wait for");
  expect(finished_ == c_.finished_.size()
           && finished_tasks_ == c_.finished_.tasks(),
         "the list of finished jobs is off");
  expect(c_.jobs_by_birth_.size() == c_.jobs_.size(), "jobs by birth are off");
  expect(c_.keys_.is_consistent(), "keys are off");
  expect(holds_ == c_.agenda_.holds(), "kept places are off");
  expect(c_.table_.nodes() == c_.nodes_.size(), "the table has other nodes");
  size_t standing = 0;
  c_.waiting_.each([&](const waiting::job_class&, const job_record&) {
    ++standing;
    return true;
  });
  expect(standing == queued_, "the queue has jobs that do not wait");
}

void cluster::checker::check_quotas() {
  for (auto& [name, quota] : c_.quotas_.all()) {
    uint32_t used = 0;
    for (auto& [other, job] : c_.jobs_)
      if (auto its = c_.quotas_.of(*job.spec);
          std::find(its.begin(), its.end(), name) != its.end())
        used += job.live() + static_cast<uint32_t>(job.holds.size());
    expect(quota.used == used, name + ": another number of tasks run");
  }
}

} // namespace troupe::runtime
