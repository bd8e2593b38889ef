#include "actors/nodes.hpp"

#include <algorithm>

#include "runtime/log.hpp"

namespace troupe {

namespace {

constexpr size_t name_size_max = 63;

/// A machine names itself, so its name is looked at before anything else.
bool is_name(const std::string& x) {
  return !x.empty() && x.size() <= name_size_max
         && std::all_of(x.begin(), x.end(), [](char c) {
              return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                     || (c >= '0' && c <= '9') || c == '-' || c == '.'
                     || c == '_';
            });
}

} // namespace

node_actor& nodes_state::find_or_make(const std::string& name) {
  auto& result = nodes[name];
  if (!result) {
    // Linked: none of them outlives this actor, also when it fails. It would take
    // the machine for silent, since the next one hears its heartbeats.
    result = self->spawn<caf::linked>(node, name, options, scheduler);
  }
  return result;
}

/// Hears that the actor of a node has ended. False if `source` is none.
bool nodes_state::lose(const caf::actor_addr& source, const caf::error& why) {
  auto at = std::find_if(nodes.begin(), nodes.end(),
                         [&](auto& x) { return x.second.address() == source; });
  if (at == nodes.end())
    return false;
  auto name = at->first;
  nodes.erase(at);
  if (why && why != caf::exit_reason::user_shutdown) {
    runtime::log::error("node {}: its actor failed: {}", name,
                        self->system().render(why));
    find_or_make(name);
  }
  return true;
}

node_actor nodes_state::find(const std::string& name) const {
  auto at = nodes.find(name);
  return at == nodes.end() ? node_actor{} : at->second;
}

nodes_actor::behavior_type nodes_state::make_behavior() {
  self->set_exit_handler([this](caf::exit_msg& x) {
    if (!lose(x.source, x.reason))
      self->quit(std::move(x.reason));
  });
  return {
    [this](const node_hello& x,
           const caf::strong_actor_ptr& machine) -> caf::result<node_welcome> {
      if (!is_name(x.profile.name))
        return node_welcome{"a node's name is 1 to 63 letters, digits, "
                            "'-', '.' or '_'",
                            false};
      return self->delegate(find_or_make(x.profile.name), x, machine);
    },
    [this](heartbeat& x) {
      if (auto to = find(x.node))
        self->send(to, std::move(x));
    },
    [this](assigned_work& x) {
      if (auto to = find(x.node))
        self->send(to, std::move(x));
    },
    [this](const poll_work& x) -> caf::result<work_batch> {
      if (auto to = find(x.node))
        return self->delegate(to, x);
      return caf::sec::invalid_argument;
    },
    [this](const post_reports& x) -> caf::result<reports_taken> {
      if (auto to = find(x.node))
        return self->delegate(to, x);
      return caf::sec::invalid_argument;
    },
    [this](const forward_read_log& x) -> caf::result<log_chunk> {
      if (auto to = find(x.node))
        return self->delegate(to, x);
      return log_chunk{"node " + x.node + " is not connected"};
    },
    [this](const forward_exec& x) -> caf::result<exec_result> {
      if (auto to = find(x.node))
        return self->delegate(to, x);
      return exec_result{"node " + x.node + " is not connected"};
    },
  };
}

nodes_actor::behavior_type
nodes(nodes_actor::stateful_pointer<nodes_state> self,
      node_actor_options options, scheduler_actor scheduler) {
  auto& state = self->state;
  state.options = std::move(options);
  state.scheduler = std::move(scheduler);
  self->send(state.scheduler, nodes_actor{self});
  self->request(state.scheduler, caf::infinite, list_node_names{})
    .then(
      [&state](const node_names& x) {
        for (auto& name : x.names)
          state.find_or_make(name);
      },
      [self](caf::error& x) { self->quit(std::move(x)); });
  return state.make_behavior();
}

} // namespace troupe
