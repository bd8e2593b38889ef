#include "runtime/views/condition.hpp"

#include <algorithm>

#include "messages/json.hpp"

#include "runtime/views/sentences.hpp"

namespace troupe::runtime::views {

namespace {

const std::string* message_of(const job_record& job, uint32_t index) {
  auto at = job.messages.find(index);
  return at == job.messages.end() || at->second.empty() ? nullptr : &at->second;
}

/// How the last attempt of `task` ended.
std::string
end_of(const job_record& job, const task_record& task, uint32_t index) {
  if (auto* message = message_of(job, index))
    return *message;
  if (task.why == reason::exit_code && task.has_exit_code)
    return "it ended with exit code " + std::to_string(task.exit_code);
  if (task.why == reason::stopped_by_user && task.attempt == 0)
    return "stopped before it was placed";
  if (task.why != reason::none)
    return sentence_of(task.why);
  if (task.has_exit_code)
    return "it ended with exit code " + std::to_string(task.exit_code);
  return {};
}

/// Of a task for which a place is kept.
condition kept_place(const cluster& c, const hold_record& x) {
  auto& node = c.name_of(x);
  if (x.gang && x.awaits.empty())
    return {task_state::pending, reason::gang_incomplete,
            "has a place on " + node
              + ", and starts when all places of its gang are confirmed"};
  if (x.awaits.empty())
    return {task_state::pending, x.why, "its place on " + node + " is free"};
  std::string who;
  constexpr size_t named = 5;
  for (size_t i = 0; i < std::min(x.victims.size(), named); ++i)
    who += (i == 0 ? "" : ", ") + to_string(x.victims[i]);
  if (x.victims.size() > named)
    who += " and " + std::to_string(x.victims.size() - named) + " more";
  auto message = "has a place on " + node + " as soon as "
                 + (who.empty() ? count_of(x.awaits.size(), "task")
                                : who + ", which it preempted,")
                 + " stopped there";
  return {task_state::pending, x.why, std::move(message)};
}

/// Whether it could pass as tasks end, however long that takes.
bool is_about_room(reason why) {
  return why == reason::insufficient_cpu || why == reason::insufficient_memory
         || why == reason::insufficient_gpu
         || why == reason::insufficient_resource || why == reason::port_in_use
         || why == reason::colocation || why == reason::exclusive;
}

/// Whom it would delay.
std::string text_of_delay(const reserved_head& x, timestamp now) {
  auto result = "where it would fit, places are kept for " + x.job
                + ", which is ahead of it and " + text_of_start(x, now);
  return result
         + "; with an expectedRuntime or timeout that ends before, it could "
           "run until then";
}

/// Which limit on tasks with a label is reached.
std::string text_of_quota(const cluster& c, const waiting::job_class& x) {
  for (auto& name : x.quotas)
    if (auto& quota = c.limits().find(name)->second; quota.used >= quota.limit)
      return std::to_string(quota.used) + " of " + std::to_string(quota.limit)
             + " tasks with the label " + name + " have a place";
  return sentence_of(reason::quota);
}

condition waiting_task(const cluster& c, const job_record& job,
                       const task_record& task, uint32_t index, timestamp now) {
  if (auto kept = job.holds.find(index); kept != job.holds.end())
    return kept_place(c, kept->second);
  auto before = end_of(job, task, index);
  if (task.not_before > now) {
    auto message = "starts again in " + about(task.not_before - now);
    if (!before.empty())
      message += ": " + before;
    return {task_state::pending, reason::backoff, std::move(message)};
  }
  if (job.lookup && job.lookup->joined.contains(index))
    return wait_of_joined(c, job, index);
  auto result = job.spec->kind == job_kind::system
                  ? wait_of_member(c, job, index)
                  : told_wait_of(c, job, now);
  // How the run before ended is no reason to wait in this one.
  auto of_this_run = !job.schedule || task.ended_at > job.schedule->began_at;
  if (result.why == reason::none && task.why != reason::none && of_this_run)
    return {task_state::pending, task.why,
            before + "; it is to be placed anew"};
  return result;
}

std::string text_of_running(const task_record& task, const std::string& node) {
  auto result = "runs on " + node;
  if (task.health != task_health::none)
    result += task.health == task_health::unknown
                ? std::string{", its health is not known yet"}
                : " and is " + json::name_of(task.health);
  return result;
}

condition live_task(const cluster& c, const job_record& job,
                    const task_record& task, uint32_t index) {
  auto& node = c.node_of(task);
  auto* message = message_of(job, index);
  condition result{task.state, task.why, {}};
  if (task.stopping) {
    result.message = "is being stopped on " + node;
    if (message != nullptr)
      result.message += ": " + *message;
    else if (task.why != reason::none)
      result.message += ": " + sentence_of(task.why);
  } else if (task.state == task_state::running) {
    result.message = text_of_running(task, node);
    if (auto receipt = job.receipts.find(index); receipt != job.receipts.end())
      result.message += "; it " + receipt->second;
  } else if (message != nullptr) {
    result.message = *message;
  } else if (task.state == task_state::placed) {
    result.message = "has its place on " + node + " and is to start there";
  } else {
    result.message = "is starting on " + node;
  }
  return result;
}

/// Of a task that may well run, on a node that is silent.
condition lost_task(const cluster& c, const job_spec& spec,
                    const task_record& task, timestamp now) {
  auto& name = c.node_of(task);
  auto* node = c.find_node(name);
  condition result{task.state, reason::node_lost,
                   "nobody knows how it is: node " + name + " is silent"};
  if (node == nullptr || node->state == node_state::ready)
    return result;
  auto left
    = node->unhealthy_at + spec.replace_after.value_or(milliseconds{0}) - now;
  if (c.is_braked())
    result.message += ", as are most others: that looks like the network, so "
                      "it is not placed anew before they are heard or removed";
  else if (left.count() > 0)
    result.message
      += "; unless that is heard, it is placed anew in " + about(left);
  else
    result.message += "; it is placed anew after others that were lost";
  return result;
}

condition
ended_task(const job_record& job, const task_record& task, uint32_t index) {
  if (auto hit = job.hits.find(index); hit != job.hits.end()) {
    condition cached{task.state, reason::none, text_of(hit->second)};
    if (job.schedule && !job.stopped)
      cached.message += "; " + next_run_of(job);
    return cached;
  }
  condition result{task.state, task.why, end_of(job, task, index)};
  if (result.message.empty())
    result.message = task.state == task_state::succeeded
                       ? "it ended with exit code 0"
                       : "it is " + json::name_of(task.state);
  if (task.state == task_state::failed && job.spec->retries > 0
      && task.failures > job.spec->retries)
    result.message
      += "; it has no more runs to try, after " + std::to_string(task.failures);
  if (job.schedule && !job.stopped)
    result.message += "; " + next_run_of(job);
  return result;
}

} // namespace

std::string text_of_start(const reserved_head& x, timestamp now) {
  if (!x.places.overdue && x.places.at > now)
    return "is expected to start in " + about(x.places.at - now);
  return "starts nobody knows when: whoever has its place has run for longer "
         "than was expected";
}

uint32_t task_count(const job_record& job) {
  return std::max(job.wanted(), static_cast<uint32_t>(job.tasks.size()));
}

const task_record* record_of(const job_record& job, uint32_t index) {
  return index < job.tasks.size() ? &job.tasks[index] : nullptr;
}

task_state state_of(const job_record& job, uint32_t index) {
  if (auto* task = record_of(job, index))
    return task->state;
  return job.stopped ? task_state::stopped : task_state::pending;
}

const job_spec& spec_of(const job_record& job, uint32_t index) {
  auto* task = record_of(job, index);
  if (task == nullptr || task->attempt == 0
      || task->job_version == job.job_version
      || task->state == task_state::pending)
    return *job.spec;
  auto at = job.older.find(task->job_version);
  return at == job.older.end() ? *job.spec : *at->second;
}

condition wait_of(const cluster& c, const job_record& job, timestamp now) {
  if (job.held_back())
    return held_back(c, job);
  if (job.gated)
    return wait_of(*job.gang);
  if (job.spec->kind == job_kind::system)
    return job.requeued.empty()
             ? condition{task_state::pending, reason::none, {}}
             : wait_of_member(c, job, *job.requeued.begin());
  if (job.joined() > 0 && job.ready() == 0)
    return wait_of_joined(c, job, job.lookup->joined.begin()->first);
  auto& klass = c.queue().at(job.klass);
  condition result;
  if (!klass.blocked) {
    result.message = "it is next to be looked at";
    return result;
  }
  result.why = placement::main_reason(klass.refusal);
  auto& ahead = c.ahead();
  if (klass.behind && ahead)
    result.message = text_of_delay(*ahead, now);
  else if (result.why == reason::quota)
    result.message = text_of_quota(c, klass);
  else if (result.why == reason::unknown_scheduler)
    result.message = "no policy is named \"" + klass.policy
                     + "\"; the job is left alone until there is one";
  else
    result.message
      = (c.never_fits(klass) ? sentence_of(reason::never_fits) + ": "
                             : std::string{})
        + sentence_of(klass.refusal);
  if (ahead && ahead->job == job.name)
    result.message += "; it " + text_of_start(*ahead, now);
  return result;
}

condition told_wait_of(const cluster& c, const job_record& job, timestamp now) {
  auto result = wait_of(c, job, now);
  auto& klass = c.queue().at(job.klass);
  if (klass.is_parked() && is_about_room(result.why)) {
    result.why = reason::retries_exhausted;
    result.message += "; tried " + std::to_string(klass.tries)
                      + " times, it is tried again when there is more room";
  }
  return result;
}

condition condition_of(const cluster& c, const job_record& job, uint32_t index,
                       timestamp now) {
  auto* task = record_of(job, index);
  if (task == nullptr && job.lookup && job.lookup->joined.contains(index))
    return wait_of_joined(c, job, index);
  if (task == nullptr)
    return job.stopped ? condition{task_state::stopped, reason::stopped_by_user,
                                   "stopped before it was placed"}
                       : told_wait_of(c, job, now);
  switch (task->state) {
  case task_state::pending:
    return waiting_task(c, job, *task, index, now);
  case task_state::placed:
  case task_state::starting:
  case task_state::running:
    return live_task(c, job, *task, index);
  case task_state::lost:
    return lost_task(c, spec_of(job, index), *task, now);
  case task_state::succeeded:
  case task_state::failed:
  case task_state::stopped:
  case task_state::cached:
    break;
  }
  return ended_task(job, *task, index);
}

uint32_t delayed(const job_record& job) {
  auto waiting = job.in_state(task_state::pending);
  auto undelayed = job.waiting() + static_cast<uint32_t>(job.holds.size());
  return waiting > undelayed ? waiting - undelayed : 0;
}

std::optional<timestamp> first_due(const job_record& job) {
  auto left = delayed(job);
  auto most = std::min<size_t>(job.tasks.size(), counted_tasks_max);
  std::optional<timestamp> result;
  for (size_t i = 0; i < most && left > 0; ++i)
    if (auto due = job.tasks[i].not_before;
        due && !job.requeued.contains(static_cast<uint32_t>(i))) {
      result = std::min(result.value_or(due), due);
      --left;
    }
  return result;
}

std::map<std::string, uint32_t>
reasons_of(const cluster& c, const job_record& job) {
  std::map<std::string, uint32_t> result;
  auto add = [&](reason why, uint32_t tasks) {
    if (why != reason::none && tasks > 0)
      result[json::name_of(why)] += tasks;
  };
  add(reason::backoff, delayed(job));
  for (auto& [index, kept] : job.holds)
    add(kept.why, 1);
  if (job.spec->kind == job_kind::system && !job.held_back())
    for (auto index : job.requeued)
      add(wait_of_member(c, job, index).why, 1);
  else if (auto waiting = job.waiting() - job.joined(); waiting > 0)
    add(wait_of(c, job).why, waiting);
  add(reason::waiting_for_result, job.joined());
  auto left = job.in_state(task_state::failed) + job.in_state(task_state::lost);
  auto most = std::min<size_t>(job.tasks.size(), counted_tasks_max);
  for (size_t i = 0; i < most && left > 0; ++i) {
    auto& task = job.tasks[i];
    if (task.state != task_state::failed && task.state != task_state::lost)
      continue;
    add(task.why, 1);
    --left;
  }
  return result;
}

} // namespace troupe::runtime::views
