#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <string>
#include <vector>

#include <caf/actor.hpp>
#include <caf/event_based_actor.hpp>
#include <caf/stateful_actor.hpp>

#include "actors/census.hpp"

namespace troupe {

/// Which siblings start again with a child that failed. The terms are those of
/// Erlang/OTP's supervisor behaviour.
enum class restart_strategy : uint8_t {
  /// None: children do not depend on each other.
  one_for_one,
  /// Those after it: each child holds handles of children before it.
  rest_for_one
};

/// A child of a supervisor.
struct child_spec {
  std::string name;
  /// Spawns the child. Called again for each restart.
  std::function<caf::actor(caf::event_based_actor*)> start;
  /// How long it may take to stop before it is killed.
  std::chrono::milliseconds stop_timeout{5'000};
};

struct supervisor_options {
  std::string name = "supervisor";
  restart_strategy strategy = restart_strategy::one_for_one;
  /// More restarts than this within `period` are given up: the supervisor stops
  /// its children and fails itself, so that its own supervisor decides.
  size_t restarts_max = 5;
  std::chrono::milliseconds period{10'000};
  /// Pause before the first restart in a period; doubles with each further.
  std::chrono::milliseconds backoff{50};
};

/// Keeps children alive.
struct supervisor_state {
  static inline const char* name = "supervisor";
  census alive{name};

  explicit supervisor_state(caf::event_based_actor* self) : self(self) {}

  struct slot {
    child_spec spec;
    caf::actor actor;
    /// Which life of the child this is: old timers are told by it.
    uint64_t life = 0;
    bool stopping = false;
  };

  void start(size_t i);
  void stop_from(size_t first);
  void hear_down(const caf::down_msg& down);
  void fail(size_t i, const caf::error& why);
  void begin_again(size_t first);
  void end(caf::error why);
  void children_stopped();
  [[nodiscard]] bool knows(const caf::actor_addr& source) const;

  caf::event_based_actor* self;
  supervisor_options options;
  std::vector<slot> children;
  std::deque<std::chrono::steady_clock::time_point> restarts;
  /// Former children, whose exits may still arrive by their links.
  std::deque<caf::actor_addr> former;
  size_t stops_pending = 0;
  /// First child to start again once all stops are done.
  size_t restart_from = 0;
  bool restarting = false;
  bool ending = false;
  caf::error end_reason;
};

/// Starts `children` in order, stops them in reverse order.
caf::behavior
supervisor(caf::stateful_actor<supervisor_state>* self,
           supervisor_options options, std::vector<child_spec> children);

} // namespace troupe
