#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

#include "actors/census.hpp"
#include "actors/clock.hpp"
#include "actors/drivers/listeners.hpp"

namespace troupe {

/// State of DRIVER `simulated`: runs nothing, and takes as long as it is told.
struct simulated_driver_state {
  static inline const char* name = "simulated";
  census alive{name, "node"};

  explicit simulated_driver_state(driver_actor::pointer self)
    : self(self), wall(self->clock().now()), listeners(self) {}

  driver_actor::behavior_type make_behavior();

  driver_actor::pointer self;
  wall_clock wall;
  run_listeners listeners;
  /// Those that were moved; nothing here uses anything.
  std::map<run_id, run_limits> limits;
};

driver_actor::behavior_type
simulated_driver(driver_actor::stateful_pointer<simulated_driver_state> self);

} // namespace troupe
