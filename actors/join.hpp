#pragma once

#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

#include "runtime/machine.hpp"

#include "actors/census.hpp"

namespace troupe {

/// Where a controller listens for machines.
struct controller_address {
  std::string host;
  uint16_t port = 0;
};

struct join_options {
  node_profile profile;
  /// As in `node_hello`.
  std::string identity;
  std::string place;
  /// Tried in turn. Empty: the controller of this process.
  std::vector<controller_address> controllers;
  std::function<nodes_actor()> local_controller;
  bool tls = false;
  std::chrono::milliseconds redial_interval{500};
  /// The longest time from one try to the next, if the first does not take
  /// longer.
  std::chrono::milliseconds redial_max{5'000};
  std::chrono::milliseconds connect_timeout{10'000};
  std::chrono::milliseconds hello_timeout{20'000};
  std::chrono::milliseconds measure_timeout{5'000};
  /// Of the pauses between tries and heartbeats; absent: never the same twice.
  std::optional<uint64_t> seed;
  /// Called with the first welcome, and with a refusal that no waiting helps.
  std::function<void(const node_welcome&, const controller_address&)> on_joined;
  std::function<void(const std::string&)> on_refused;
};

/// State of JOIN.
///
///   away -> dialling [dial] -> joining [connected] -> joined [welcome]
///     ^---------+------------------+--------------------+   [anything lost]
struct join_state {
  static inline const char* name = "join";

  explicit join_state(join_actor::pointer self)
    : self(self), chance(std::random_device{}()) {}

  join_actor::behavior_type make_behavior();
  void dial();
  void hello(nodes_actor to);
  void welcomed(const node_welcome& x);
  void lose(const std::string& why);
  /// Until the next try.
  std::chrono::milliseconds draw_pause();
  void beat();

  census alive{name, "node"};
  join_actor::pointer self;
  join_options options;
  agent_actor agent;
  nodes_actor controller;
  runtime::machine_meter meter;
  std::mt19937_64 chance;
  uint64_t incarnation = 0;
  /// Counts tries: late answers of an earlier one are told by it.
  uint64_t attempt = 0;
  size_t failures = 0;
  size_t which = 0;
  /// When the last try began.
  caf::actor_clock::time_point dialled_at{};
  bool joined = false;
  std::chrono::milliseconds heartbeat_interval{10'000};
};

/// JOIN: keeps `agent`'s machine joined to a controller.
join_actor::behavior_type join(join_actor::stateful_pointer<join_state> self,
                               join_options options, agent_actor agent);

} // namespace troupe
