#pragma once

#include <optional>

#include "messages/driver.hpp"
#include "messages/work.hpp"

namespace troupe::runtime {

/// The life of one attempt on its machine.
///
///   new      -> starting  [begin]
///   starting -> running   [hear started]
///   any      -> ended     [hear ended]      terminal
///
/// Beside it stands the wish to stop, from the controller or from the timeout;
/// whichever came first says how the end is reported.
class task {
public:
  /// What follows from an event.
  struct step {
    bool start_run = false;
    bool stop_run = false;
    std::optional<task_report> report;
    /// When to call `tick`.
    std::optional<timestamp> wake;
    bool over = false;
  };

  explicit task(work_item item);

  [[nodiscard]] step begin();
  [[nodiscard]] step hear(const run_event& x);
  /// Asks for the end, because of `why`.
  [[nodiscard]] step stop(reason why);
  /// Lets time pass until `now`.
  [[nodiscard]] step tick(timestamp now);

private:
  [[nodiscard]] task_report report(task_state state, timestamp at) const;
  [[nodiscard]] task_report end_report(const run_event& x) const;

  work_item item_;
  bool running_ = false;
  bool over_ = false;
  std::optional<reason> stopping_;
  std::optional<timestamp> deadline_;
};

} // namespace troupe::runtime
