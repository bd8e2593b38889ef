#include "runtime/metrics/fact_meter.hpp"

#include <algorithm>

#include "runtime/cluster/cluster.hpp"

namespace troupe::runtime {

namespace {

/// Wall clocks may be set back; a duration is never negative.
controller_meters::seconds between(timestamp from, timestamp to) {
  return std::max(to - from, milliseconds{0});
}

} // namespace

fact_meter::fact_meter(std::shared_ptr<controller_meters> to)
  : to_(std::move(to)) {
  // nop
}

void fact_meter::begin(const cluster& c) {
  for (auto& [name, job] : c.jobs())
    if (job.tasks.empty())
      waiting_since_[name] = job.submitted_at;
}

void fact_meter::take(const std::vector<event>& facts, const cluster& c) {
  for (auto& x : facts)
    std::visit([&](auto& y) { on(x, y, c); }, x.what);
}

void fact_meter::on(const event& x, const job_submitted& y, const cluster&) {
  waiting_since_[y.job] = x.time;
}

void fact_meter::on(const event& x, const job_updated& y, const cluster&) {
  waiting_since_[y.job] = x.time;
}

void fact_meter::on(const event& x, const job_scaled& y, const cluster&) {
  waiting_since_[y.job] = x.time;
}

// What waited for another job or for its time did not wait for a place.

void fact_meter::on(const event& x, const job_dependency_met& y,
                    const cluster&) {
  waiting_since_[y.job] = x.time;
}

void fact_meter::on(const event& x, const job_ticked& y, const cluster&) {
  waiting_since_[y.job] = x.time;
}

void fact_meter::on(const event&, const job_forgotten& y, const cluster&) {
  waiting_since_.erase(y.job);
}

void fact_meter::on(const event&, const cache_hit&, const cluster&) {
  to_->note_cache_lookup("hit");
}

void fact_meter::on(const event& x, const task_placed& y, const cluster& c) {
  // Whoever needs a place was looked up in vain.
  if (auto* job = c.find_job(y.task.job);
      job != nullptr && is_cached(*job->spec))
    to_->note_cache_lookup("miss");
  to_->note_attempts("placed", reason::none, 1);
  auto since = waiting_since_.find(y.task.job);
  if (y.attempt == 1 && since != waiting_since_.end())
    to_->note_placement_latency(between(since->second, x.time));
}

void fact_meter::on(const event& x, const task_started& y, const cluster& c) {
  // Its record may tell of a later attempt by now.
  auto* task = c.find_task(y.task);
  if (task == nullptr || task->started_at != x.time)
    return;
  if (task->placed_at)
    to_->note_start_latency(between(task->placed_at, x.time));
  if (task->attempt > 1)
    to_->note_restart();
}

void fact_meter::on(const event&, const task_preempted& y, const cluster&) {
  to_->note_preemption(y.why);
}

void fact_meter::on(const event&, const gang_reserved&, const cluster&) {
  to_->note_gang_attempt("reserved");
}

void fact_meter::on(const event& x, const gang_committed& y, const cluster& c) {
  to_->note_gang_attempt("committed");
  auto gang = c.gangs().find(y.gang);
  if (gang == c.gangs().end())
    return;
  timestamp since = x.time;
  for (auto& [born, job] : gang->second.jobs)
    since = std::min(since, job->submitted_at);
  to_->note_gang_wait(between(since, x.time));
}

void fact_meter::on(const event&, const gang_released&, const cluster&) {
  to_->note_gang_attempt("released");
}

void fact_meter::on(const event&, const node_removed& y, const cluster&) {
  to_->forget_node(y.node);
}

} // namespace troupe::runtime
