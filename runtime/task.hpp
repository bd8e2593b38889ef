#pragma once

#include <optional>

#include "messages/driver.hpp"
#include "messages/work.hpp"

namespace troupe::runtime {

/// The life of one allocation on its machine, over all its runs.
///
///   waiting  -> starting  [begin, tick]   the delay before a restart is over
///   starting -> running   [hear started]
///   running  -> keeping   [hear ended]    it shall start again
///   keeping  -> waiting   [kept]          that is on disk: the next attempt
///   any      -> over      [hear ended, stop]                terminal
///
/// A run that ends by its own fault starts again here while the job's rule
/// allows it. What a restart here cannot mend is left to the controller.
///
/// Beside it stands the wish to stop, from the controller, the timeout or the
/// checker; whichever came first says how the end is reported. Only a wish from
/// outside overrides the checker's: nothing starts again that shall stop.
class task {
public:
  /// What follows from an event.
  struct step {
    bool start_run = false;
    /// To follow a run that has begun in an earlier life.
    bool follow_run = false;
    bool stop_run = false;
    std::optional<task_report> report;
    /// When to call `tick`.
    std::optional<timestamp> wake;
    bool over = false;
  };

  /// @param so_far  how far earlier lives have come; of a fresh one, only the
  ///                attempt of `item`.
  task(work_item item, run_progress so_far);

  [[nodiscard]] step begin(timestamp now);
  /// Events of other runs than the present one change nothing.
  [[nodiscard]] step hear(const run_event& x);
  /// Hears that `attempt` is on disk as the next one.
  [[nodiscard]] step kept(uint32_t attempt, timestamp now);
  /// Hears from the checker of the present run.
  [[nodiscard]] step
  check(task_health health, std::string message, timestamp now);
  /// Asks for the end, because of `why`.
  [[nodiscard]] step stop(reason why, std::string message, timestamp now);
  /// Lets time pass until `now`.
  [[nodiscard]] step tick(timestamp now);

  /// The work, with the present attempt.
  [[nodiscard]] const work_item& item() const { return item_; }
  [[nodiscard]] run_id run() const { return {item_.allocation, item_.attempt}; }
  /// When the present run began, once it has.
  [[nodiscard]] timestamp started_at() const { return started_at_; }
  /// Whether the present run is to be checked now.
  [[nodiscard]] bool wants_checks() const;

private:
  enum class phase : uint8_t { waiting, starting, running, keeping, over };
  struct wish {
    reason why = reason::none;
    std::string message;
  };

  [[nodiscard]] step start_if_due(timestamp now);
  [[nodiscard]] step started(timestamp at);
  [[nodiscard]] step ended(const run_event& x);
  [[nodiscard]] task_report report(task_state state, timestamp at) const;
  [[nodiscard]] task_report end_report(const run_event& x) const;
  [[nodiscard]] bool is_mended_by_restart(const task_report& x) const;
  [[nodiscard]] std::string restart_text() const;

  work_item item_;
  run_progress progress_;
  phase phase_ = phase::waiting;
  std::optional<wish> stopping_;
  /// When the present run begins, while waiting.
  timestamp due_;
  timestamp started_at_;
  std::optional<timestamp> deadline_;
};

} // namespace troupe::runtime
