#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/stateful_actor.hpp>
#include <caf/typed_event_based_actor.hpp>

#include "messages/interfaces.hpp"

#include "actors/census.hpp"

namespace troupe {

/// The agents of this process by the name of their node: where a session that is
/// spawned from outside finds its agent. The one thing that factories of CAF can
/// reach, hence shared and locked.
class agent_directory {
public:
  void put(const std::string& node, agent_actor agent);
  void remove(const std::string& node);
  [[nodiscard]] agent_actor find(const std::string& node) const;

private:
  mutable std::mutex mutex_;
  std::map<std::string, agent_actor> agents_;
};

/// State of SESSION.
struct session_state {
  static inline const char* name = "session";
  census alive{name};

  /// Not an aggregate: CAF would initialise the first handle with it.
  explicit session_state(session_actor::pointer) {}

  agent_actor agent;
  node_actor owner;
};

/// SESSION between `owner`, the node's actor in the controller, and `agent`. Ends
/// with its owner.
session_actor::behavior_type
session(session_actor::stateful_pointer<session_state> self, agent_actor agent,
        node_actor owner, version_number term);

/// Name under which a controller spawns sessions on a machine. Its arguments are
/// the node's name, the leader's term and the owner.
constexpr const char* session_factory = "session";

/// Spawns a session here. Null if there is no such node in this process.
[[nodiscard]] session_actor
spawn_session(caf::actor_system& system, const agent_directory& agents,
              const std::string& node, version_number term,
              const caf::strong_actor_ptr& owner);

/// Lets controllers spawn sessions for `agents` in systems of `config`.
void add_session_factory(caf::actor_system_config& config,
                         std::shared_ptr<agent_directory> agents);

} // namespace troupe
