#pragma once

#include <optional>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

#include "runtime/task.hpp"

#include "actors/census.hpp"
#include "actors/clock.hpp"

namespace troupe {

/// State of TASK.
struct task_actor_state {
  static inline const char* name = "task";
  census alive{name};

  explicit task_actor_state(task_actor::pointer self)
    : self(self), wall(self->clock().now()) {}

  task_actor::behavior_type make_behavior();
  /// Does what the core decided.
  void carry_out(runtime::task::step x);

  task_actor::pointer self;
  wall_clock wall;
  work_item item;
  agent_actor agent;
  driver_actor driver;
  std::optional<runtime::task> core;
};

/// Whether a task's run begins, or goes on from an earlier life of the process.
enum class task_origin : uint8_t { fresh, adopted };

/// TASK for `item`, which `driver` runs. Tells `agent`.
task_actor::behavior_type
task(task_actor::stateful_pointer<task_actor_state> self, work_item item,
     task_origin origin, agent_actor agent, driver_actor driver);

} // namespace troupe
