#pragma once

#include <functional>
#include <memory>
#include <optional>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

#include "runtime/health.hpp"
#include "runtime/prober.hpp"

#include "actors/census.hpp"
#include "actors/clock.hpp"

namespace troupe {

/// What checkers work with.
struct check_tools {
  /// Looks at a port, and tells from any thread.
  std::function<void(const runtime::probe_target&,
                     std::function<void(runtime::probe_answer)>)>
    look;
  /// Null: nobody counts.
  std::shared_ptr<runtime::check_counts> counts;
};

/// State of CHECKER. One check is under way at a time: while it is, no other
/// begins.
struct checker_state {
  static inline const char* name = "checker";
  census alive{name, "task"};

  explicit checker_state(checker_actor::pointer self)
    : self(self), wall(self->clock().now()) {}

  checker_actor::behavior_type make_behavior();
  void begin_check();
  void look();
  void locate();
  void run_command();
  void take(const check_answer& x);
  void too_late(uint64_t which);
  void doubt(uint64_t which);
  void judge_late(uint64_t which, const std::string& trouble);
  void conclude(check_result found, const std::string& message);
  void tell_self(check_result found, std::string message);
  [[nodiscard]] const health_check& rule() const { return *item.spec->health; }

  checker_actor::pointer self;
  wall_clock wall;
  check_tools tools;
  work_item item;
  task_actor task;
  driver_actor driver;
  std::optional<runtime::health> core;
  /// Of the check that is under way, or was last.
  uint64_t number = 0;
  bool open = false;
  /// Whether the one under way has counted as failed already.
  bool late = false;
  /// Whether the driver did not answer when the one under way was late last.
  bool driver_away = false;
  /// Where the run is reached, once known.
  std::optional<located_port> place;
};

/// CHECKER of the run of `item` that began at `started`. Tells `task`, and ends
/// with it.
checker_actor::behavior_type
checker(checker_actor::stateful_pointer<checker_state> self, check_tools tools,
        work_item item, timestamp started, task_actor task,
        driver_actor driver);

} // namespace troupe
