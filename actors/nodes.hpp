#pragma once

#include <map>
#include <string>

#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

#include "actors/census.hpp"
#include "actors/node.hpp"

namespace troupe {

/// State of NODES.
struct nodes_state {
  static inline const char* name = "nodes";
  census alive{name, "controller"};

  explicit nodes_state(nodes_actor::pointer self) : self(self) {}

  nodes_actor::behavior_type make_behavior();

  /// The actor of `name`, made if there is none.
  node_actor& find_or_make(const std::string& name);
  [[nodiscard]] node_actor find(const std::string& name) const;
  bool lose(const caf::actor_addr& source, const caf::error& why);

  nodes_actor::pointer self;
  node_actor_options options;
  scheduler_actor scheduler;
  std::map<std::string, node_actor> nodes;
};

/// NODES: watches every node that `scheduler` knows from the start on, so that a
/// machine that does not come back after a restart is noticed.
nodes_actor::behavior_type
nodes(nodes_actor::stateful_pointer<nodes_state> self,
      node_actor_options options, scheduler_actor scheduler);

} // namespace troupe
