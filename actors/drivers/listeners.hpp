#pragma once

#include <map>

#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

namespace troupe {

/// The tasks that a driver tells how their runs go. The last event of each run
/// is kept until the run is forgotten, for tasks that come back.
class run_listeners {
public:
  explicit run_listeners(driver_actor::pointer self) : self_(self) {}

  void follow(const run_id& run, task_actor task) {
    auto& x = runs_[run];
    x.task = std::move(task);
    if (x.last)
      self_->send(x.task, *x.last);
  }

  void tell(const run_event& x) {
    auto& run = runs_[x.run];
    run.last = x;
    if (run.task)
      self_->send(run.task, x);
  }

  void forget(const run_id& run) { runs_.erase(run); }

  [[nodiscard]] bool has_ended(const run_id& run) const {
    auto at = runs_.find(run);
    return at != runs_.end() && at->second.last
           && at->second.last->phase == run_phase::ended;
  }

  [[nodiscard]] bool knows(const run_id& run) const {
    return runs_.contains(run);
  }

  [[nodiscard]] bool is_followed(const run_id& run) const {
    auto at = runs_.find(run);
    return at != runs_.end() && at->second.task;
  }

  /// The last event of each run that is followed; `preparing` if none came yet.
  [[nodiscard]] std::vector<run_event> last_events() const {
    std::vector<run_event> result;
    for (auto& [id, run] : runs_) {
      result.push_back(run.last.value_or(run_event{}));
      result.back().run = id;
    }
    return result;
  }

  /// Runs that have begun and not ended.
  [[nodiscard]] std::vector<run_id> live() const {
    std::vector<run_id> result;
    for (auto& [id, run] : runs_)
      if (run.last && run.last->phase == run_phase::started)
        result.push_back(id);
    return result;
  }

private:
  struct entry {
    task_actor task;
    std::optional<run_event> last;
  };
  driver_actor::pointer self_;
  std::map<run_id, entry> runs_;
};

} // namespace troupe
