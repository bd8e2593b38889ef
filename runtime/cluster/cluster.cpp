#include "runtime/cluster/cluster.hpp"

#include <algorithm>

#include "messages/contract.hpp"

#include "runtime/cluster/gang_members.hpp"
#include "runtime/placement/explain.hpp"

namespace troupe::runtime {

cluster::cluster(cluster_options options) : cluster_state(options) {
  // nop
}

// -- deciding ----------------------------------------------------------------

void cluster::begin_step(step_kind kind, timestamp now) {
  recorder_.begin(kind, now_, events_.size());
  now_ = std::max(now_, now);
}

void cluster::end_step() {
  now_ = recorder_.end(events_, now_);
}

expected<outcome, refusal> cluster::decide(const command& x, timestamp now) {
  begin_step(step_kind::command, now);
  auto result = std::visit([this](const auto& y) { return on(y); }, x);
  settle();
  end_step();
  if (result) {
    result->version = version_;
    result->term = term_;
  }
  return result;
}

expected<outcome, refusal> cluster::rehearse(const command& x, timestamp now) {
  auto before = now_;
  now_ = std::max(now_, now);
  rehearsing_ = true;
  auto result = std::visit([this](const auto& y) { return on(y); }, x);
  rehearsing_ = false;
  now_ = before;
  if (result) {
    result->version = version_;
    result->term = term_;
  }
  return result;
}

void cluster::advance(timestamp now) {
  auto due = next_wake();
  begin_step(step_kind::time, now);
  if (due && *due <= now_)
    recorder_.stir();
  release_late_holds();
  pass_gang_times();
  waiting_.wake_due(now_);
  while (auto delayed = agenda_.take_delayed(now_)) {
    auto [born, index] = *delayed;
    auto& job = *jobs_by_birth_.at(born);
    enter_queue(job, index);
    refresh(job);
    help_member(job, index);
  }
  while (auto born = agenda_.job_due(now_)) {
    auto& job = *jobs_by_birth_.at(*born);
    agenda_.forget_visit(job);
    roll(job);
  }
  while (auto name = agenda_.node_due(now_)) {
    auto& node = *node_called(*name);
    agenda_.forget_visit(node);
    visit(node);
  }
  while (auto born = agenda_.tick_due(now_))
    tick(*jobs_by_birth_.at(*born));
  settle();
  end_step();
}

std::optional<timestamp> cluster::next_wake() const {
  auto result = agenda_.next();
  auto consider = [&](timestamp x) {
    if (!result || x < *result)
      result = x;
  };
  if (auto due = waiting_.next_try())
    consider(*due);
  if (lookups_.due() != nullptr)
    consider(now_);
  return result;
}

std::vector<event> cluster::take_events() {
  return std::exchange(events_, {});
}

std::vector<node_work> cluster::take_work() {
  return std::exchange(work_, {});
}

void cluster::settle() {
  place_held_tasks();
  check_gangs();
  // What ends without a run may be what others wait for.
  auto lookups = options_.lookups_max;
  do {
    start_queued_runs();
    wake_dependents();
  } while (give_results(lookups));
  settle_members();
  wake_quotas();
  if (!helped_.empty() || !populated_.empty()) {
    recorder_.stir();
    waiting_.note_help();
    std::sort(helped_.begin(), helped_.end());
    helped_.erase(std::unique(helped_.begin(), helped_.end()), helped_.end());
    auto fits = [this](const placement::task_class& c) {
      return [this, &c](placement::node_index n) {
        return n < rows_.size() && rows_[n] != nullptr
               && placement::could_fit(table_, c, n);
      };
    };
    waiting_.wake_if([&](const waiting::job_class& x) {
      if ((!x.blocked && !batch_open_) || left_for(x) == 0)
        return false;
      auto could_be_made = [&](placement::node_index n) {
        return n < rows_.size() && rows_[n] != nullptr
               && tenants_.could_make_room(table_, n, *x.of, x.priority);
      };
      return std::any_of(helped_.begin(), helped_.end(), fits(*x.of))
             || (tenants_.any_below(x.priority)
                 && std::any_of(helped_.begin(), helped_.end(), could_be_made))
             || (!x.of->colocate_with.empty()
                 && std::any_of(populated_.begin(), populated_.end(),
                                fits(*x.of)));
    });
    wake_gangs();
    helped_.clear();
    populated_.clear();
  }
  forget_old_jobs();
}

/// Lets those try that waited for room under a limit.
void cluster::wake_quotas() {
  auto freed = quotas_.take_freed();
  if (freed.empty())
    return;
  auto concerns = [&](const waiting::job_class& x) {
    return left_for(x) > 0
           && std::any_of(x.quotas.begin(), x.quotas.end(),
                          [&](auto& name) { return freed.contains(name); });
  };
  waiting_.wake_if(
    [&](const waiting::job_class& x) { return x.blocked && concerns(x); });
  for (auto& [name, gang] : gangs_)
    if (gang.blocked && gang.why == reason::quota
        && std::any_of(gang.jobs.begin(), gang.jobs.end(), [&](auto& x) {
             return concerns(waiting_.at(x.second->klass));
           })) {
      gang.blocked = false;
      list_gang(gang, members_of(gang));
    }
}

// -- upkeep ------------------------------------------------------------------

job_record* cluster::job_called(std::string_view name) {
  auto at = jobs_.find(name);
  return at == jobs_.end() ? nullptr : &at->second;
}

node_record* cluster::node_called(std::string_view name) {
  auto at = nodes_.find(name);
  return at == nodes_.end() ? nullptr : &at->second;
}

task_record& cluster::materialise(job_record& job, uint32_t index) {
  while (job.tasks.size() <= index) {
    enter_queue(job, static_cast<uint32_t>(job.tasks.size()));
    job.tasks.emplace_back();
    ++job.by_state[static_cast<size_t>(task_state::pending)];
  }
  return job.tasks[index];
}

void cluster::enter_class(job_record& job) {
  auto klass = class_of(*job.spec);
  auto policy
    = job.spec->scheduler == "default" ? klass.strategy : job.spec->scheduler;
  job.klass = waiting_.acquire(std::move(klass), std::move(policy),
                               job.spec->priority, group_of(settings_, job),
                               quotas_.of(*job.spec), estimate_of(*job.spec));
  job.classes.try_emplace(job.job_version, waiting_.at(job.klass).of);
}

void cluster::leave_class(job_record& job) {
  if (job.queued) {
    waiting_.erase(job, *job.queued);
    job.queued.reset();
  }
  waiting_.release(job.klass);
}

void cluster::take_its_place(job_record& job) {
  auto wanted = job.ready() > 0;
  if (job.queued && !wanted) {
    waiting_.erase(job, *job.queued);
    job.queued.reset();
  } else if (!job.queued && wanted) {
    job.queued = key_of(job);
    waiting_.insert(job, *job.queued);
  }
}

void cluster::refresh(job_record& job) {
  take_its_place(job);
  lookups_.list(job);
  if (job.schedule && job.schedule->queued_at && !job.run_under_way()
      && !folding_)
    idle_.insert(job.born);
  auto over = job.over();
  if (over && job.finished_at == 0) {
    // Two jobs may end with one fact only if one replaces the other.
    job.finished_at = version_;
    job.finished_tasks = job.count;
    list_finished(job);
  } else if (!over && job.finished_at != 0) {
    finished_.remove(job);
    job.finished_at = 0;
  }
  if (job.gang != nullptr)
    refresh_gang(*job.gang);
}

void cluster::wait_for_place(job_record& job, uint32_t index,
                             timestamp not_before) {
  if (not_before > now_) {
    agenda_.delay(job, index, not_before);
  } else {
    enter_queue(job, index);
  }
}

void cluster::stop_waiting(job_record& job, uint32_t index) {
  job.requeued.erase(index);
  job.avoid.erase(index);
  job.hits.erase(index);
  lookups_.forget(job, index);
  agenda_.forget_delay(job, index);
  drop_hold(job, index);
}

void cluster::free_capacity(job_record& job, uint32_t index) {
  auto& task = job.tasks[index];
  auto& node = *node_called(node_of(task));
  auto& klass = *job.classes.at(task.job_version);
  placement::occupation held;
  if (auto at = job.occupations.find(index); at != job.occupations.end()) {
    held = std::move(at->second);
    job.occupations.erase(at);
  }
  table_.vacate(node.row, klass, held);
  node.reserved -= klass.request;
  move_out(job, index, node);
  node.allocations.erase(task.allocation);
  lookups_.end(job, index);
  note_left(node, task.allocation);
  helped_.push_back(node.row);
  auto of_version = job.held.find(task.job_version);
  if (--of_version->second > 0)
    return;
  job.held.erase(of_version);
  if (task.job_version != job.job_version) {
    job.older.erase(task.job_version);
    job.classes.erase(task.job_version);
  }
}

void cluster::erase_job(job_record& job) {
  for (uint32_t i = 0; i < job.tasks.size(); ++i) {
    TROUPE_ASSERT(!holds_capacity(job.tasks[i].state));
    stop_waiting(job, i);
  }
  agenda_.forget_visit(job);
  lookups_.clear(job);
  leave_class(job);
  await_jobs(job, {});
  agenda_.forget_tick(job);
  finished_.remove(job);
  leave_gang(job);
  system_jobs_.erase(job.born);
  jobs_by_birth_.erase(job.born);
  jobs_.erase(jobs_.find(job.name));
}

void cluster::close_or_open(node_record& node) {
  auto why = reason::none;
  if (node.state != node_state::ready || !node.strays.empty()
      || (node.quarantine.active && !node.quarantine.open))
    why = reason::unhealthy;
  else if (node.eligibility == node_eligibility::draining
           || node.eligibility == node_eligibility::drained)
    why = reason::drained;
  else if (node.eligibility != node_eligibility::eligible)
    why = reason::cordoned;
  table_.close(node.row, why);
  // One with strays is only closed until they are gone.
  if (node.state != node_state::ready
      || node.eligibility != node_eligibility::eligible)
    drop_holds_on(node);
  if (why == reason::none)
    helped_.push_back(node.row);
}

void cluster::give(const std::string& node, work_item item) {
  if (folding_ || rehearsing_)
    return;
  work_.push_back({node, std::move(item)});
}

} // namespace troupe::runtime
