#include "actors/supervisor.hpp"

#include <algorithm>

#include <caf/all.hpp>

#include "runtime/log.hpp"

namespace troupe {

namespace {

using kill_atom = caf::atom_constant<caf::atom("supkill")>;
using start_atom = caf::atom_constant<caf::atom("supstart")>;

/// Former children that are remembered.
constexpr size_t former_max = 64;

/// What a census counts an actor of this process as.
const char* type_of(const caf::actor& x) {
  return static_cast<caf::local_actor*>(
           caf::actor_cast<caf::abstract_actor*>(x))
    ->name();
}

bool is_normal(const caf::error& why) {
  return !why || why == caf::exit_reason::user_shutdown;
}

} // namespace

void supervisor_state::start(size_t i) {
  auto& child = children[i];
  ++child.life;
  child.stopping = false;
  child.actor = child.spec.start(self);
  if (child.life > 1)
    census::note_restart(type_of(child.actor));
  // The link ends the children if this actor fails; the monitor tells of each
  // end exactly once.
  self->monitor(child.actor);
  self->link_to(child.actor);
}

void supervisor_state::stop_from(size_t first) {
  for (auto i = children.size(); i-- > first;) {
    auto& child = children[i];
    if (!child.actor || child.stopping)
      continue;
    child.stopping = true;
    ++stops_pending;
    self->send_exit(child.actor, caf::exit_reason::user_shutdown);
    self->delayed_send(self, child.spec.stop_timeout, kill_atom::value,
                       uint64_t{i}, child.life);
  }
  if (stops_pending == 0)
    children_stopped();
}

void supervisor_state::children_stopped() {
  if (ending) {
    self->quit(end_reason);
  } else if (restarting) {
    restarting = false;
    for (auto i = restart_from; i < children.size(); ++i)
      if (!children[i].actor)
        start(i);
  }
}

void supervisor_state::hear_down(const caf::down_msg& down) {
  auto at = std::find_if(children.begin(), children.end(), [&](const slot& x) {
    return x.actor && x.actor.address() == down.source;
  });
  if (at == children.end())
    return;
  former.push_back(at->actor.address());
  if (former.size() > former_max)
    former.pop_front();
  at->actor = nullptr;
  if (at->stopping) {
    at->stopping = false;
    if (--stops_pending == 0)
      children_stopped();
  } else if (!ending && !restarting) {
    fail(static_cast<size_t>(at - children.begin()), down.reason);
  }
}

void supervisor_state::fail(size_t i, const caf::error& why) {
  auto& child = children[i];
  runtime::log::error("{}: {} failed: {}", options.name, child.spec.name,
                      self->system().render(why));
  auto now = self->clock().now();
  restarts.push_back(now);
  while (restarts.front() + options.period < now)
    restarts.pop_front();
  if (restarts.size() > options.restarts_max) {
    end(caf::make_error(caf::sec::runtime_error, options.name + ": "
                                                   + child.spec.name
                                                   + " failed too often"));
    return;
  }
  auto power = std::min<size_t>(restarts.size() - 1, 6);
  self->delayed_send(self, options.backoff * (1U << power), start_atom::value,
                     uint64_t{i}, child.life);
}

void supervisor_state::begin_again(size_t first) {
  if (options.strategy == restart_strategy::one_for_one) {
    start(first);
    return;
  }
  restarting = true;
  restart_from = first;
  stop_from(first);
}

void supervisor_state::end(caf::error why) {
  if (ending)
    return;
  ending = true;
  end_reason = std::move(why);
  stop_from(0);
}

bool supervisor_state::knows(const caf::actor_addr& source) const {
  return std::any_of(children.begin(), children.end(),
                     [&](const slot& x) {
                       return x.actor && x.actor.address() == source;
                     })
         || std::find(former.begin(), former.end(), source) != former.end();
}

caf::behavior
supervisor(caf::stateful_actor<supervisor_state>* self,
           supervisor_options options, std::vector<child_spec> children) {
  auto& state = self->state;
  state.options = std::move(options);
  for (auto& child : children)
    state.children.push_back({std::move(child), {}, 0, false});
  self->set_default_handler(caf::drop);
  self->set_down_handler([self](caf::down_msg& x) { //
    self->state.hear_down(x);
  });
  self->set_exit_handler([self](caf::exit_msg& x) {
    // Exits of children come by the monitor too; any other is the parent's.
    if (!self->state.knows(x.source))
      self->state.end(is_normal(x.reason) ? caf::exit_reason::user_shutdown
                                          : std::move(x.reason));
  });
  self->set_exception_handler(
    [](caf::scheduled_actor*, std::exception_ptr&) -> caf::error {
      return caf::sec::runtime_error;
    });
  for (size_t i = 0; i < state.children.size(); ++i)
    state.start(i);
  return {
    [self](kill_atom, uint64_t i, uint64_t life) {
      auto& child = self->state.children[i];
      if (child.actor && child.stopping && child.life == life)
        self->send_exit(child.actor, caf::exit_reason::kill);
    },
    [self](start_atom, uint64_t i, uint64_t life) {
      auto& s = self->state;
      auto& child = s.children[i];
      if (!child.actor && child.life == life && !s.ending && !s.restarting)
        s.begin_again(i);
    },
  };
}

} // namespace troupe
