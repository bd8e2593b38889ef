#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

#include "actors/census.hpp"

namespace troupe {

/// State of PLANNER.
struct planner_state {
  static inline const char* name = "planner";
  census alive{name};
};

/// PLANNER, which answers one question and ends.
planner_actor::behavior_type
planner(planner_actor::stateful_pointer<planner_state> self);

} // namespace troupe
