#pragma once

#include <functional>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

namespace troupe {

struct waiter_names {
  static inline const char* name = "waiter";
};

/// Waits for one answer of an engine, which comes on a thread of the engine's.
template <class Ask, class Answer>
using waiter_actor
  = caf::typed_actor<typename caf::replies_to<Ask>::template with<Answer>,
                     // INTERNAL: hears from the engine.
                     caf::reacts_to<Answer>>;

template <class Ask, class Answer>
struct waiter_state : waiter_names {
  caf::typed_response_promise<Answer> promise;
};

/// Asks an engine; it is to tell the answer once, from any thread.
template <class Ask, class Answer>
using ask_engine
  = std::function<void(const Ask&, std::function<void(Answer)> tell)>;

template <class Ask, class Answer>
typename waiter_actor<Ask, Answer>::behavior_type
waiter(typename waiter_actor<Ask, Answer>::template stateful_pointer<
         waiter_state<Ask, Answer>>
         self,
       ask_engine<Ask, Answer> ask) {
  return {
    [self, ask](const Ask& x) -> caf::result<Answer> {
      self->state.promise = self->template make_response_promise<Answer>();
      ask(x, [me = waiter_actor<Ask, Answer>{self}](Answer y) {
        caf::anon_send(me, std::move(y));
      });
      return self->state.promise;
    },
    [self](Answer& x) {
      self->state.promise.deliver(std::move(x));
      self->quit();
    },
  };
}

} // namespace troupe
