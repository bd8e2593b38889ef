#pragma once

#include <optional>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

#include "runtime/task.hpp"

#include "actors/census.hpp"
#include "actors/checker.hpp"
#include "actors/clock.hpp"

namespace troupe {

/// State of TASK.
struct task_actor_state {
  static inline const char* name = "task";
  census alive{name, "agent"};

  explicit task_actor_state(task_actor::pointer self)
    : self(self), wall(self->clock().now()) {}

  task_actor::behavior_type make_behavior();
  /// Does what the core decided.
  void carry_out(runtime::task::step x);
  /// Has a checker while there is something to check, and only then.
  void keep_checker();
  void hear_down(const caf::down_msg& x);
  [[nodiscard]] timestamp now() const { return wall.at(self->clock().now()); }

  task_actor::pointer self;
  wall_clock wall;
  agent_actor agent;
  driver_actor driver;
  check_tools checks;
  std::optional<runtime::task> core;
  checker_actor checker;
};

/// TASK for `item`, which `driver` runs and which has come `so_far` in earlier
/// lives of the process. Tells `agent`, and ends with it.
task_actor::behavior_type
task(task_actor::stateful_pointer<task_actor_state> self, work_item item,
     run_progress so_far, agent_actor agent, driver_actor driver,
     check_tools checks);

} // namespace troupe
