#include "runtime/task.hpp"

#include "messages/json.hpp"
#include "messages/quantity.hpp"

namespace troupe::runtime {

namespace {

constexpr size_t message_bytes_max = 1'024;

} // namespace

task::task(work_item item) : item_(std::move(item)) {
  // nop
}

task::step task::begin() {
  return {.start_run = true};
}

task::step task::hear(const run_event& x) {
  step result;
  if (over_)
    return result;
  switch (x.phase) {
  case run_phase::preparing:
    if (!running_) {
      result.report = report(task_state::starting, x.at);
      result.report->message = json::readable(x.message, message_bytes_max);
    }
    break;
  case run_phase::started:
    if (running_)
      break;
    running_ = true;
    result.report = report(task_state::running, x.at);
    if (item_.spec && item_.spec->timeout.count() > 0) {
      deadline_ = x.at + item_.spec->timeout;
      result.wake = deadline_;
    }
    break;
  case run_phase::ended:
    over_ = true;
    result.over = true;
    result.report = end_report(x);
    break;
  }
  return result;
}

task::step task::stop(reason why) {
  if (over_ || stopping_)
    return {};
  stopping_ = why;
  return {.stop_run = true};
}

task::step task::tick(timestamp now) {
  if (over_ || stopping_ || !deadline_)
    return {};
  if (now < *deadline_)
    return {.wake = deadline_};
  return stop(reason::timed_out);
}

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
  result.message = json::readable(x.message, message_bytes_max);
  result.exit_code = x.exit_code;
  if (stopping_ == reason::timed_out) {
    result.state = task_state::failed;
    result.why = reason::timed_out;
    result.message
      = "stopped after its timeout of " + duration_text(item_.spec->timeout);
  } else if (stopping_ && x.state != task_state::lost) {
    result.state = task_state::stopped;
    result.why = *stopping_;
  }
  return result;
}

} // namespace troupe::runtime
