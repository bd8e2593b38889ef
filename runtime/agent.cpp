#include "runtime/agent.hpp"

#include <algorithm>

#include "runtime/restart.hpp"

namespace troupe::runtime {

namespace {

/// Reports on their way and not acknowledged.
constexpr size_t window = 2'048;
/// Reports in one message: below 256 kB with room to spare.
constexpr size_t batch_max = 512;
/// Allocations whose stop came before their start.
constexpr size_t refused_max = 4'096;

task_report first_report(const work_item& x) {
  task_report result;
  result.task = x.task;
  result.attempt = x.attempt;
  result.allocation = x.allocation;
  result.state = task_state::starting;
  return result;
}

/// Whether nothing follows on this machine.
bool is_over(const task_report& x) {
  return !x.restarts && (is_final(x.state) || x.state == task_state::lost);
}

} // namespace

agent::agent() : reports_(window) {
  // nop
}

void agent::adopt(work_item item, run_progress so_far, task_report last) {
  auto allocation = item.allocation;
  known_[allocation] = {std::move(item), std::move(so_far), std::move(last)};
}

agent::steps agent::take(const std::vector<work_item>& items) {
  steps result;
  for (auto& x : items) {
    auto at = known_.find(x.allocation);
    switch (x.kind) {
    case work_kind::start:
      if (auto gone = refused_.find(x.allocation); gone != refused_.end()) {
        reports_.push(gone->second);
      } else if (at == known_.end()) {
        known_[x.allocation] = {x, {.attempt = x.attempt}, first_report(x)};
        result.start.push_back(x);
      } else {
        // Heard before: say again what came of it.
        reports_.push(at->second.last);
      }
      break;
    case work_kind::stop:
      if (at == known_.end()) {
        auto report = first_report(x);
        report.state = task_state::stopped;
        report.why = x.why;
        report.message = "it was not running here";
        refused_[x.allocation] = report;
        // The oldest have the smallest numbers.
        if (refused_.size() > refused_max)
          refused_.erase(refused_.begin());
        reports_.push(std::move(report));
      } else if (is_over(at->second.last)) {
        reports_.push(at->second.last);
      } else {
        result.stop.push_back(x.allocation);
      }
      break;
    case work_kind::reserve: {
      // Nothing is kept but the promise: what it costs to keep it is known to
      // the controller alone.
      auto report = first_report(x);
      report.state = task_state::placed;
      reports_.push(std::move(report));
      break;
    }
    case work_kind::release:
      break;
    case work_kind::forget:
      result.forget.push_back(run(x.allocation));
      if (at != known_.end())
        known_.erase(at);
      break;
    }
  }
  return result;
}

std::optional<run_progress> agent::note(task_report report) {
  auto at = known_.find(report.allocation);
  // After its end nothing becomes of it.
  if (at == known_.end() || is_over(at->second.last)
      || report.attempt < at->second.progress.attempt)
    return std::nullopt;
  auto& [item, progress, last] = at->second;
  auto changed = false;
  if (report.restarts) {
    changed = true;
    auto plan = plan_restart(item.spec->restart, progress.restarts, report.at);
    progress.restarts = plan.value_or(std::vector{report.at});
    progress.attempt = report.attempt + 1;
    progress.begun = false;
    progress.burst = {};
    progress.ends.push_back(report);
    if (progress.ends.size() > ends_max)
      progress.ends.erase(progress.ends.begin());
  } else if (report.state == task_state::running && !progress.begun) {
    changed = true;
    progress.begun = true;
  } else if (report.why == reason::timed_out) {
    // Its driver knows only that it was stopped: a later life, in which this end
    // is not acknowledged yet, would start it again.
    changed = true;
    progress.stopping = report.why;
    progress.stop_message = report.message;
  }
  last = report;
  if (report.restarts)
    tell_end(report);
  else
    reports_.push(std::move(report));
  return changed ? std::optional{progress} : std::nullopt;
}

void agent::tell_end(const task_report& x) {
  ends_[reports_.push(x)] = {x.allocation, x.attempt};
}

std::vector<task_report> agent::join() {
  // The numbers go on: what is still acknowledged of the connection before is
  // nothing of this one.
  reports_.clear(reports_.last());
  ends_.clear();
  std::vector<task_report> result;
  result.reserve(known_.size());
  for (auto& [allocation, x] : known_) {
    auto& ends = x.progress.ends;
    result.insert(result.end(), ends.begin(), ends.end());
    result.push_back(x.last);
    if (x.last.restarts) {
      result.back() = first_report(x.item);
      result.back().attempt = x.progress.attempt;
      result.back().at = x.last.at;
    }
    // What a hello says is not acknowledged. So these are said once more.
    std::for_each(ends.begin(), ends.end(),
                  [this](auto& end) { tell_end(end); });
  }
  return result;
}

std::optional<run_progress>
agent::want_stop(allocation_id x, reason why, std::string message) {
  auto at = known_.find(x);
  if (at == known_.end() || is_over(at->second.last))
    return std::nullopt;
  auto& progress = at->second.progress;
  progress.stopping = why;
  progress.stop_message = std::move(message);
  return progress;
}

std::optional<run_progress>
agent::hold_burst(const run_id& run, run_limits to) {
  auto at = known_.find(run.allocation);
  if (at == known_.end() || is_over(at->second.last)
      || at->second.progress.attempt != run.attempt)
    return std::nullopt;
  at->second.progress.burst = to;
  return at->second.progress;
}

void agent::find_run(const run_event& x) {
  auto at = known_.find(x.run.allocation);
  if (at == known_.end() || x.run.attempt < at->second.progress.attempt)
    return;
  auto& [item, progress, last] = at->second;
  if (x.run.attempt > progress.attempt)
    last.state = task_state::starting;
  progress.attempt = last.attempt = x.run.attempt;
  progress.begun = true;
  // What is being prepared, or was given up on the way, has not run.
  if (x.phase == run_phase::started || x.exit_code)
    last.state = task_state::running;
}

void agent::acknowledge(uint64_t sequence) {
  reports_.acknowledge(sequence);
  while (!ends_.empty() && ends_.begin()->first <= sequence) {
    auto run = ends_.begin()->second;
    ends_.erase(ends_.begin());
    // On disk it stays until the next change: hearing it once more does no harm.
    if (auto at = known_.find(run.allocation); at != known_.end())
      std::erase_if(at->second.progress.ends, [&](const task_report& x) {
        return x.attempt <= run.attempt;
      });
  }
}

std::vector<task_report> agent::reports_to_send() {
  return reports_.take(batch_max);
}

size_t agent::live() const {
  return static_cast<size_t>(
    std::count_if(known_.begin(), known_.end(),
                  [](auto& x) { return !is_over(x.second.last); }));
}

const work_item* agent::find(allocation_id x) const {
  auto at = known_.find(x);
  return at == known_.end() ? nullptr : &at->second.item;
}

const run_progress& agent::progress(allocation_id x) const {
  return known_.at(x).progress;
}

run_id agent::run(allocation_id x) const {
  auto at = known_.find(x);
  return {x, at == known_.end() ? 0 : at->second.progress.attempt};
}

} // namespace troupe::runtime
