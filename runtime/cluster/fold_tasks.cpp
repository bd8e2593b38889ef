// What facts about tasks and their places do to the state.

#include <algorithm>
#include <utility>

#include "runtime/cluster/cluster.hpp"
#include "runtime/cluster/job_upkeep.hpp"
#include "runtime/cluster/places.hpp"
#include "runtime/cluster/work_items.hpp"

namespace troupe::runtime {

namespace {

std::string
text_in(const std::map<uint32_t, std::string>& texts, uint32_t index) {
  auto at = texts.find(index);
  return at == texts.end() ? std::string{} : at->second;
}

/// Says whose place a task took.
std::string receipt_of(const hold_record& x) {
  constexpr size_t named = 5;
  std::string result;
  for (size_t i = 0; i < std::min(x.victims.size(), named); ++i)
    result += (i == 0 ? "took the place of " : ", ") + to_string(x.victims[i]);
  if (x.victims.size() > named)
    result += " and " + std::to_string(x.victims.size() - named) + " more";
  return result.empty() ? result : result + ", which it preempted";
}

} // namespace

void cluster::fold(const task_placed& x) {
  auto& job = *job_called(x.task.job);
  auto& node = *node_called(x.node);
  auto index = x.task.index;
  auto& task = materialise(job, index);
  auto kept = take_hold(job, index);
  stop_waiting(job, index);
  if (task.attempt > 0) {
    auto text = text_in(job.messages, index);
    if (text.empty())
      text = text_in(job.receipts, index);
    archive(job, index,
            {task.attempt, task.allocation, node_of(task), task.ended_as,
             task.why, std::move(text),
             task.has_exit_code ? std::optional{task.exit_code} : std::nullopt,
             task.placed_at, task.started_at, task.ended_at},
            options_.attempts_max);
  }
  job.messages.erase(index);
  job.receipts.erase(index);
  if (kept)
    if (auto receipt = receipt_of(*kept); !receipt.empty())
      job.receipts[index] = std::move(receipt);
  auto failures = task.failures;
  auto state = task.state;
  task = task_record{};
  task.state = state;
  task.failures = failures;
  task.attempt = x.attempt;
  task.node = node.name;
  task.job_version = job.job_version;
  task.allocation = {version_};
  task.placed_at = now_;
  set_state(job, task, task_state::placed);
  if (is_cached(*job.spec)) {
    enter_identical(job, index, *cache_key_of(job, index));
    results_.note_miss();
  }
  auto& klass = *job.classes.at(job.job_version);
  placement::occupation held{x.gpus, {}};
  for (auto& port : x.ports)
    held.ports.push_back(port.host);
  auto ordered = ports_in_order(*job.spec, held.ports);
  // What was kept is in the table already.
  if (!held_ && !kept)
    table_.occupy_again(node.row, klass, {held.gpus, ordered});
  if (klass.chosen_ports > 0 && !kept)
    node.last_port = ordered.back();
  if (!held.gpus.empty() || !held.ports.empty())
    job.occupations[index] = std::move(held);
  ++job.held[job.job_version];
  node.reserved += klass.request;
  node.allocations[task.allocation] = {&job, index};
  move_in(job, index, node);
  if (!klass.labels.empty())
    populated_.push_back(node.row);
  if (node.quarantine.open) {
    // One probe at a time.
    node.quarantine.open = false;
    close_or_open(node);
    agenda_.visit(node, now_ + options_.probe_time);
  }
  refresh(job);
  give(x.node, item_of(work_kind::start, job, index));
}

void cluster::fold(const task_starting& x) {
  auto& job = *job_called(x.task.job);
  auto& task = job.tasks[x.task.index];
  // What a silent node says late is noted; it is lost until the node is back.
  if (task.state != task_state::lost)
    set_state(job, task, task_state::starting);
  task.accepted = true;
  // Why it stops is of more interest.
  if (!task.stopping)
    set_message(job, x.task.index, x.message);
}

void cluster::fold(const task_started& x) {
  auto& job = *job_called(x.task.job);
  auto& task = job.tasks[x.task.index];
  if (task.state != task_state::lost)
    set_state(job, task, task_state::running);
  task.accepted = true;
  task.started_at = now_;
  set_since(job, x.task.index);
  if (job.spec_of(task.job_version)->health)
    task.health = task_health::unknown;
  else
    task.ready_at = now_;
  if (!task.stopping)
    job.messages.erase(x.task.index);
}

void cluster::fold(const task_health_changed& x) {
  auto& task = job_called(x.task.job)->tasks[x.task.index];
  task.health = x.health;
  task.ready_at = x.health == task_health::healthy ? now_ : timestamp{};
}

void cluster::fold(const task_stopping& x) {
  auto& job = *job_called(x.task.job);
  auto& task = job.tasks[x.task.index];
  job.leaving += task.stopping ? 0 : 1;
  task.stopping = true;
  task.restart = x.restart;
  task.why = x.why;
  tenants_.set_leaving(node_called(node_of(task))->row, task.allocation.value,
                       !x.restart);
  if (!x.message.empty())
    job.messages[x.task.index] = x.message;
  auto item = item_of(work_kind::stop, job, x.task.index);
  item.why = x.why;
  give(node_of(task), std::move(item));
  if (job.gang != nullptr)
    refresh_gang(*job.gang);
}

void cluster::fold(const task_ended& x) {
  auto& job = *job_called(x.task.job);
  auto index = x.task.index;
  auto& task = materialise(job, index);
  if (x.restarts)
    return restart_in_place(job, index, x);
  job.leaving -= task.stopping ? 1 : 0;
  if (holds_capacity(task.state)) {
    keep_result(job, index, x);
    note_end(*node_called(node_of(task)), x, task);
    free_capacity(job, index);
  } else {
    stop_waiting(job, index);
  }
  // A service that ran for long begins with short delays again; the retries of
  // a batch task are counted over its whole life.
  auto service = job.spec->kind != job_kind::batch;
  auto ran = task.started_at ? now_ - task.started_at : milliseconds{0};
  if (service && ran > job.spec->restart.window)
    task.failures = 0;
  if (x.state == task_state::failed
      || (x.state == task_state::succeeded && service))
    ++task.failures;
  task.stopping = false;
  task.why = x.why;
  task.has_exit_code = x.exit_code.has_value();
  task.exit_code = x.exit_code.value_or(0);
  task.ended_at = now_;
  task.ended_as = x.state;
  task.health = task_health::none;
  task.ready_at = {};
  set_message(job, index, x.message);
  // One that is given up holds nothing any more; that it is placed anew is the
  // next fact.
  set_state(job, task,
            x.state == task_state::lost ? task_state::failed : x.state);
  trim(job);
  refresh(job);
}

/// The next attempt has the allocation and all that it holds; that somebody wants
/// it to stop holds for it as well.
void cluster::restart_in_place(job_record& job, uint32_t index,
                               const task_ended& x) {
  auto& task = job.tasks[index];
  archive(job, index,
          {x.attempt, task.allocation, node_of(task), x.state, x.why, x.message,
           x.exit_code, task.placed_at, task.started_at, now_},
          options_.attempts_max);
  if (!task.stopping) {
    task.why = reason::none;
    job.messages.erase(index);
  }
  task.attempt = x.attempt + 1;
  task.health = task_health::none;
  task.has_exit_code = false;
  task.exit_code = 0;
  task.placed_at = now_;
  task.started_at = {};
  task.ended_at = {};
  task.ready_at = {};
  task.accepted = true;
  set_since(job, index);
  if (task.state != task_state::lost)
    set_state(job, task, task_state::starting);
}

void cluster::fold(const task_preempted& x) {
  auto& job = *job_called(x.task.job);
  auto& task = job.tasks[x.task.index];
  job.leaving += task.stopping ? 0 : 1;
  task.stopping = true;
  task.restart = true;
  task.why = x.why;
  set_message(job, x.task.index, x.message);
  tenants_.set_leaving(node_called(x.node)->row, task.allocation.value, true);
  auto item = item_of(work_kind::stop, job, x.task.index);
  item.why = x.why;
  give(x.node, std::move(item));
  if (job.gang != nullptr)
    refresh_gang(*job.gang);
}

void cluster::fold(const place_held& x) {
  auto& job = *job_called(x.task.job);
  auto& node = *node_called(x.node);
  materialise(job, x.task.index);
  stop_waiting(job, x.task.index);
  hold_record kept;
  kept.node = node.name;
  kept.held.gpus = x.gpus;
  for (auto& port : x.ports)
    kept.held.ports.push_back(port.host);
  kept.awaits = {x.awaits.begin(), x.awaits.end()};
  kept.victims = x.victims;
  kept.why = x.why;
  kept.until = x.until;
  if (job.classes.at(job.job_version)->chosen_ports > 0)
    node.last_port = ports_in_order(*job.spec, kept.held.ports).back();
  hold(job, x.task.index, node, std::move(kept));
  refresh(job);
}

void cluster::fold(const place_released& x) {
  auto& job = *job_called(x.task.job);
  stop_waiting(job, x.task.index);
  wait_for_place(job, x.task.index, {});
  refresh(job);
}

void cluster::fold(const task_requeued& x) {
  auto& job = *job_called(x.task.job);
  auto& task = materialise(job, x.task.index);
  stop_waiting(job, x.task.index);
  // Whoever starts a task of a job that is asleep wants a run now.
  if (job.schedule)
    job.schedule->asleep = false;
  task.stopping = false;
  task.restart = false;
  // The message and reason of the end stay: they say why it waits again.
  if (x.why != reason::none)
    task.why = x.why;
  if (!x.message.empty())
    job.messages[x.task.index] = x.message;
  set_state(job, task, task_state::pending);
  wait_for_place(job, x.task.index, x.not_before);
  if (auto node = names_.find(x.avoid))
    job.avoid[x.task.index] = *node;
  refresh(job);
}

} // namespace troupe::runtime
