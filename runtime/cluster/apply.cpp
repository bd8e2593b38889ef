// The fold: what each fact does to the state. Nothing is decided here, so that
// a journal gives the same state whoever reads it.

#include <algorithm>
#include <utility>

#include "messages/contract.hpp"

#include "runtime/cluster/cluster.hpp"
#include "runtime/cluster/job_upkeep.hpp"
#include "runtime/cluster/node_rows.hpp"
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

/// As it is from now on it may fit.
void let_try(gang_record& gang) {
  gang.blocked = false;
  gang.tries = 0;
  gang.retry_at = {};
}

} // namespace

void cluster::say(fact x) {
  if (rehearsing_)
    return;
  events_.push_back({version_ + 1, now_, std::move(x)});
  // A fold may append work, never events: the reference stays good.
  fold_event(events_.back());
}

void cluster::apply(const event& x) {
  folding_ = true;
  fold_event(x);
  folding_ = false;
  helped_.clear();
  populated_.clear();
  dependents_.forget_ends();
  idle_.clear();
  nodes_due_.clear();
  members_due_.clear();
}

void cluster::fold_event(const event& x) {
  TROUPE_ASSERT(x.version == version_ + 1);
  version_ = x.version;
  now_ = x.time;
  said_at_ = x.time;
  std::visit([this](const auto& y) { fold(y); }, x.what);
  note_for_members(x.what);
}

// -- jobs --------------------------------------------------------------------

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

// -- tasks -------------------------------------------------------------------

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

// -- nodes -------------------------------------------------------------------

void cluster::fold(const node_joined& x) {
  ++node_changes_;
  auto [at, is_new] = nodes_.try_emplace(x.node);
  auto& node = at->second;
  auto labels_changed = is_new || node.profile.labels != x.profile.labels;
  node.profile = x.profile;
  if (labels_changed)
    node.labels = x.profile.labels;
  if (is_new) {
    node.joined_at = now_;
    node.row = table_.add(row_of(node, overcommit_of(node)));
    if (rows_.size() <= node.row)
      rows_.resize(node.row + 1);
    rows_[node.row] = &node;
    node.name = names_.enter(x.node);
  } else {
    auto row = row_of(node, overcommit_of(node));
    table_.change(node.row, row.labels, row.weight, row.overcommit);
    table_.change_capacity(node.row, row.capacity);
  }
  mark_lost(node, false);
  close_or_open(node);
}

void cluster::fold(const node_unhealthy& x) {
  auto& node = *node_called(x.node);
  mark_lost(node, true);
  close_or_open(node);
}

void cluster::fold(const node_ready& x) {
  auto& node = *node_called(x.node);
  mark_lost(node, false);
  close_or_open(node);
}

/// Nobody knows how tasks of a silent node are; once it is back they are as they
/// were, until it says otherwise.
void cluster::mark_lost(node_record& node, bool lost) {
  auto was_braked = is_braked();
  node.state = lost ? node_state::unhealthy : node_state::ready;
  node.leaving = false;
  node.gave_up_at = {};
  if (lost) {
    node.unhealthy_at = now_;
    silent_.insert(node.profile.name);
  } else {
    node.unhealthy_at = {};
    silent_.erase(node.profile.name);
  }
  if (was_braked && !is_braked())
    mending_since_ = now_;
  for (auto& [allocation, place] : node.allocations) {
    auto& task = place.job->tasks[place.index];
    if (lost)
      set_state(*place.job, task, task_state::lost);
    else if (task.state == task_state::lost)
      set_state(*place.job, task,
                task.started_at ? task_state::running
                : task.accepted ? task_state::starting
                                : task_state::placed);
  }
}

void cluster::fold(const node_removed& x) {
  ++node_changes_;
  auto at = nodes_.find(x.node);
  TROUPE_ASSERT(at->second.allocations.empty());
  drop_holds_on(at->second);
  table_.remove(at->second.row);
  rows_[at->second.row] = nullptr;
  silent_.erase(x.node);
  draining_.erase(x.node);
  agenda_.forget_visit(at->second);
  forget_members(at->second);
  nodes_.erase(at);
}

void cluster::fold(const node_cordoned& x) {
  auto& node = *node_called(x.node);
  node.eligibility
    = x.cordoned ? node_eligibility::cordoned : node_eligibility::eligible;
  node.drain_deadline = {};
  draining_.erase(x.node);
  close_or_open(node);
}

void cluster::fold(const node_draining& x) {
  auto& node = *node_called(x.node);
  node.eligibility = node_eligibility::draining;
  node.drain_deadline = x.deadline;
  draining_.insert(x.node);
  close_or_open(node);
}

void cluster::fold(const node_drained& x) {
  auto& node = *node_called(x.node);
  node.eligibility = node_eligibility::drained;
  node.drain_deadline = {};
  draining_.erase(x.node);
  close_or_open(node);
}

void cluster::fold(const node_troubled& x) {
  auto& node = *node_called(x.node);
  node.troubled = x.drivers;
  node.trouble = x.drivers.empty() ? "" : x.message;
  auto row = row_of(node, overcommit_of(node));
  table_.change(node.row, row.labels, row.weight, row.overcommit);
  helped_.push_back(node.row);
}

void cluster::fold(const node_labelled& x) {
  ++node_changes_;
  auto& node = *node_called(x.node);
  node.labels = x.labels;
  node.weight = x.weight;
  node.overcommit = x.overcommit;
  auto row = row_of(node, overcommit_of(node));
  table_.change(node.row, row.labels, row.weight, row.overcommit);
  helped_.push_back(node.row);
}

// -- the rest ----------------------------------------------------------------

void cluster::fold(const leader_elected&) {
  term_ = version_;
}

} // namespace troupe::runtime
