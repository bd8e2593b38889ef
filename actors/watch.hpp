#pragma once

#include <deque>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

#include "runtime/http/stream.hpp"
#include "runtime/live/recent_events.hpp"

#include "actors/census.hpp"

namespace troupe {

struct watch_options {
  /// Facts kept at hand; older ones are read from the journal.
  size_t events_max = 50'000;
  /// Between two signs of life on an idle stream.
  std::chrono::milliseconds keep_alive{15'000};
  std::chrono::milliseconds tick_interval{1'000};
};

/// State of WATCH.
struct watch_state {
  static inline const char* name = "watch";
  census alive{name, "controller"};

  /// A client that follows events.
  struct follower {
    runtime::event_filter filter;
    runtime::http::stream_writer writer;
    version_number seen = 0;
    bool reading_journal = false;
    bool gone = false;
    std::chrono::steady_clock::time_point last_write;
  };

  explicit watch_state(watch_actor::pointer self) : self(self) {}

  watch_actor::behavior_type make_behavior();

  void take(const event_batch& x);
  void tell_always(const event_listener_actor& who);
  void list(watch_events what);
  void follow(watch_events what);
  /// Writes what `x` has not seen, as far as it takes it.
  void pump(follower& x);
  void read_older(follower& x);
  [[nodiscard]] bool write(follower& x, const event& y);
  void tick();

  watch_actor::pointer self;
  watch_options options;
  journal_actor journal;
  std::deque<event> recent;
  version_number version = 0;
  std::list<follower> followers;
  std::vector<event_listener_actor> listeners;
  struct waiter {
    version_number past = 0;
    std::chrono::steady_clock::time_point until;
    caf::typed_response_promise<version_number> promise;
  };
  std::vector<waiter> waiters;
};

/// WATCH. Facts older than what it holds are read from `journal`.
watch_actor::behavior_type
watch(watch_actor::stateful_pointer<watch_state> self, watch_options options,
      journal_actor journal);

} // namespace troupe
