#pragma once

#include <chrono>
#include <optional>

#include "messages/state.hpp"

namespace troupe::runtime {

using time_point = std::chrono::steady_clock::time_point;

struct node_options {
  /// Silence after which a node is unhealthy. Three lost heartbeats of 10 s.
  std::chrono::milliseconds unhealthy_after{30'000};
  /// Time as unhealthy after which a node is removed.
  std::chrono::milliseconds removed_after{300'000};
};

/// Decides from the times of heartbeats whether a machine still counts.
///
///     ready ---- silence > unhealthy_after --> unhealthy
///        ^                                          |  |
///        +--------------- heartbeat ----------------+  |
///                                                      |
///     removed <------- silence > removed_after --------+
///
///   ready     -> unhealthy   [tick]
///   unhealthy -> ready       [beat]
///   unhealthy -> removed     [tick]
///   ready     -> removed     [tick]   if one tick passes both limits
///
/// `removed` is terminal: a machine that comes back joins as a new node.
class node {
public:
  node(node_options options, time_point now);

  /// Notes a sign of life at `now`. Returns the new state if it changed.
  [[nodiscard]] std::optional<node_state> beat(time_point now);

  /// Lets time pass until `now`. Returns the new state if it changed.
  [[nodiscard]] std::optional<node_state> tick(time_point now);

  [[nodiscard]] time_point last_beat() const noexcept { return last_beat_; }

  [[nodiscard]] node_state state() const noexcept { return state_; }

private:
  std::optional<node_state> move_to(node_state next);

  node_options options_;
  time_point last_beat_;
  node_state state_ = node_state::ready;
};

} // namespace troupe::runtime
