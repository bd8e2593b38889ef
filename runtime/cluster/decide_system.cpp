// Jobs of kind `system`: one task on each node that has what they require.
//
//   a node matches ---- task_bound ----> its task waits, is placed there, runs
//   it no longer does - task_unbound --> its task is stopped, and stays so
//   it is removed --------------------> the task's index is free for another node
//
// A task belongs to its node: no policy looks for a place, and what does not fit
// there waits until that node has room.

#include <algorithm>

#include <boost/mp11/algorithm.hpp>
#include <boost/mp11/list.hpp>

#include "runtime/cluster/cluster.hpp"
#include "runtime/cluster/job_upkeep.hpp"
#include "runtime/cluster/node_rows.hpp"

namespace troupe::runtime {

namespace {

/// Facts after which all nodes of their job are looked at.
template <class Fact>
concept concerns_job = boost::mp11::mp_contains<
  boost::mp11::mp_list<job_submitted, job_updated, job_dependency_met>,
  Fact>::value;

/// Facts after which their node is looked at.
template <class Fact>
concept concerns_node = requires(const Fact& x) {
  x.node;
}
&&!requires(const Fact& x) {
  x.task;
};

bool is_available(const task_record& x) {
  return x.state == task_state::running && x.ready_at && !x.stopping;
}

/// The lowest index that is no node's and holds nothing.
uint32_t free_index(const job_record& job) {
  auto end = static_cast<uint32_t>(job.tasks.size());
  if (job.members.size() == end)
    return end;
  std::set<uint32_t> taken;
  for (auto& [node, index] : job.members)
    taken.insert(index);
  for (uint32_t i = 0; i < end; ++i)
    if (!taken.contains(i) && is_final(job.tasks[i].state))
      return i;
  return end;
}

} // namespace

uint32_t cluster::tasks_of(const job_spec& spec) const {
  if (spec.kind != job_kind::system)
    return spec.count;
  auto requirements = class_of(spec).requirements;
  auto matches = [&](auto& node) {
    return node.second.state == node_state::ready
           && node.second.eligibility == node_eligibility::eligible
           && placement::satisfies(labels_when_well(table_, node.second),
                                   requirements);
  };
  return static_cast<uint32_t>(
    std::count_if(nodes_.begin(), nodes_.end(), matches));
}

bool cluster::wants_member(const job_record& job,
                           const node_record& node) const {
  if (job.stopped)
    return false;
  auto at = job.members.find(node.name);
  auto is_there = at != job.members.end() && job.present.contains(at->second);
  // What runs on a silent node is waited for as long as that of other jobs.
  if (node.state != node_state::ready)
    return is_there && holds_capacity(job.tasks[at->second].state);
  // A cordon keeps new tasks away, and leaves what is there alone.
  return (is_there || node.eligibility == node_eligibility::eligible)
         && placement::satisfies(labels_when_well(table_, node),
                                 waiting_.at(job.klass).of->requirements);
}

void cluster::note_for_members(const fact& x) {
  if (folding_)
    return;
  std::visit(
    [this]<class Fact>(const Fact& y) {
      if constexpr (concerns_job<Fact>) {
        auto& job = *job_called(y.job);
        if (job.spec->kind == job_kind::system)
          members_due_.insert(job.born);
      } else if constexpr (concerns_node<Fact>) {
        if (!system_jobs_.empty())
          nodes_due_.insert(y.node);
      } else if constexpr (std::is_same_v<Fact, task_ended>) {
        if (!system_jobs_.empty())
          nodes_due_.insert(y.node);
      } else if constexpr (std::is_same_v<Fact, task_requeued>) {
        help_member(*job_called(y.task.job), y.task.index);
      }
    },
    x);
}

/// Lets `settle_members` look at the node of a task that waits again.
void cluster::help_member(const job_record& job, uint32_t index) {
  if (auto at = job.present.find(index); at != job.present.end())
    helped_.push_back(node_called(names_[at->second])->row);
}

std::vector<job_record*> cluster::system_jobs_in_order() {
  std::vector<job_record*> result;
  for (auto born : system_jobs_)
    result.push_back(jobs_by_birth_.at(born));
  std::sort(result.begin(), result.end(),
            [this](auto* a, auto* b) { return key_of(*a) < key_of(*b); });
  return result;
}

void cluster::settle_members() {
  auto nodes = std::exchange(nodes_due_, {});
  auto due = std::exchange(members_due_, {});
  if (system_jobs_.empty())
    return;
  for (auto* job : system_jobs_in_order()) {
    if (job->stopped)
      continue;
    if (due.contains(job->born)) {
      for (auto& [name, node] : nodes_)
        settle_member(*job, node);
      place_members(*job);
      continue;
    }
    for (auto& name : nodes)
      if (auto* node = node_called(name))
        settle_member(*job, *node);
    // Rows where room came free, those of changed nodes among them.
    place_members_on(*job, helped_);
  }
  // What was placed, here or before, may be what others want to be near.
  for (size_t seen = 0; seen < populated_.size();) {
    std::vector<placement::node_index> rows(
      populated_.begin() + static_cast<ptrdiff_t>(seen), populated_.end());
    seen = populated_.size();
    for (auto* job : system_jobs_in_order())
      if (!job->stopped && !waiting_.at(job->klass).of->colocate_with.empty())
        place_members_on(*job, rows);
  }
}

/// Places the tasks of `job` that wait on nodes in `rows`.
void cluster::place_members_on(job_record& job,
                               std::vector<placement::node_index> rows) {
  if (job.requeued.empty())
    return;
  for (auto row : rows)
    if (row < rows_.size() && rows_[row] != nullptr)
      if (auto at = job.members.find(rows_[row]->name); at != job.members.end())
        place_member(job, at->second);
}

void cluster::settle_member(job_record& job, node_record& node) {
  auto wanted = wants_member(job, node);
  auto at = job.members.find(node.name);
  auto is_there = at != job.members.end() && job.present.contains(at->second);
  auto& name = node.profile.name;
  if (wanted && !is_there)
    bind(job, node);
  else if (!wanted && is_there && node.state != node_state::ready)
    unbind(job, node, reason::node_lost,
           "node " + name + " is unhealthy: it is silent");
  else if (!wanted && is_there)
    unbind(job, node, reason::no_matching_labels,
           "node " + name + " has no longer what the job requires");
}

void cluster::bind(job_record& job, node_record& node) {
  auto at = job.members.find(node.name);
  auto index = at != job.members.end() ? at->second : free_index(job);
  say(task_bound{{job.name, index}, node.profile.name});
  auto& task = job.tasks[index];
  if (holds_capacity(task.state) && task.stopping && !task.restart)
    say(task_stopping{
      {job.name, index}, reason::none, "it starts again once it ended", true});
  place_member(job, index);
}

void cluster::unbind(job_record& job, const node_record& node, reason why,
                     const std::string& message) {
  task_ref who{job.name, job.members.at(node.name)};
  say(task_unbound{who, node.profile.name, why, message});
  auto& task = job.tasks[who.index];
  if (holds_capacity(task.state) && (!task.stopping || task.restart))
    say(task_stopping{who, why, message, false});
}

void cluster::unbind_all(const node_record& node, const std::string& message) {
  for (auto born : system_jobs_) {
    auto& job = *jobs_by_birth_.at(born);
    auto at = job.members.find(node.name);
    if (at != job.members.end() && job.present.contains(at->second))
      say(task_unbound{
        {job.name, at->second}, node.profile.name, reason::node_lost, message});
  }
}

void cluster::place_members(job_record& job) {
  auto waiting = job.requeued;
  for (auto index : waiting)
    place_member(job, index);
}

/// Places a task on its node, if it waits and fits there.
void cluster::place_member(job_record& job, uint32_t index) {
  auto at = job.present.find(index);
  if (job.held_back() || !job.requeued.contains(index)
      || at == job.present.end())
    return;
  // A policy of one's own may have its reasons to leave a job alone.
  if (job.spec->scheduler != "default"
      && policies_.find(job.spec->scheduler) == policies_.end())
    return;
  auto row = node_called(names_[at->second])->row;
  if (auto held = table_.occupy(row, *job.classes.at(job.job_version)))
    say_placed(job, index, row, std::move(*held));
}

/// Lets those of an older version start again, so many at a time. Nobody can
/// stand in for a task that belongs to its node.
void cluster::roll_members(job_record& job) {
  if (job.stopped || job.older.empty())
    return;
  auto is_new
    = [&](const task_record& x) { return x.job_version == job.job_version; };
  uint32_t unavailable = 0;
  for (auto& [index, node] : job.present) {
    auto& task = job.tasks[index];
    auto healthy_at = task.ready_at + job.spec->update.min_healthy;
    if (is_available(task) && is_new(task) && healthy_at > now_) {
      agenda_.visit(job, healthy_at);
      ++unavailable;
    } else if (!is_final(task.state) && !is_available(task)) {
      ++unavailable;
    }
  }
  auto at_once = std::max(job.spec->update.max_unavailable, 1U);
  for (auto& [index, node] : job.present) {
    auto& task = job.tasks[index];
    if (!holds_capacity(task.state) || task.stopping || is_new(task))
      continue;
    // What does not run yet is missed by nobody.
    if (is_available(task) && unavailable++ >= at_once)
      return;
    say(task_stopping{{job.name, index},
                      reason::none,
                      "replaced by version " + std::to_string(job.job_version),
                      true});
  }
}

// -- the fold ----------------------------------------------------------------

void cluster::fold(const task_bound& x) {
  auto& job = *job_called(x.task.job);
  auto index = x.task.index;
  auto node = node_called(x.node)->name;
  job.members[node] = index;
  job.present[index] = node;
  job.count = std::max(job.count, index + 1);
  auto& task = materialise(job, index);
  if (!holds_capacity(task.state)) {
    task.failures = 0;
    stop_waiting(job, index);
    set_state(job, task, task_state::pending);
    wait_for_place(job, index, {});
  }
  refresh(job);
}

void cluster::fold(const task_unbound& x) {
  auto& job = *job_called(x.task.job);
  job.present.erase(x.task.index);
  suspend(job, x.task.index, x.why, x.message);
  refresh(job);
}

/// Stops what waits, or was given up with its node.
void cluster::suspend(job_record& job, uint32_t index, reason why,
                      const std::string& message) {
  auto& task = job.tasks[index];
  auto was_lost = task.ended_as == task_state::lost;
  if (holds_capacity(task.state) || (is_final(task.state) && !was_lost))
    return;
  stop_waiting(job, index);
  task.why = why;
  task.ended_at = now_;
  set_message(job, index, message);
  set_state(job, task, task_state::stopped);
}

void cluster::forget_members(const node_record& node) {
  for (auto born : system_jobs_) {
    auto& job = *jobs_by_birth_.at(born);
    auto at = job.members.find(node.name);
    if (at == job.members.end())
      continue;
    job.present.erase(at->second);
    suspend(job, at->second, reason::node_lost,
            "node " + node.profile.name + " was removed");
    job.members.erase(at);
    job.count = 0;
    for (auto& [name, index] : job.members)
      job.count = std::max(job.count, index + 1);
    trim(job);
    refresh(job);
  }
}

} // namespace troupe::runtime
