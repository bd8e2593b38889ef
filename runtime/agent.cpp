#include "runtime/agent.hpp"

#include <algorithm>

namespace troupe::runtime {

namespace {

/// Reports on their way and not acknowledged.
constexpr size_t window = 2'048;
/// Reports in one message: below 256 kB with room to spare.
constexpr size_t batch_max = 512;

task_report first_report(const work_item& x) {
  task_report result;
  result.task = x.task;
  result.attempt = x.attempt;
  result.allocation = x.allocation;
  result.state = task_state::starting;
  return result;
}

} // namespace

agent::agent() : reports_(window) {
  // nop
}

void agent::adopt(work_item item, task_report last) {
  auto allocation = item.allocation;
  known_[allocation] = {std::move(item), std::move(last)};
}

agent::steps agent::take(const std::vector<work_item>& items) {
  steps result;
  for (auto& x : items) {
    auto at = known_.find(x.allocation);
    switch (x.kind) {
    case work_kind::start:
      if (at == known_.end()) {
        known_[x.allocation] = {x, first_report(x)};
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
        reports_.push(report);
      } else if (is_final(at->second.last.state)
                 || at->second.last.state == task_state::lost) {
        reports_.push(at->second.last);
      } else {
        result.stop.push_back(x.allocation);
      }
      break;
    case work_kind::forget:
      if (at != known_.end())
        known_.erase(at);
      result.forget.push_back(x.allocation);
      break;
    }
  }
  return result;
}

void agent::note(task_report report) {
  auto at = known_.find(report.allocation);
  // After its end nothing becomes of it.
  if (at == known_.end() || is_final(at->second.last.state))
    return;
  at->second.last = report;
  reports_.push(std::move(report));
}

std::vector<task_report> agent::join() {
  reports_.clear();
  std::vector<task_report> result;
  result.reserve(known_.size());
  for (auto& [allocation, x] : known_)
    result.push_back(x.last);
  return result;
}

std::vector<task_report> agent::reports_to_send() {
  return reports_.take(batch_max);
}

size_t agent::live() const {
  return static_cast<size_t>(
    std::count_if(known_.begin(), known_.end(), [](auto& x) {
      return !is_final(x.second.last.state)
             && x.second.last.state != task_state::lost;
    }));
}

const work_item* agent::find(allocation_id x) const {
  auto at = known_.find(x);
  return at == known_.end() ? nullptr : &at->second.item;
}

} // namespace troupe::runtime
