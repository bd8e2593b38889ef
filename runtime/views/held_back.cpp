// Why a job whose tasks could be placed is held back.

#include <algorithm>

#include "runtime/placement/explain.hpp"
#include "runtime/views/condition.hpp"
#include "runtime/views/sentences.hpp"

namespace troupe::runtime::views {

namespace {

/// Awaited jobs that are looked at, and those that a sentence names.
constexpr size_t looked_at_max = 100;
constexpr size_t shown_max = 3;

job_outcome outcome_of(const job_spec& spec, const std::string& name) {
  for (auto& x : spec.after)
    if (x.job == name)
      return x.outcome;
  return job_outcome::finished;
}

uint32_t ended_tasks(const job_record& job) {
  return job.in_state(task_state::succeeded) + job.in_state(task_state::cached)
         + job.in_state(task_state::failed) + job.in_state(task_state::stopped);
}

/// What the first task of `job` that failed said.
std::string failure_of(const cluster& c, const job_record& job) {
  auto most = std::min<size_t>(job.tasks.size(), counted_tasks_max);
  for (uint32_t i = 0; i < most; ++i)
    if (job.tasks[i].state == task_state::failed)
      return job.name + '.' + std::to_string(i) + ": "
             + condition_of(c, job, i, c.last_time()).message;
  return {};
}

/// What is to be said of one awaited job, and whether it needs somebody.
struct awaited_job {
  std::string text;
  bool stuck = false;
};

awaited_job
tell_awaited(const cluster& c, const job_record& job, const std::string& name) {
  auto remedy = "; submit " + name + " again or stop this job";
  auto* other = c.find_job(name);
  if (other == nullptr)
    return {name + " is not there any more" + remedy, true};
  auto wish = outcome_of(*job.spec, name) == job_outcome::succeeded
                ? " to succeed"
                : " to finish";
  if (!other->over()) {
    auto text = "waits for " + name + wish;
    if (other->spec->kind == job_kind::batch && other->count > 1)
      text += ", of which " + std::to_string(ended_tasks(*other)) + " of "
              + count_of(other->count, "task") + " have ended";
    return {std::move(text), false};
  }
  if (state_of(*other) == job_state::failed)
    return {name + " failed: " + failure_of(c, *other) + remedy, true};
  return {name + " was stopped and has not succeeded" + remedy, true};
}

} // namespace

std::string next_run_of(const job_record& job) {
  auto& schedule = *job.schedule;
  if (!schedule.rule)
    return "no next run: this controller knows no time zone \""
           + job.spec->schedule->timezone
           + "\"; install the package tzdata and start it again";
  if (!schedule.next_tick)
    return "no next run: its schedule has no more ticks";
  return "next run at " + schedule.rule->local(schedule.next_tick);
}

condition held_back(const cluster& c, const job_record& job) {
  if (job.schedule && job.schedule->asleep)
    return {task_state::pending, reason::waiting_for_schedule,
            next_run_of(job)};
  condition result{task_state::pending, reason::waiting_for_job, {}};
  std::vector<awaited_job> all;
  for (auto& name : job.awaited) {
    if (all.size() == looked_at_max)
      break;
    all.push_back(tell_awaited(c, job, name));
  }
  // What needs somebody comes first.
  std::stable_partition(all.begin(), all.end(),
                        [](auto& x) { return x.stuck; });
  all.resize(std::min(all.size(), shown_max));
  for (auto& x : all)
    result.message += (result.message.empty() ? "" : "; ") + x.text;
  if (auto more = job.awaited.size() - all.size(); more > 0)
    result.message += "; and " + count_of(more, "more job");
  return result;
}

condition
wait_of_member(const cluster& c, const job_record& job, uint32_t index) {
  if (job.held_back())
    return held_back(c, job);
  condition result;
  auto at = job.present.find(index);
  auto* node
    = at == job.present.end() ? nullptr : c.find_node(c.name_at(at->second));
  if (node == nullptr)
    return result;
  auto& klass = c.queue().at(job.klass);
  placement::known_class known{*klass.of};
  auto& name = node->profile.name;
  result.why = c.table().refuses(node->row, known);
  if (result.why == reason::none && job.spec->scheduler != "default") {
    result.why = reason::unknown_scheduler;
    result.message = "no policy is named \"" + job.spec->scheduler
                     + "\"; the job is left alone until there is one";
    return result;
  }
  if (result.why == reason::none) {
    result.message = "it is to be placed on node " + name;
    return result;
  }
  auto text = placement::refusal_text(c.table(), node->row, known, result.why);
  result.message = "its place is on node " + name + ": "
                   + (text.empty() ? sentence_of(result.why) : text);
  return result;
}

} // namespace troupe::runtime::views
