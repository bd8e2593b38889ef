#include "actors/join.hpp"

#include <caf/io/middleman.hpp>
#include <caf/openssl/manager.hpp>

#include "runtime/log.hpp"

namespace troupe {

namespace log = runtime::log;

void join_state::dial() {
  ++attempt;
  dialled_at = self->clock().now();
  if (options.controllers.empty()) {
    if (auto local = options.local_controller())
      return hello(std::move(local));
    return lose("the controller is not there");
  }
  auto& address = options.controllers[which % options.controllers.size()];
  auto connector = options.tls ? self->system().openssl_manager().actor_handle()
                               : self->system().middleman().actor_handle();
  self
    ->request(connector, options.connect_timeout, caf::connect_atom_v,
              address.host, address.port)
    .then(
      [this, mine = attempt](const caf::node_id&, caf::strong_actor_ptr& x,
                             const std::set<std::string>&) {
        if (mine != attempt)
          return;
        if (x)
          hello(caf::actor_cast<nodes_actor>(x));
        else
          lose("nobody answers there");
      },
      [this, mine = attempt, at = address](const caf::error& x) {
        if (mine != attempt)
          return;
        auto text = self->system().render(x);
        auto refused = text.find("ip_connect failed") != std::string::npos;
        lose(refused
               ? "nobody listens at " + at.host + ':' + std::to_string(at.port)
               : text);
      });
}

void join_state::hello(nodes_actor to) {
  controller = std::move(to);
  self->monitor(controller);
  auto failed = [this, mine = attempt](const caf::error& x) {
    if (mine == attempt)
      lose(self->system().render(x));
  };
  self->request(agent, options.hello_timeout, list_inventory{})
    .then(
      [this, failed, mine = attempt](inventory& known) {
        if (mine != attempt)
          return;
        node_hello x{options.profile, incarnation, std::move(known.allocations),
                     options.identity, options.place};
        // The session is spawned where this actor lives.
        self
          ->request(controller, options.hello_timeout, std::move(x),
                    caf::actor_cast<caf::strong_actor_ptr>(self))
          .then(
            [this, mine](const node_welcome& y) {
              if (mine == attempt)
                welcomed(y);
            },
            failed);
      },
      failed);
}

void join_state::welcomed(const node_welcome& x) {
  if (!x.refused.empty()) {
    if (!x.try_again && options.on_refused)
      options.on_refused(x.refused);
    return lose(x.refused);
  }
  log::info("joined the controller as node {}", options.profile.name);
  failures = 0;
  joined = true;
  heartbeat_interval = x.heartbeat_interval;
  if (options.on_joined)
    options.on_joined(
      x, options.controllers.empty()
           ? controller_address{}
           : options.controllers[which % options.controllers.size()]);
  beat();
}

/// Starts over, a little later each time and never in step with other machines:
/// a controller that comes back must not meet them all at once.
void join_state::lose(const std::string& why) {
  ++attempt;
  ++which;
  joined = false;
  if (controller) {
    self->demonitor(controller.address());
    controller = nullptr;
  }
  ++failures;
  // Once, and then only now and then: a lost controller is no news for ever.
  if (failures == 1 || failures % 32 == 0)
    log::warn("node {} is not joined: {}; trying again", options.profile.name,
              why);
  self->delayed_send(self, draw_pause(), atom::tick_v, attempt);
}

/// Counted from the last try: into a network that is cut it takes some seconds,
/// which need not be waited for once more.
std::chrono::milliseconds join_state::draw_pause() {
  auto draw = [this](std::chrono::milliseconds longest) {
    std::uniform_int_distribution<int64_t> share{longest.count() / 2,
                                                 longest.count()};
    return std::chrono::milliseconds{share(chance)};
  };
  // Among several one leads: all are tried before there is a pause.
  auto count = std::max<size_t>(options.controllers.size(), 1);
  if (failures % count != 0)
    return draw(options.redial_interval / 10);
  auto power = std::min<size_t>(failures / count - 1, 6);
  auto pause = draw(
    std::min(options.redial_interval * (1U << power), options.redial_max));
  auto took = std::chrono::duration_cast<std::chrono::milliseconds>(
    self->clock().now() - dialled_at);
  return std::max(pause - took, draw(options.redial_interval));
}

void join_state::beat() {
  self->request(agent, options.measure_timeout, measure_runs{})
    .then(
      [this, mine = attempt](measured_runs& x) {
        if (mine == attempt && controller)
          self->send(controller,
                     heartbeat{options.profile.name, meter.measure(),
                               std::move(x.tasks), std::move(x.checks),
                               std::move(x.troubles),
                               std::move(x.burst_limits)});
      },
      [this, mine = attempt](const caf::error&) {
        // A machine that cannot measure is alive all the same.
        if (mine == attempt && controller)
          self->send(controller,
                     heartbeat{options.profile.name, meter.measure(), {}});
      });
  // Up to a tenth early, so that machines drift apart.
  std::uniform_int_distribution<int64_t> share{
    heartbeat_interval.count() * 9 / 10, heartbeat_interval.count()};
  self->delayed_send(self, std::chrono::milliseconds{share(chance)},
                     atom::tick_v, attempt);
}

join_actor::behavior_type join_state::make_behavior() {
  self->set_down_handler([this](const caf::down_msg& x) {
    if (controller && controller.address() == x.source)
      lose("the connection was lost");
  });
  return {
    [this](atom::dial) {
      // If it is not joined, the next try is under way or due.
      if (joined)
        lose("the session has ended");
    },
    [this](atom::tick, uint64_t mine) {
      if (mine != attempt)
        return;
      if (joined)
        beat();
      else
        dial();
    },
  };
}

join_actor::behavior_type join(join_actor::stateful_pointer<join_state> self,
                               join_options options, agent_actor agent) {
  auto& state = self->state;
  state.options = std::move(options);
  state.agent = std::move(agent);
  if (state.options.seed)
    state.chance.seed(*state.options.seed);
  state.incarnation = state.chance();
  self->send(state.agent, tell_session_end{self});
  self->send(self, atom::tick_v, state.attempt);
  return state.make_behavior();
}

} // namespace troupe
