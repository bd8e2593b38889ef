// Jobs with a schedule: a run of all tasks at each tick, once for each.
//
//   asleep --tick: started--> a run is under way --its last task ends--> idle
//                               |  tick: skipped, queued or replaced       |
//   idle   --tick: started------+------------------------------------------+
//
// The next tick follows from the last one that was decided, which is a fact: so
// none is lost and none comes twice, whoever decides and however long nobody did.

#include "runtime/cluster/cluster.hpp"
#include "runtime/cluster/job_upkeep.hpp"

namespace troupe::runtime {

namespace {

/// Ticks that nobody saw are counted up to here.
constexpr uint32_t missed_max = 10'000;

bool same_times(const job_spec& x, const job_spec& y) {
  return x.schedule && y.schedule && x.schedule->cron == y.schedule->cron
         && x.schedule->timezone == y.schedule->timezone;
}

} // namespace

/// Brings the record of the schedule in step with the spec. REQUIRES: `job` has
/// its new spec and is not stopped any more, and nothing else of it is new.
void cluster::take_schedule(job_record& job, const job_spec* before,
                            bool was_stopped) {
  agenda_.forget_tick(job);
  auto& spec = *job.spec;
  if (!spec.schedule || spec.kind != job_kind::batch) {
    job.schedule.reset();
    return;
  }
  auto runs = !was_stopped
              && (job.schedule ? !job.schedule->asleep && job.run_under_way()
                               : job.live() > 0);
  if (!job.schedule || before == nullptr || !same_times(*before, spec))
    job.schedule = schedule_record{.ticked_at = now_};
  job.schedule->asleep = !runs;
  await_tick(job);
}

void cluster::await_tick(job_record& job) {
  auto& x = *job.schedule;
  if (!x.rule)
    if (auto rule = cron::read(*job.spec->schedule))
      x.rule = std::make_shared<const cron>(std::move(*rule));
  // A machine that does not know the time zone has nothing to wait for.
  if (x.rule)
    x.next_tick = x.rule->next(x.ticked_at).value_or(timestamp{});
  agenda_.await_tick(job);
}

void cluster::tick(job_record& job) {
  auto& schedule = *job.schedule;
  auto due = schedule.rule->between(schedule.ticked_at, now_, missed_max);
  if (!due) {
    // Not by this clock.
    agenda_.forget_tick(job);
    await_tick(job);
    return;
  }
  if (due->missed > 0)
    say(job_ticked{job.name, due->previous, tick_outcome::missed, due->missed});
  auto outcome = tick_outcome::started;
  if (job.run_under_way())
    switch (job.spec->schedule->overlap) {
    case overlap_rule::skip:
      outcome = tick_outcome::skipped;
      break;
    case overlap_rule::queue:
      outcome
        = schedule.queued_at ? tick_outcome::skipped : tick_outcome::queued;
      break;
    case overlap_rule::replace:
      outcome = tick_outcome::replaced;
      break;
    }
  say(job_ticked{job.name, due->newest, outcome});
  if (outcome == tick_outcome::replaced)
    stop_for_new_run(job, "replaced by the run of "
                            + schedule.rule->local(due->newest));
}

/// Stops what runs, to start again once it ended.
void cluster::stop_for_new_run(job_record& job, const std::string& message) {
  for (uint32_t i = 0; i < job.tasks.size() && i < job.count; ++i) {
    auto& task = job.tasks[i];
    if (holds_capacity(task.state) && (!task.stopping || !task.restart))
      say(task_stopping{{job.name, i}, reason::none, message, true});
  }
}

/// Starts the runs that waited for the one before them.
void cluster::start_queued_runs() {
  for (auto born : std::exchange(idle_, {})) {
    auto at = jobs_by_birth_.find(born);
    if (at == jobs_by_birth_.end())
      continue;
    auto& job = *at->second;
    if (job.schedule && job.schedule->queued_at && !job.stopped
        && !job.run_under_way())
      say(job_ticked{job.name, job.schedule->queued_at, tick_outcome::started});
  }
}

void cluster::fold(const job_ticked& x) {
  auto& job = *job_called(x.job);
  auto& schedule = *job.schedule;
  schedule.outcome = x.outcome;
  if (x.at > schedule.ticked_at) {
    agenda_.forget_tick(job);
    schedule.ticked_at = x.at;
    await_tick(job);
  }
  switch (x.outcome) {
  case tick_outcome::started:
  case tick_outcome::replaced:
    schedule.queued_at = {};
    schedule.run_of = x.at;
    begin_run(job);
    break;
  case tick_outcome::queued:
    schedule.queued_at = x.at;
    break;
  case tick_outcome::skipped:
  case tick_outcome::missed:
    break;
  }
}

/// Lets every task have a new attempt, with all its retries before it. What
/// holds capacity is stopped by facts of its own.
void cluster::begin_run(job_record& job) {
  job.schedule->asleep = false;
  job.schedule->began_at = now_;
  for (uint32_t i = 0; i < job.tasks.size() && i < job.count; ++i) {
    auto& task = job.tasks[i];
    task.failures = 0;
    if (holds_capacity(task.state))
      continue;
    stop_waiting(job, i);
    set_state(job, task, task_state::pending);
    wait_for_place(job, i, {});
  }
  // Results may have come, or gone, since the last run.
  lookups_.begin(job);
  refresh(job);
}

} // namespace troupe::runtime
