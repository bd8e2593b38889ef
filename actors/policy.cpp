#include "actors/policy.hpp"

#include "messages/contract.hpp"

namespace troupe {

policy_actor::behavior_type
policy(policy_actor::stateful_pointer<policy_state> self, std::string strategy,
       scheduler_actor scheduler, uint32_t threads) {
  auto& state = self->state;
  state.core = runtime::placement::make_policy(strategy, threads);
  state.shadow = runtime::placement::make_policy(strategy);
  TROUPE_ASSERT(state.core != nullptr && state.shadow != nullptr);
  self->send(scheduler, serve_policy{std::move(strategy), self});
  return {
    [self, &state](const propose_places& x) {
      state.alive.note_mailbox(self->mailbox().size());
      return proposed_places{
        std::make_shared<const runtime::placement::proposal>(
          (x.compared ? state.shadow : state.core)
            ->propose(*x.snapshot, *x.asks))};
    },
  };
}

} // namespace troupe
