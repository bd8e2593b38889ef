#pragma once

#include <memory>
#include <string>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

#include "runtime/placement/policy.hpp"

#include "actors/census.hpp"

namespace troupe {

/// State of POLICY. All thinking is done by `core`.
struct policy_state {
  static inline const char* name = "policy";
  census alive{name, "controller"};

  std::unique_ptr<runtime::placement::policy> core;
  /// Decides without effect, on what another policy is asked for.
  std::unique_ptr<runtime::placement::policy> shadow;
};

/// POLICY that places by `strategy`. Announces itself to `scheduler`, which finds
/// it by that name from then on. Big batches are thought over by `threads`.
/// REQUIRES: `make_policy` knows `strategy`, threads > 0.
policy_actor::behavior_type
policy(policy_actor::stateful_pointer<policy_state> self, std::string strategy,
       scheduler_actor scheduler, uint32_t threads);

} // namespace troupe
