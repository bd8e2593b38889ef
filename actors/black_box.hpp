#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <set>
#include <string>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

#include "runtime/black_box/rounds.hpp"
#include "runtime/black_box/store.hpp"

#include "actors/census.hpp"
#include "actors/clock.hpp"

namespace troupe {

struct black_box_options {
  runtime::black_box::store_options store;
  runtime::black_box::round_options rounds;
  std::chrono::milliseconds tick_interval{100};
  /// Running tasks read at each tick: with the interval above, what output may
  /// cost the network at most (1.3 MB/s if all of it is new and long).
  size_t live_per_tick = 1;
  /// Readings on their way.
  size_t open_max = 32;
  std::chrono::milliseconds request_timeout{10'000};
};

/// State of BLACK BOX.
struct black_box_state {
  static inline const char* name = "black_box";
  census alive{name, "controller"};

  explicit black_box_state(black_box_actor::pointer self)
    : self(self), wall(self->clock().now()) {}

  using run = runtime::black_box::run;

  black_box_actor::behavior_type make_behavior();
  void find_running(std::string cursor);
  void take(const event& x);
  void on(const event& x, const job_submitted& y);
  void on(const event& x, const job_updated& y);
  void on(const event& x, const job_forgotten& y);
  void on(const event& x, const task_placed& y);
  void on(const event& x, const task_started& y);
  void on(const event& x, const task_ended& y);
  template <class Fact>
  void on(const event&, const Fact&) {
    // It says nothing about runs.
  }
  void note_driver(const std::string& job, const job_spec_ptr& spec);
  void give_up(const std::optional<run>& x);
  void read(const run& x);
  void read_stream(const run& x, const char* stream);
  void heard(const run& x, const char* stream, std::string bytes, bool failed);
  void tick();

  black_box_actor::pointer self;
  wall_clock wall;
  black_box_options options;
  scheduler_actor scheduler;
  nodes_actor nodes;
  std::optional<runtime::black_box::store> store;
  runtime::black_box::rounds rounds;
  /// Where a run is or was, as long as it may be read.
  struct place {
    std::string node;
    bool ended = false;
  };
  std::map<run, place> places;
  /// The present run of each task that is on a node.
  std::map<task_ref, run> present;
  /// Jobs of which no task writes anything.
  std::set<std::string, std::less<>> simulated;
  /// What is being read, until both streams are there.
  struct reading {
    runtime::black_box::output got;
    size_t missing = 2;
    bool failed = false;
  };
  std::map<run, reading> open;
};

/// BLACK BOX. Learns from `watch` what runs, and asks `nodes` for its output.
/// Fails at once if its file cannot be used.
black_box_actor::behavior_type
black_box(black_box_actor::stateful_pointer<black_box_state> self,
          black_box_options options, scheduler_actor scheduler,
          nodes_actor nodes, watch_actor watch);

} // namespace troupe
