#pragma once

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

#include "actors/census.hpp"

namespace troupe {

/// State of BACKUP.
struct backup_state {
  static inline const char* name = "backup";
  census alive{name};
};

/// BACKUP, which makes one and ends.
backup_actor::behavior_type
backup(backup_actor::stateful_pointer<backup_state> self);

} // namespace troupe
