// What nodes tell of their tasks.

#include <algorithm>
#include <cmath>

#include "messages/json.hpp"

#include "runtime/cluster/cluster.hpp"
#include "runtime/cluster/work_items.hpp"

namespace troupe::runtime {

namespace {

/// What a node says to people about one task.
constexpr size_t message_bytes_max = 1'024;

/// Attempts of which nobody has told. A machine that is further ahead is broken.
constexpr uint32_t attempts_ahead_max = 1'000'000;

/// Before a task is placed again that a driver could not run: a node that says so
/// is asked nothing more within a heartbeat or two.
constexpr milliseconds driver_pause{1'000};

/// Ends that are not the task's own doing: they never use up its retries.
bool is_misfortune(reason x) {
  return x == reason::node_lost || x == reason::port_in_use
         || x == reason::preempted || x == reason::drained;
}

/// Ends after which another node may do better.
bool is_own_fault(reason x) {
  return x == reason::exit_code || x == reason::signal
         || x == reason::out_of_memory || x == reason::unhealthy
         || x == reason::image_not_found || x == reason::driver_error
         || x == reason::timed_out;
}

bool is_preempted(const task_record& x) {
  return x.stopping && x.restart && x.why == reason::preempted;
}

std::string_view message_of(const job_record& job, uint32_t index) {
  auto at = job.messages.find(index);
  return at == job.messages.end() ? std::string_view{} : at->second;
}

std::string plural(uint32_t n, const std::string& word) {
  return std::to_string(n) + ' ' + word + (n == 1 ? "" : "s");
}

milliseconds
backoff_of(const job_record& job, uint32_t failures, milliseconds most) {
  auto& rule = job.spec->restart;
  if (rule.delay.count() == 0)
    return milliseconds{0};
  auto power = static_cast<double>(std::min(failures, 64U)) - 1;
  auto delay = static_cast<double>(rule.delay.count())
               * std::pow(rule.backoff, std::max(power, 0.0));
  auto limit = static_cast<double>(most.count());
  return milliseconds{static_cast<int64_t>(std::min(delay, limit))};
}

} // namespace

expected<outcome, refusal> cluster::on(const take_reports& x) {
  auto* node = node_called(x.node);
  if (node == nullptr)
    return make_unexpected(
      refusal{refusal_kind::not_found,
              "there is no node \"" + x.node + "\"; register it first",
              {}});
  if (rehearsing_)
    return outcome{};
  for (auto& report : x.reports) {
    if (report.message.size() <= message_bytes_max) {
      take_report(*node, report);
      continue;
    }
    auto shorter = report;
    shorter.message = json::readable(report.message, message_bytes_max);
    take_report(*node, shorter);
  }
  return outcome{};
}

void cluster::take_report(node_record& node, const task_report& x) {
  if (hear_member(node, x))
    return;
  // A worker that speaks HTTP may name the attempt instead of the allocation.
  auto allocation = x.allocation;
  if (!allocation)
    if (auto* task = find_task(x.task);
        task != nullptr && task->attempt == x.attempt)
      allocation = task->allocation;
  auto at = node.allocations.find(allocation);
  if (at == node.allocations.end()) {
    // It goes on there: what it is at now is said by what follows.
    if (x.restarts)
      return;
    // Given up long ago, or ended and already known: it may go.
    work_item item;
    item.task = x.task;
    item.attempt = x.attempt;
    item.allocation = allocation;
    item.kind = is_final(x.state) || x.state == task_state::lost
                  ? work_kind::forget
                  : work_kind::stop;
    auto& step = recorder_.present();
    if (item.kind == work_kind::forget) {
      if (node.strays.erase(allocation) > 0)
        note_stray(node, allocation, step.gone, step.strays);
    } else if (node.strays.insert(allocation).second) {
      note_stray(node, allocation, step.strays, step.gone);
    }
    give(node.profile.name, std::move(item));
    return;
  }
  auto [job, index] = at->second;
  if (!take_attempt(*job, index, x))
    return;
  auto& task = job->tasks[index];
  switch (x.state) {
  case task_state::starting:
    if (task.state == task_state::placed
        || (task.state == task_state::lost && !task.accepted)
        || (task.state == task_state::starting
            && message_of(*job, index) != x.message))
      say(task_starting{{job->name, index}, node.profile.name, x.message});
    break;
  case task_state::running:
    if (!task.started_at) {
      say(task_started{{job->name, index}, node.profile.name});
      // Its successor runs: the next one of an older version may go.
      roll(*job);
    }
    if (task.health != x.health && x.health != task_health::none) {
      say(task_health_changed{{job->name, index}, x.health, x.message});
      roll(*job);
    }
    break;
  case task_state::succeeded:
  case task_state::failed:
  case task_state::stopped:
  case task_state::lost: {
    if (x.restarts) {
      restart_attempt(*job, index, x);
      break;
    }
    // Only what its machine knows to have ended may be forgotten there.
    auto forget = item_of(work_kind::forget, *job, index);
    end_attempt(*job, index, x);
    give(node.profile.name, std::move(forget));
    break;
  }
  case task_state::pending:
  case task_state::placed:
  case task_state::cached:
    // Not for a node to say.
    break;
  }
}

/// No fact tells what runs on a node that is not to run there.
void cluster::note_stray(node_record& node, allocation_id allocation,
                         std::vector<allocation_id>& in,
                         std::vector<allocation_id>& not_in) {
  close_or_open(node);
  recorder_.present().node = node.profile.name;
  recorder_.stir();
  if (std::erase(not_in, allocation) == 0)
    in.push_back(allocation);
}

/// Compares the attempt that `x` is about with the present one. Returns false if
/// that is over and known. Of attempts that nobody has told of, since a machine
/// remembers only the last of them, the end is said here.
bool cluster::take_attempt(job_record& job, uint32_t index,
                           const task_report& x) {
  auto& task = job.tasks[index];
  // A worker that speaks HTTP may leave the attempt out.
  if (x.attempt == 0 || x.attempt == task.attempt)
    return true;
  if (x.attempt < task.attempt || x.attempt - task.attempt > attempts_ahead_max)
    return false;
  auto miss = [&](uint32_t attempt) {
    say(task_ended{{job.name, index},
                   attempt,
                   node_of(task),
                   task_state::failed,
                   reason::none,
                   "it was started again on its node; nobody has told how it "
                   "ended",
                   std::nullopt,
                   true});
  };
  miss(task.attempt);
  // Of many, the present one and the last are told.
  if (task.attempt < x.attempt)
    miss(x.attempt - 1);
  return true;
}

/// Notes that an attempt has ended and that its machine starts the next one: the
/// task keeps its place.
void cluster::restart_attempt(job_record& job, uint32_t index,
                              const task_report& x) {
  auto& task = job.tasks[index];
  // An attempt that started and ended between two reports did run.
  if (!task.started_at)
    say(task_started{{job.name, index}, node_of(task)});
  say(task_ended{{job.name, index},
                 task.attempt,
                 node_of(task),
                 x.state,
                 x.why,
                 x.message,
                 x.exit_code,
                 true});
}

void cluster::end_attempt(job_record& job, uint32_t index,
                          const task_report& x) {
  auto& task = job.tasks[index];
  // An attempt that started and ended between two reports did run.
  if (x.state == task_state::succeeded && !task.started_at)
    say(task_started{{job.name, index}, node_of(task)});
  // What a stop ends is stopped, whatever its exit code: it was not its own
  // doing. Nobody looks for a lost task that is not wanted any more.
  auto before = task;
  auto& node = *node_called(node_of(task));
  auto state = x.state;
  auto why = x.why;
  auto unwanted = !job.wants(index) || (task.stopping && !task.restart);
  auto killed = state == task_state::failed
                && (why == reason::exit_code || why == reason::signal);
  auto left
    = state == task_state::succeeded && job.spec->kind != job_kind::batch;
  auto keeps_result = state == task_state::succeeded
                      && is_cached(*job.spec_of(task.job_version));
  auto message = x.message;
  // What was preempted is not to blame for how it ended.
  if (is_preempted(before) && state != task_state::lost
      && (state != task_state::succeeded || left)) {
    state = task_state::stopped;
    why = reason::preempted;
    message = message_of(job, index);
  } else if ((task.stopping && (killed || left || state == task_state::stopped))
             || (unwanted && state == task_state::lost)) {
    state = task_state::stopped;
    // Who stopped it knows why; its machine knows only that it was told to.
    if (task.stopping) {
      why = task.why == reason::none ? reason::stopped_by_user : task.why;
      // Its exit code is that of the stop. A user who stops it says no more.
      if (x.exit_code && (task.restart || task.why != reason::stopped_by_user))
        message = message_of(job, index);
    } else if (job.stopped || job.spec->kind != job_kind::system)
      why = reason::stopped_by_user;
  }
  say(task_ended{{job.name, index},
                 task.attempt,
                 node_of(task),
                 state,
                 why,
                 std::move(message),
                 x.exit_code,
                 false,
                 keeps_result ? x.image_digest : std::string{}});
  judge(node, job, before, state);
  // The job may be forgotten with it.
  after_end(job, index, before);
  end_drain_if_empty(node);
}

/// Decides what follows from the end of an attempt, which was `before` until
/// then.
void cluster::after_end(job_record& job, uint32_t index,
                        const task_record& before) {
  if (!job.wants(index)) {
    if (job.forget && job.live() == 0)
      say(job_forgotten{job.name});
    return;
  }
  if (roll_back_if_bad(job, index, before))
    return;
  auto& task = job.tasks[index];
  auto service = job.spec->kind != job_kind::batch;
  // It goes with its node, which is known not to want it when this is settled.
  if (job.spec->kind == job_kind::system)
    if (auto* own = node_called(node_of(task));
        own != nullptr && !wants_member(job, *own))
      return;
  // It goes elsewhere if it can.
  auto node = is_own_fault(task.why) ? node_of(task) : std::string{};
  if (before.stopping && !before.restart) {
    // By a user: it stays so until somebody starts it again, however it ended.
  } else if (is_preempted(before)) {
    // One that had succeeded by then does so once.
    if (task.state != task_state::succeeded)
      start_again(job, index, task.why, "", milliseconds{0});
  } else if (before.restart) {
    start_again(job, index, reason::none, "", milliseconds{0});
  } else if (task.why == reason::driver_error
             && task.ended_as == task_state::lost) {
    // Its driver was away. That this node is no good now is known only later.
    start_again(job, index, task.why, "",
                std::max(job.spec->restart.delay, driver_pause), node_of(task));
  } else if (is_misfortune(task.why) || task.ended_as == task_state::lost) {
    auto wait = task.why == reason::port_in_use ? job.spec->restart.delay
                                                : milliseconds{0};
    start_again(job, index, task.why, "", wait,
                task.why == reason::port_in_use ? node_of(task) : "");
  } else if (task.state == task_state::stopped) {
    // By somebody on its machine, as if by a user.
  } else if (service) {
    start_again(job, index, task.why, "",
                backoff_of(job, task.failures, options_.backoff_max), node);
  } else if (task.state == task_state::failed
             && task.failures <= job.spec->retries) {
    start_again(job, index, task.why,
                "run " + std::to_string(task.failures) + " of "
                  + std::to_string(job.spec->retries + 1) + " failed, "
                  + plural(job.spec->retries + 1 - task.failures, "more run")
                  + " to try",
                backoff_of(job, task.failures, options_.backoff_max), node);
  }
  roll(job);
}

} // namespace troupe::runtime
