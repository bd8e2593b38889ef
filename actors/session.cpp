#include "actors/session.hpp"

#include <caf/io/middleman.hpp>

#include "runtime/log.hpp"

namespace troupe {

namespace log = runtime::log;

void agent_directory::put(const std::string& node, agent_actor agent) {
  std::lock_guard guard{mutex_};
  agents_[node] = std::move(agent);
}

void agent_directory::remove(const std::string& node) {
  std::lock_guard guard{mutex_};
  agents_.erase(node);
}

agent_actor agent_directory::find(const std::string& node) const {
  std::lock_guard guard{mutex_};
  auto at = agents_.find(node);
  return at == agents_.end() ? agent_actor{} : at->second;
}

session_actor::behavior_type
session(session_actor::stateful_pointer<session_state> self, agent_actor agent,
        node_actor owner, version_number term) {
  auto& state = self->state;
  state.agent = std::move(agent);
  state.owner = std::move(owner);
  self->monitor(state.owner);
  self->monitor(state.agent);
  self->set_down_handler([self](const caf::down_msg&) { //
    self->quit(caf::exit_reason::user_shutdown);
  });
  self->send(state.agent,
             attach_session{caf::actor_cast<session_actor>(self), term});
  return {
    [self, &state](work_batch& x) { self->send(state.agent, std::move(x)); },
    [self, &state](const reports_taken& x) { self->send(state.agent, x); },
    [self, &state](const read_log& x) {
      return self->delegate(state.agent, x);
    },
    [self, &state](const exec_command& x) {
      return self->delegate(state.agent, x);
    },
    [](const set_log_level& x) {
      // One process may hold many machines.
      if (x.level == log::level())
        return;
      if (auto ok = log::set_level(x.level); ok)
        log::warn("the log level is {} from now on, as the controller says",
                  x.level);
      else
        log::warn("{}", ok.error());
    },
    [self, &state](const work_taken& x) { self->send(state.owner, x); },
    [self, &state](report_batch& x) { self->send(state.owner, std::move(x)); },
  };
}

session_actor
spawn_session(caf::actor_system& system, const agent_directory& agents,
              const std::string& node, version_number term,
              const caf::strong_actor_ptr& owner) {
  auto agent = agents.find(node);
  if (!agent || !owner)
    return {};
  return system.spawn(session, std::move(agent),
                      caf::actor_cast<node_actor>(owner), term);
}

void add_session_factory(caf::actor_system_config& config,
                         std::shared_ptr<agent_directory> agents) {
  config.add_actor_factory(
    session_factory,
    [agents = std::move(agents)](
      caf::actor_config& c, caf::message& args) -> caf::actor_factory_result {
      if (!args.match_elements<std::string, version_number,
                               caf::strong_actor_ptr>())
        return {nullptr, {}};
      auto& system = c.host->system();
      auto made = spawn_session(system, *agents, args.get_as<std::string>(0),
                                args.get_as<version_number>(1),
                                args.get_as<caf::strong_actor_ptr>(2));
      if (!made)
        return {nullptr, {}};
      return {caf::actor_cast<caf::strong_actor_ptr>(std::move(made)),
              system.message_types<session_actor>()};
    });
}

} // namespace troupe
