// What users ask of jobs and tasks.

#include <algorithm>

#include "runtime/cluster/after.hpp"
#include "runtime/cluster/cluster.hpp"
#include "runtime/cluster/submission.hpp"
#include "runtime/cluster/versions.hpp"

namespace troupe::runtime {

namespace {

/// Tasks of one job, as the job language has it.
constexpr uint32_t count_max = 1'000'000;

unexpected<refusal> not_found(std::string what) {
  return make_unexpected(refusal{refusal_kind::not_found, std::move(what), {}});
}

unexpected<refusal> no_job(const std::string& name) {
  return not_found("there is no job \"" + name
                   + "\"; `troupe jobs` lists the jobs");
}

unexpected<refusal> no_task(const task_ref& x) {
  return not_found("there is no task \"" + to_string(x)
                   + "\"; `troupe tasks` lists the tasks");
}

} // namespace

expected<outcome, refusal> cluster::on(const submit_jobs& x) {
  outcome result;
  if (!x.key.empty()) {
    if (auto* known = keys_.find(x.key)) {
      result.jobs = *known;
      return result;
    }
    if (keys_.is_of_another(x.key))
      return make_unexpected(refusal{
        refusal_kind::unprocessable,
        "this Idempotency-Key was used before, for something else: send "
        "the same again, or take another key",
        {}});
  }
  if (auto problems = faults_of(x.specs, *this); !problems.empty())
    return make_unexpected(refusal{refusal_kind::bad_input,
                                   "the job cannot be accepted as it is",
                                   std::move(problems)});
  result.jobs.resize(x.specs.size());
  for (auto i : awaited_first(x.specs))
    result.jobs[i] = submit(with_priority(x.specs[i], settings_), x.key);
  return result;
}

job_spec spec_now(const job_record& job) {
  auto result = *job.spec;
  if (result.kind != job_kind::system && job.count > 0)
    result.count = job.count;
  return result;
}

submitted_job
cluster::submit(const job_spec_ptr& spec, const std::string& key) {
  auto* job = job_called(spec->name);
  if (job == nullptr || job->over()) {
    // The same once more is the same version once more.
    auto next = job == nullptr            ? 1
                : spec_now(*job) == *spec ? job->job_version
                                          : job->job_version + 1;
    auto is_new = job == nullptr;
    say(job_submitted{spec->name, spec, key, next});
    if (!rehearsing_)
      meet_dependencies(*job_called(spec->name));
    return {spec->name, next, tasks_of(*spec), is_new};
  }
  auto changed
    = job->stopped || spec_now(*job) != *spec
      || (spec->kind != job_kind::system && job->count != spec->count);
  auto version = job->job_version + (changed ? 1 : 0);
  auto after_stop = job->stopped;
  auto known = std::min(job->count, spec->count);
  // A key is remembered even if nothing changes, so that its second use is
  // answered like the first.
  if (changed || !key.empty())
    say(job_updated{spec->name, spec, version, key, 0, "",
                    changed && concerns_no_task(*job->spec, *spec)});
  if (changed && !rehearsing_) {
    meet_dependencies(*job);
    revive(*job, known, after_stop);
    roll(*job);
  }
  return {spec->name, version, tasks_of(*spec), false};
}

void cluster::revive(job_record& job, uint32_t first, bool after_stop) {
  // Its members start at the next tick.
  if (job.schedule)
    return;
  auto end = std::min<size_t>(job.tasks.size(), job.wanted());
  auto service = job.spec->kind != job_kind::batch;
  for (uint32_t i = 0; i < end; ++i) {
    auto& task = job.tasks[i];
    if (!job.wants(i))
      continue;
    // A task that had succeeded does so once, unless it is of a service now.
    auto wanted = i >= first
                  || (task.state == task_state::stopped ? after_stop : service);
    if (is_final(task.state) && wanted)
      start_again(job, i, reason::none, "", milliseconds{0});
    else if (holds_capacity(task.state) && task.stopping && !task.restart
             && (i >= first || after_stop))
      say(task_stopping{
        {job.name, i}, reason::none, "it starts again once it ended", true});
  }
}

expected<outcome, refusal> cluster::on(const stop_job& x) {
  auto* job = job_called(x.job);
  if (job == nullptr)
    return no_job(x.job);
  if (!job->stopped || (x.forget && !job->forget))
    say(job_stopped{x.job, x.forget});
  for (uint32_t i = 0; i < job->tasks.size(); ++i)
    if (holds_capacity(job->tasks[i].state)
        && (!job->tasks[i].stopping || job->tasks[i].restart))
      say(task_stopping{{job->name, i}, reason::stopped_by_user, "", false});
  if (job->forget && job->live() == 0)
    say(job_forgotten{x.job});
  return outcome{};
}

expected<outcome, refusal> cluster::on(const scale_job& x) {
  auto* job = job_called(x.job);
  if (job == nullptr)
    return no_job(x.job);
  if (job->over())
    return make_unexpected(
      refusal{refusal_kind::conflict,
              "job \"" + x.job + "\" is over; submit it again instead",
              {}});
  if (job->spec->kind == job_kind::system)
    return make_unexpected(
      refusal{refusal_kind::bad_input,
              "job \"" + x.job
                + "\" is a system job: it has one task on each node that has "
                  "what it requires; change \"requires\" instead",
              {{"/count", "a system job has no count"}}});
  if (x.count > count_max)
    return make_unexpected(refusal{refusal_kind::bad_input,
                                   "a job has at most 1000000 tasks",
                                   {{"/count", "write 0 to 1000000"}}});
  if (job->count != x.count && !rehearsing_) {
    auto known = std::min(job->count, x.count);
    say(job_scaled{x.job, x.count});
    if (!job->stopped)
      revive(*job, known, false);
    roll(*job);
  }
  outcome result;
  result.jobs.push_back({x.job, job->job_version, x.count, false});
  return result;
}

expected<outcome, refusal> cluster::on(const restart_job& x) {
  auto* job = job_called(x.job);
  if (job == nullptr)
    return no_job(x.job);
  if (job->stopped)
    return make_unexpected(
      refusal{refusal_kind::conflict,
              "job \"" + x.job + "\" is stopped; submit it again instead",
              {}});
  // Its fresh tasks are released with the first.
  if (job->schedule && job->schedule->asleep && job->live() == 0
      && job->count > 0)
    start_again(*job, 0, reason::none, "restarted by a user", milliseconds{0});
  auto end = std::min<size_t>(job->tasks.size(), job->wanted());
  for (uint32_t i = 0; i < end; ++i)
    if (job->wants(i))
      if (auto restarted = on(restart_task{{x.job, i}}); !restarted)
        return restarted;
  return outcome{};
}

expected<outcome, refusal> cluster::on(const stop_task& x) {
  auto* job = job_called(x.task.job);
  if (job == nullptr || x.task.index >= job->wanted())
    return no_task(x.task);
  auto* task = find_task(x.task);
  if (task != nullptr && holds_capacity(task->state)) {
    if (!task->stopping || task->restart)
      say(task_stopping{x.task, reason::stopped_by_user, "", false});
  } else if (task == nullptr || !is_final(task->state)) {
    if (!job->stopped)
      say(task_ended{x.task, task == nullptr ? 0 : task->attempt, "",
                     task_state::stopped, reason::stopped_by_user,
                     "stopped before it was placed", std::nullopt});
  }
  return outcome{};
}

expected<outcome, refusal> cluster::on(const restart_task& x) {
  auto* job = job_called(x.task.job);
  if (job == nullptr || x.task.index >= job->wanted())
    return no_task(x.task);
  if (job->stopped)
    return make_unexpected(
      refusal{refusal_kind::conflict,
              "job \"" + x.task.job + "\" is stopped; submit it again instead",
              {}});
  if (!job->wants(x.task.index))
    return make_unexpected(
      refusal{refusal_kind::conflict,
              "task \"" + to_string(x.task)
                + "\" of a system job has no node: the one that it was on is "
                  "gone, silent or has no longer what the job requires",
              {}});
  auto* task = find_task(x.task);
  if (task == nullptr || task->state == task_state::pending)
    return outcome{};
  // Who asks for a run wants one.
  forget_result(*job, x.task.index);
  if (is_final(task->state))
    start_again(*job, x.task.index, reason::none, "restarted by a user",
                milliseconds{0});
  else if (!task->stopping || !task->restart)
    say(task_stopping{x.task, reason::none, "restarted by a user", true});
  return outcome{};
}

void cluster::start_again(job_record& job, uint32_t index, reason why,
                          std::string message, milliseconds delay,
                          const std::string& avoid) {
  say(task_requeued{{job.name, index},
                    why,
                    std::move(message),
                    delay.count() > 0 ? now_ + delay : timestamp{},
                    // A task of a system job has nowhere else to go.
                    job.spec->kind == job_kind::system ? "" : avoid});
}

void cluster::forget_old_jobs() {
  while (auto* job = finished_.beyond(options_.finished_jobs_max,
                                      options_.finished_tasks_max))
    say(job_forgotten{job->name});
}

} // namespace troupe::runtime
