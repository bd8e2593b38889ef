#include "runtime/rehearsal/tally.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "messages/json.hpp"

namespace troupe::runtime::rehearsal {

namespace {

/// To four digits, so that what is printed does not depend on the order in which
/// sums were formed.
double rounded(double x) {
  return std::round(x * 1e4) / 1e4;
}

double seconds(int64_t ms) {
  return static_cast<double>(ms) / 1'000;
}

} // namespace

tally::amounts tally::amounts_of(const resources& x) {
  return {x.cpu_millicores, x.memory_bytes, x.gpu_millis};
}

// -- over time -----------------------------------------------------------------

void tally::pass_time(timestamp now) {
  if (now <= now_)
    return;
  auto time = static_cast<double>((now - now_).count());
  now_ = now;
  if (!first_)
    return;
  for (auto& x : sums_) {
    if (x.nodes == 0)
      continue;
    auto n = static_cast<double>(x.nodes);
    auto mean = x.used / n;
    auto variance = std::max(0.0, x.used_squared / n - mean * mean);
    x.time += time;
    x.mean += mean * time;
    x.mean_squared += mean * mean * time;
    x.stddev += std::sqrt(variance) * time;
    x.max = std::max(x.max, mean);
  }
}

void tally::count(const known_node& node, int sign) {
  if (!node.ready)
    return;
  for (size_t i = 0; i < kinds; ++i) {
    if (node.capacity[i] == 0)
      continue;
    auto used = static_cast<double>(node.reserved[i])
                / static_cast<double>(node.capacity[i]);
    sums_[i].nodes += sign;
    sums_[i].used += sign * used;
    sums_[i].used_squared += sign * used * used;
    // Rounding must not add up while nothing is there.
    if (sums_[i].nodes == 0)
      sums_[i].used = sums_[i].used_squared = 0;
  }
}

void tally::change(known_node& node,
                   const std::function<void(known_node&)>& f) {
  count(node, -1);
  f(node);
  count(node, 1);
}

void tally::reserve(const std::string& node, const amounts& x, int sign) {
  auto at = nodes_.find(node);
  if (at != nodes_.end())
    change(at->second, [&](known_node& y) {
      for (size_t i = 0; i < kinds; ++i)
        y.reserved[i] += sign * x[i];
    });
}

// -- facts ---------------------------------------------------------------------

void tally::begin(const cluster& from, timestamp now) {
  now_ = now;
  for (auto& [name, node] : from.nodes()) {
    known_node x{
      amounts_of(node.profile.capacity), {}, node.state == node_state::ready};
    count(x, 1);
    nodes_[name] = x;
  }
  for (auto& [name, job] : from.jobs()) {
    auto& known = jobs_[name];
    known.spec = job.spec;
    known.since = now;
    for (uint32_t i = 0; i < job.tasks.size(); ++i) {
      auto& task = job.tasks[i];
      auto& x = known.tasks[i];
      x.since = now;
      x.state = task.state;
      x.was_placed = task.attempt > 0;
      if (!holds_capacity(task.state))
        continue;
      x.node = from.node_of(task);
      x.request = amounts_of(job.spec_of(task.job_version)->request);
      reserve(x.node, x.request, 1);
    }
    first_ = now;
  }
}

/// What is known of a task of a known job.
tally::known_task* tally::task_of(const task_ref& x) {
  auto job = jobs_.find(x.job);
  if (job == jobs_.end())
    return nullptr;
  auto [at, is_new] = job->second.tasks.try_emplace(x.index);
  if (is_new)
    at->second.since = job->second.since;
  return &at->second;
}

void tally::leave(known_task& task) {
  if (!task.node.empty())
    reserve(task.node, task.request, -1);
  task.node.clear();
}

void tally::forget(const std::string& job) {
  auto at = jobs_.find(job);
  if (at == jobs_.end())
    return;
  for (auto& [index, task] : at->second.tasks) {
    leave(task);
    add_state(task.state, 1);
  }
  jobs_.erase(at);
}

void tally::take(const event& x) {
  pass_time(x.time);
  now_ = std::max(now_, x.time);
  std::visit([this](const auto& y) { on(y); }, x.what);
}

void tally::on(const job_submitted& x) {
  forget(x.job);
  jobs_[x.job] = {x.spec, now_, {}};
  if (!first_)
    first_ = now_;
}

void tally::on(const job_updated& x) {
  if (auto at = jobs_.find(x.job); at != jobs_.end())
    at->second.spec = x.spec;
}

void tally::on(const job_dependency_met& x) {
  if (auto at = jobs_.find(x.job); at != jobs_.end())
    at->second.since = now_;
}

void tally::on(const job_ticked& x) {
  if (auto at = jobs_.find(x.job); at != jobs_.end())
    at->second.since = now_;
}

void tally::on(const job_forgotten& x) {
  forget(x.job);
}

void tally::on(const task_placed& x) {
  auto* task = task_of(x.task);
  if (task == nullptr)
    return;
  if (!task->was_placed)
    waits_ms_.push_back((now_ - task->since).count());
  task->was_placed = true;
  task->state = task_state::placed;
  task->node = x.node;
  task->request = amounts_of(jobs_.find(x.task.job)->second.spec->request);
  reserve(x.node, task->request, 1);
  ++figures_.placements;
}

void tally::on(const task_ended& x) {
  last_end_ = now_;
  auto* task = x.restarts ? nullptr : task_of(x.task);
  if (task == nullptr)
    return;
  leave(*task);
  task->state = x.state;
}

void tally::on(const task_requeued& x) {
  if (auto* task = task_of(x.task))
    task->state = task_state::pending;
}

void tally::on(const node_joined& x) {
  auto [at, is_new] = nodes_.try_emplace(x.node);
  if (is_new)
    count(at->second, 1);
  change(at->second, [&](known_node& y) {
    y.capacity = amounts_of(x.profile.capacity);
    y.ready = true;
  });
}

void tally::on(const node_ready& x) {
  if (auto at = nodes_.find(x.node); at != nodes_.end())
    change(at->second, [](known_node& y) { y.ready = true; });
}

void tally::on(const node_unhealthy& x) {
  if (auto at = nodes_.find(x.node); at != nodes_.end())
    change(at->second, [](known_node& y) { y.ready = false; });
}

void tally::on(const node_removed& x) {
  auto at = nodes_.find(x.node);
  if (at == nodes_.end())
    return;
  count(at->second, -1);
  nodes_.erase(at);
}

// -- at the end ----------------------------------------------------------------

void tally::add_state(task_state x, uint64_t n) {
  auto& to = figures_.tasks;
  switch (x) {
  case task_state::pending:
    to.pending += n;
    break;
  case task_state::placed:
  case task_state::starting:
  case task_state::running:
    to.running += n;
    break;
  case task_state::succeeded:
    to.succeeded += n;
    break;
  case task_state::failed:
    to.failed += n;
    break;
  case task_state::stopped:
    to.stopped += n;
    break;
  case task_state::lost:
    to.lost += n;
    break;
  case task_state::cached:
    to.cached += n;
    break;
  }
}

figures tally::finish(const cluster& end, timestamp now) {
  uint64_t live = 0;
  for (auto& [name, job] : end.jobs()) {
    for (auto& state : json::names_of<task_state>())
      if (auto x = json::enum_called<task_state>(state))
        add_state(*x, job.in_state(*x));
    live += job.live();
  }
  pass_time(live > 0 ? now : last_end_);
  if (first_)
    figures_.makespan_seconds = seconds(
      ((live > 0 ? now_ : std::max(last_end_, *first_)) - *first_).count());
  figures_.wait_seconds = waits();
  figures_.use = {use_of(sums_[0]), use_of(sums_[1]), use_of(sums_[2])};
  return figures_;
}

wait_figures tally::waits() {
  wait_figures result;
  result.tasks = waits_ms_.size();
  if (waits_ms_.empty())
    return result;
  std::sort(waits_ms_.begin(), waits_ms_.end());
  // Nearest rank: the smallest that so many are at most.
  auto percentile = [&](uint64_t percent) {
    auto rank = (waits_ms_.size() * percent + 99) / 100;
    return seconds(waits_ms_[rank - 1]);
  };
  auto sum = std::accumulate(waits_ms_.begin(), waits_ms_.end(), int64_t{0});
  result.mean = rounded(seconds(sum) / static_cast<double>(waits_ms_.size()));
  result.p50 = percentile(50);
  result.p95 = percentile(95);
  result.p99 = percentile(99);
  result.max = seconds(waits_ms_.back());
  return result;
}

use_figures tally::use_of(const sums& x) {
  if (x.time == 0)
    return {};
  auto mean = x.mean / x.time;
  auto variance = std::max(0.0, x.mean_squared / x.time - mean * mean);
  return {rounded(mean), rounded(x.stddev / x.time),
          rounded(std::sqrt(variance)), rounded(x.max)};
}

} // namespace troupe::runtime::rehearsal
