#pragma once

#include <map>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

#include "runtime/http/stream.hpp"
#include "runtime/live/live.hpp"

#include "actors/census.hpp"
#include "actors/clock.hpp"

namespace troupe {

struct live_actor_options {
  runtime::live_options pages;
  std::chrono::milliseconds query_timeout{10'000};
  /// While pages are open: how late a change may be noticed.
  std::chrono::milliseconds tick_interval{100};
  std::chrono::milliseconds sample_interval{5'000};
};

/// State of LIVE.
struct live_state {
  static inline const char* name = "live";
  census alive{name, "controller"};

  explicit live_state(live_actor::pointer self)
    : self(self), wall(self->clock().now()) {}

  live_actor::behavior_type make_behavior();

  void take(const event_batch& x);
  /// Reads from the journal what came before the facts that are known.
  void read_past();
  void open(const http_call& call);
  void ask();
  void tell();
  void sample();
  void keep_ticking();

  live_actor::pointer self;
  live_actor_options options;
  scheduler_actor scheduler;
  journal_actor journal;
  runtime::live core;
  std::map<runtime::tab_id, runtime::http::stream_writer> tabs;
  wall_clock wall;
  bool ticking = false;
  bool past_is_read = false;
};

/// LIVE over what `scheduler` answers and `watch` tells.
live_actor::behavior_type
live(live_actor::stateful_pointer<live_state> self, live_actor_options options,
     scheduler_actor scheduler, watch_actor watch, journal_actor journal);

} // namespace troupe
