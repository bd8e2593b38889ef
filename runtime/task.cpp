#include "runtime/task.hpp"

#include "messages/json.hpp"
#include "messages/quantity.hpp"

#include "runtime/restart.hpp"

namespace troupe::runtime {

namespace {

constexpr size_t message_bytes_max = 1'024;

std::string cut(const std::string& x) {
  return json::readable(x, message_bytes_max);
}

} // namespace

task::task(work_item item, run_progress so_far)
  : item_(std::move(item)), progress_(std::move(so_far)) {
  item_.attempt = progress_.attempt;
  if (progress_.stopping != reason::none)
    stopping_ = {progress_.stopping, progress_.stop_message};
}

// -- beginning ---------------------------------------------------------------

task::step task::begin(timestamp now) {
  if (progress_.begun) {
    phase_ = phase::starting;
    return {.follow_run = true, .stop_run = stopping_.has_value()};
  }
  if (stopping_)
    return stop(progress_.stopping, progress_.stop_message, now);
  due_ = now;
  if (!progress_.restarts.empty() && item_.spec) {
    auto delay = restart_delay(item_.spec->restart, progress_.restarts.size());
    // A clock that was set back makes it wait no longer than once more.
    due_ = std::min(progress_.restarts.back() + delay, now + delay);
  }
  return start_if_due(now);
}

task::step task::start_if_due(timestamp now) {
  if (now < due_)
    return {.wake = due_};
  phase_ = phase::starting;
  return {.start_run = true};
}

task::step task::kept(uint32_t attempt, timestamp now) {
  if (phase_ != phase::keeping || attempt != item_.attempt + 1)
    return {};
  progress_.attempt = item_.attempt = attempt;
  phase_ = phase::waiting;
  due_ = now + restart_delay(item_.spec->restart, progress_.restarts.size());
  auto result = start_if_due(now);
  result.report = report(task_state::starting, now);
  result.report->message = restart_text();
  return result;
}

// -- the run -----------------------------------------------------------------

task::step task::hear(const run_event& x) {
  if (x.run != run() || (phase_ != phase::starting && phase_ != phase::running))
    return {};
  step result;
  switch (x.phase) {
  case run_phase::preparing:
    if (phase_ == phase::starting) {
      result.report = report(task_state::starting, x.at);
      result.report->message = cut(x.message);
    }
    return result;
  case run_phase::started:
    return phase_ == phase::starting ? started(x.at) : result;
  case run_phase::ended:
    return ended(x);
  }
  return result;
}

task::step task::started(timestamp at) {
  phase_ = phase::running;
  started_at_ = at;
  step result;
  result.report = report(task_state::running, at);
  if (item_.spec && item_.spec->health)
    result.report->health = task_health::unknown;
  if (item_.spec && item_.spec->timeout.count() > 0) {
    deadline_ = at + item_.spec->timeout;
    result.wake = deadline_;
  }
  return result;
}

task::step task::ended(const run_event& x) {
  step result;
  result.report = end_report(x);
  deadline_.reset();
  // Its machine has no memory for it: another one may.
  auto is_ended_for_memory
    = stopping_ && stopping_->why == reason::out_of_memory;
  if (!is_ended_for_memory && is_mended_by_restart(*result.report)) {
    if (auto plan
        = plan_restart(item_.spec->restart, progress_.restarts, x.at)) {
      phase_ = phase::keeping;
      stopping_.reset();
      progress_.restarts = std::move(*plan);
      result.report->restarts = true;
      return result;
    }
    if (auto n = progress_.restarts.size(); n > 0) {
      auto& text = result.report->message;
      text = cut((text.empty() ? "it ended" : text) + " (after "
                 + std::to_string(n) + (n == 1 ? " restart" : " restarts")
                 + " on this node within "
                 + duration_text(item_.spec->restart.window) + ')');
    }
  }
  phase_ = phase::over;
  result.over = true;
  return result;
}

task::step task::check(task_health health, std::string message, timestamp now) {
  if (!wants_checks())
    return {};
  step result;
  result.report = report(task_state::running, now);
  result.report->health = health;
  result.report->message = cut(message);
  if (health == task_health::unhealthy) {
    stopping_ = {reason::unhealthy, "its check failed: " + message};
    result.stop_run = true;
  }
  return result;
}

bool task::wants_checks() const {
  return phase_ == phase::running && !stopping_ && item_.spec
         && item_.spec->health;
}

// -- the wish to stop --------------------------------------------------------

task::step task::stop(reason why, std::string message, timestamp now) {
  if (phase_ == phase::over)
    return {};
  if (phase_ == phase::waiting || phase_ == phase::keeping) {
    // Nothing runs: the attempt that was to come does not.
    if (phase_ == phase::keeping)
      ++item_.attempt;
    phase_ = phase::over;
    step result;
    result.report = report(task_state::stopped, now);
    result.report->why = why;
    result.report->message = cut(message);
    result.over = true;
    return result;
  }
  auto was_asked = stopping_.has_value();
  if (was_asked && stopping_->why != reason::unhealthy)
    return {};
  stopping_ = {why, std::move(message)};
  return {.stop_run = !was_asked};
}

task::step task::tick(timestamp now) {
  if (phase_ == phase::waiting)
    return start_if_due(now);
  if (phase_ != phase::running || stopping_ || !deadline_)
    return {};
  if (now < *deadline_)
    return {.wake = deadline_};
  return stop(
    reason::timed_out,
    "stopped after its timeout of " + duration_text(item_.spec->timeout), now);
}

// -- what is told ------------------------------------------------------------

task_report task::report(task_state state, timestamp at) const {
  task_report result;
  result.task = item_.task;
  result.attempt = item_.attempt;
  result.allocation = item_.allocation;
  result.state = state;
  result.at = at;
  return result;
}

task_report task::end_report(const run_event& x) const {
  auto result = report(x.state, x.at);
  result.why = x.why;
  result.message = cut(x.message);
  result.exit_code = x.exit_code;
  if (x.state == task_state::succeeded)
    result.image_digest = x.image_digest;
  if (!stopping_)
    return result;
  auto own_fault
    = stopping_->why == reason::timed_out
      || stopping_->why == reason::out_of_memory
      || (stopping_->why == reason::unhealthy && x.state != task_state::lost);
  if (own_fault)
    result.state = task_state::failed;
  else if (x.state != task_state::lost)
    result.state = task_state::stopped;
  else
    return result;
  result.why = stopping_->why;
  if (!stopping_->message.empty())
    result.message = cut(stopping_->message);
  return result;
}

bool task::is_mended_by_restart(const task_report& x) const {
  if (!item_.spec)
    return false;
  if (x.state == task_state::succeeded)
    return item_.spec->kind != job_kind::batch;
  return x.state == task_state::failed
         && (x.why == reason::exit_code || x.why == reason::signal
             || x.why == reason::out_of_memory || x.why == reason::unhealthy);
}

std::string task::restart_text() const {
  auto& rule = item_.spec->restart;
  auto n = progress_.restarts.size();
  return "starts again in " + duration_text(restart_delay(rule, n))
         + " (restart " + std::to_string(n) + " of "
         + std::to_string(rule.attempts) + " within "
         + duration_text(rule.window) + ')';
}

} // namespace troupe::runtime
