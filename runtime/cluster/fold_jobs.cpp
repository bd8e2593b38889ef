// What facts about jobs do to the state.

#include <algorithm>
#include <utility>

#include "runtime/cluster/cluster.hpp"
#include "runtime/cluster/job_upkeep.hpp"

namespace troupe::runtime {

namespace {

/// As it is from now on it may fit.
void let_try(gang_record& gang) {
  gang.blocked = false;
  gang.tries = 0;
  gang.retry_at = {};
}

} // namespace

void cluster::fold(const job_submitted& x) {
  std::vector<past_spec> past_specs;
  if (auto* old = job_called(x.job)) {
    if (x.job_version > old->job_version) {
      note_past_spec(*old, options_.past_specs_max);
    }
    auto was_system = old->spec->kind == job_kind::system;
    auto is_system = x.spec->kind == job_kind::system;
    if (x.job_version >= old->job_version && was_system == is_system)
      past_specs = std::move(old->past_specs);
    erase_job(*old);
  }
  auto& job = jobs_[x.job];
  job.name = x.job;
  job.spec = x.spec;
  job.job_version = x.job_version;
  job.past_specs = std::move(past_specs);
  job.born = version_;
  job.count = x.spec->kind == job_kind::system ? 0 : x.spec->count;
  if (x.spec->kind == job_kind::system)
    system_jobs_.insert(job.born);
  job.submitted_at = now_;
  jobs_by_birth_[job.born] = &job;
  std::set<std::string, std::less<>> awaited;
  for (auto& dependency : x.spec->after)
    awaited.insert(dependency.job);
  await_jobs(job, std::move(awaited));
  take_schedule(job, nullptr, false);
  lookups_.begin(job);
  enter_class(job);
  enter_gang(job);
  refresh(job);
  keys_.remember(
    x.key, {x.job, job.job_version, tasks_of(*x.spec), job.job_version == 1});
}

void cluster::fold(const job_updated& x) {
  auto& job = *job_called(x.job);
  // What it awaited before and has seen end needs not end again.
  std::set<std::string, std::less<>> awaited;
  for (auto& y : x.spec->after)
    if (job.awaited.contains(y.job)
        || std::find(job.spec->after.begin(), job.spec->after.end(), y)
             == job.spec->after.end())
      awaited.insert(y.job);
  await_jobs(job, std::move(awaited));
  leave_class(job);
  auto priority = job.spec->priority;
  if (x.keeps_tasks) {
    note_past_spec(job, options_.past_specs_max);
    take_tasks_over(job, x.job_version);
  } else if (x.job_version != job.job_version) {
    // What is kept was for a task of the version before.
    while (!job.holds.empty()) {
      auto index = job.holds.begin()->first;
      drop_hold(job, index);
      job.requeued.insert(index);
    }
    if (job.held.contains(job.job_version))
      job.older[job.job_version] = job.spec;
    else
      job.classes.erase(job.job_version);
    note_past_spec(job, options_.past_specs_max);
  }
  job.rolled_back_to = x.rolled_back_to;
  auto before = std::exchange(job.spec, x.spec);
  job.job_version = x.job_version;
  auto was_stopped = std::exchange(job.stopped, false);
  take_schedule(job, before.get(), was_stopped);
  job.forget = false;
  enter_class(job);
  if (priority != job.spec->priority)
    count_anew(job);
  if (before->labels != job.spec->labels)
    count_quotas();
  if (x.spec->kind != job_kind::system)
    resize(job, x.spec->count, job.extra);
  if ((job.gang == nullptr ? std::string{} : job.gang->name)
      != gang_of(*job.spec)) {
    leave_gang(job);
    enter_gang(job);
  } else if (job.gang != nullptr) {
    count_gang_anew(*job.gang);
    let_try(*job.gang);
  }
  lookups_.begin(job);
  refresh(job);
  keys_.remember(x.key, {x.job, job.job_version, tasks_of(*x.spec), false});
}

void cluster::fold(const job_scaled& x) {
  auto& job = *job_called(x.job);
  // Members that come after a run are for the next one.
  if (job.schedule && !job.run_under_way())
    job.schedule->asleep = true;
  resize(job, x.count, job.extra);
  if (job.gang != nullptr)
    let_try(*job.gang);
  refresh(job);
}

void cluster::fold(const job_surged& x) {
  auto& job = *job_called(x.job);
  resize(job, job.count, x.extra);
  refresh(job);
}

void cluster::fold(const job_settled& x) {
  job_called(x.job)->settled_version = x.job_version;
}

void cluster::resize(job_record& job, uint32_t count, uint32_t extra) {
  // Fresh ones among them have no records that could go.
  if (job.lookup && count + extra < job.wanted())
    for (auto i = count + extra; i < job.lookup->seen; ++i)
      lookups_.forget(job, i);
  job.count = count;
  job.extra = extra;
  // Members beyond the new count that hold nothing are gone at once; the others
  // are stopped by facts of their own.
  for (auto i = job.wanted(); i < job.tasks.size(); ++i)
    if (job.tasks[i].state == task_state::pending) {
      stop_waiting(job, i);
      job.tasks[i].why = reason::stopped_by_user;
      job.tasks[i].ended_at = now_;
      set_state(job, job.tasks[i], task_state::stopped);
    }
  trim(job);
}

void cluster::fold(const job_dependency_met& x) {
  auto& job = *job_called(x.job);
  stop_awaiting(job, x.awaited);
  refresh(job);
}

void cluster::fold(const job_stopped& x) {
  auto& job = *job_called(x.job);
  job.stopped = true;
  await_jobs(job, {});
  agenda_.forget_tick(job);
  if (job.schedule)
    job.schedule->queued_at = {};
  job.forget = job.forget || x.forget;
  lookups_.clear(job);
  for (uint32_t i = 0; i < job.tasks.size(); ++i)
    if (job.tasks[i].state == task_state::pending) {
      stop_waiting(job, i);
      job.tasks[i].why = reason::stopped_by_user;
      job.tasks[i].ended_at = now_;
      set_state(job, job.tasks[i], task_state::stopped);
    }
  refresh(job);
}

void cluster::fold(const job_forgotten& x) {
  erase_job(*job_called(x.job));
}

} // namespace troupe::runtime
