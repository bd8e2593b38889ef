#include "actors/node.hpp"

#include <caf/io/middleman.hpp>

#include "runtime/log.hpp"

namespace troupe {

namespace {

namespace log = runtime::log;

/// How long the scheduler may take for a command, a full disk included.
constexpr auto command_timeout = std::chrono::minutes{10};

void tell(caf::typed_response_promise<node_welcome>& promise, node_welcome x) {
  promise.deliver(std::move(x));
}

} // namespace

void node_actor_state::report(std::optional<troupe::node_state> change) {
  if (!change)
    return;
  log::info("node {}: {}", node,
            *change == node_state::ready ? "it is back" : "it is silent");
  self
    ->request(scheduler, command_timeout,
              run_command{change_node_health{node, *change}})
    .then([](const command_answer&) {},
          [this](const caf::error& x) {
            log::error("node {}: {}", node, self->system().render(x));
          });
  // A machine that comes back after this joins as a new node.
  if (*change == node_state::removed)
    end();
}

/// Half an interval of grace, since heartbeats are neither sent nor heard to the
/// millisecond.
void node_actor_state::count_missed() {
  auto silence = self->clock().now() - core->last_beat();
  auto late = silence - options.heartbeat_interval / 2;
  auto due = late.count() < 0
               ? uint64_t{0}
               : static_cast<uint64_t>(late / options.heartbeat_interval);
  if (due > missed)
    options.meters->note_missed_heartbeats(node, due - missed);
  missed = due;
}

// -- connections -------------------------------------------------------------

void node_actor_state::disconnect() {
  ++connection;
  if (session) {
    self->demonitor(session.address());
    self->send_exit(session, caf::exit_reason::user_shutdown);
    session = nullptr;
  }
  work.clear();
  polled = listing::unknown;
  listed.clear();
}

/// A machine that lives keeps its name: with two of one name, all tasks would run
/// here and there in turn, and at once. One that is silent for too long, as after
/// it was installed anew, gives it up.
std::optional<node_welcome>
node_actor_state::refuse_other(const node_hello& x) {
  if (x.identity.empty() || identity.empty() || x.identity == identity
      || core->state() != node_state::ready)
    return std::nullopt;
  auto where = place.empty() ? std::string{} : ", at " + place;
  if (!session)
    // It may have ended for good, or be on its way back.
    return node_welcome{
      "the name \"" + node + "\" is of another node" + where
      + ", which was heard a moment ago: this one may have it "
        "once that is unhealthy"};
  return node_welcome{"the name \"" + node
                        + "\" is in use by a node that is alive" + where
                        + ": give this one another --name, or stop that one",
                      false};
}

/// Whether a hello does not know of what the machine has told of since the hello
/// before: it says what was known before that one was answered, with work, and
/// has been overtaken by what came of it. The next one knows.
bool node_actor_state::is_stale(const node_hello& x) {
  for (auto& known : x.inventory)
    told.erase(known.allocation);
  return !std::exchange(told, {}).empty();
}

void node_actor_state::note_told(const std::vector<task_report>& reports) {
  for (auto& x : reports)
    if (x.state == task_state::starting || x.state == task_state::running)
      told.insert(x.allocation);
    else if (!x.restarts)
      told.erase(x.allocation);
}

/// Ends, since the node was removed: the machine joins anew when it notices.
void node_actor_state::leave(const refusal& why) {
  log::warn("node {}: {}", node, why.detail);
  disconnect();
  end();
}

void node_actor_state::end() {
  options.meters->forget_node(node);
  self->quit(caf::exit_reason::user_shutdown);
}

void node_actor_state::welcome(
  const node_hello& hello, const caf::strong_actor_ptr& machine,
  caf::typed_response_promise<node_welcome> promise) {
  if (!machine && session)
    return tell(promise,
                node_welcome{"a machine has joined as \"" + node
                             + "\" and is connected: take another name"});
  if (auto other = refuse_other(hello); machine && other) {
    log::warn("node {}: refused one more of this name, at {}", node,
              hello.place);
    return tell(promise, std::move(*other));
  }
  // A second hello means that the connection before is dead, whatever the
  // network says. A worker that speaks HTTP has none.
  if (machine) {
    disconnect();
    identity = hello.identity;
    place = hello.place;
  }
  report(core->beat(self->clock().now()));
  if (machine && is_stale(hello))
    return tell(promise, node_welcome{"it has begun more since it said hello"});
  join_node command{hello.profile, std::nullopt};
  if (machine)
    command.inventory = hello.inventory;
  self->request(scheduler, command_timeout, run_command{std::move(command)})
    .then(
      [this, machine, promise,
       mine = connection](const command_answer& x) mutable {
        if (mine != connection)
          return tell(promise, node_welcome{"joined again meanwhile"});
        if (x.refused)
          return tell(promise, node_welcome{x.refused->detail,
                                            x.refused->kind
                                              == refusal_kind::unavailable});
        if (!machine)
          return tell(promise, {});
        spawn_session(x.done.term, machine, promise);
      },
      [this, promise](const caf::error& x) mutable {
        promise.deliver(node_welcome{self->system().render(x)});
      });
}

void node_actor_state::spawn_session(
  version_number term, const caf::strong_actor_ptr& machine,
  caf::typed_response_promise<node_welcome> promise) {
  if (!options.leads())
    return tell(promise,
                node_welcome{"this controller does not lead any more"});
  auto me = caf::actor_cast<caf::strong_actor_ptr>(self);
  if (machine->node() == self->system().node()) {
    auto made = troupe::spawn_session(self->system(), *options.local_agents,
                                      node, term, me);
    if (!made)
      return tell(promise, node_welcome{"its agent is not there"});
    return connect(std::move(made), term, std::move(promise));
  }
  self
    ->request(self->system().middleman().actor_handle(),
              options.request_timeout, caf::spawn_atom_v, machine->node(),
              std::string{session_factory}, caf::make_message(node, term, me),
              self->system().message_types<session_actor>())
    .then(
      [this, term, promise,
       mine = connection](caf::strong_actor_ptr& made) mutable {
        if (!made || mine != connection)
          return tell(promise, node_welcome{"the session did not begin"});
        connect(caf::actor_cast<session_actor>(made), term, std::move(promise));
      },
      [this, promise](const caf::error& x) mutable {
        promise.deliver(node_welcome{"the session could not be spawned: "
                                     + self->system().render(x)});
      });
}

void node_actor_state::connect(
  session_actor to, version_number term,
  caf::typed_response_promise<node_welcome> promise) {
  session = std::move(to);
  self->monitor(session);
  log::info("node {}: joined", node);
  log_level_told = 0;
  tell_log_level();
  // All that is open, whatever was sent to earlier sessions.
  self->request(scheduler, command_timeout, list_work{node})
    .then(
      [this, mine = connection](work_batch& x) {
        if (mine != connection)
          return;
        for (auto& item : x.items)
          work.push(std::move(item));
        send_work();
      },
      [this](const caf::error& x) {
        log::error("node {}: {}", node, self->system().render(x));
      });
  promise.deliver(node_welcome{
    {}, true, term, options.cluster_id, options.heartbeat_interval});
}

void node_actor_state::tell_log_level() {
  auto wish = options.log_level->now();
  if (!session || wish.number == log_level_told)
    return;
  log_level_told = wish.number;
  self->send(session, set_log_level{std::move(wish.level)});
}

// -- work --------------------------------------------------------------------

void node_actor_state::send_work() {
  if (!options.leads())
    return;
  if (!session)
    return answer_polls();
  for (auto items = work.take(options.batch_items_max); !items.empty();
       items = work.take(options.batch_items_max))
    self->send(session, work_batch{std::move(items)});
}

/// Sees to it that work which an earlier life of this actor has offered in vain
/// is offered again.
void node_actor_state::list_for_polls() {
  if (session || polled != listing::unknown)
    return;
  polled = listing::asked;
  self->request(scheduler, command_timeout, list_work{node})
    .then(
      [this, mine = connection](work_batch& x) {
        if (session || mine != connection)
          return;
        // Numbers that no earlier life has given: what a worker acknowledges may
        // come from one. In JSON they end at 2^53.
        using std::chrono::microseconds;
        auto now = self->clock().now().time_since_epoch();
        work.clear(static_cast<uint64_t>(
          std::chrono::duration_cast<microseconds>(now).count()));
        for (auto& item : x.items) {
          if (item.kind == work_kind::start)
            listed.insert(item.allocation);
          work.push(std::move(item));
        }
        polled = listing::known;
        answer_polls();
      },
      [this, mine = connection](const caf::error& x) {
        log::error("node {}: {}", node, self->system().render(x));
        if (mine == connection)
          polled = listing::unknown;
      });
}

void node_actor_state::answer_polls() {
  if (polled == listing::asked)
    return;
  auto now = self->clock().now();
  auto open = work.open(options.batch_items_max);
  std::erase_if(polls, [&](poll& x) {
    if (open.empty() && now < x.until)
      return false;
    x.promise.deliver(work_batch{open});
    return true;
  });
}

node_actor::behavior_type node_actor_state::make_behavior() {
  self->delayed_send(self, options.tick_interval, atom::tick_v);
  self->set_down_handler([this](const caf::down_msg& x) {
    if (!session || session.address() != x.source)
      return;
    log::info("node {}: connection lost", node);
    session = nullptr;
    disconnect();
  });
  return {
    [this](const node_hello& x,
           const caf::strong_actor_ptr& machine) -> caf::result<node_welcome> {
      auto promise = self->make_response_promise<node_welcome>();
      welcome(x, machine, promise);
      return promise;
    },
    [this](heartbeat& x) {
      report(core->beat(self->clock().now()));
      self->send(scheduler, std::move(x));
    },
    [this](const work_taken& x) {
      work.acknowledge(x.sequence);
      send_work();
    },
    [this](report_batch& x) {
      if (x.reports.empty())
        return;
      note_told(x.reports);
      auto last = x.reports.back().sequence;
      // The scheduler answers or takes this actor with it: a timeout would only
      // cost a timer for each batch.
      self
        ->request(scheduler, caf::infinite,
                  run_command{take_reports{node, std::move(x.reports)}})
        .then(
          [this, last, mine = connection](const command_answer& y) {
            if (y.refused)
              return leave(*y.refused);
            if (session && mine == connection)
              self->send(session, reports_taken{last});
          },
          [this](const caf::error& y) {
            log::error("node {}: {}", node, self->system().render(y));
          });
    },
    [this](assigned_work& x) {
      for (auto& item : x.items)
        // Assigned only once.
        if (item.kind != work_kind::start || listed.erase(item.allocation) == 0)
          work.push(std::move(item));
      send_work();
    },
    [this](const poll_work& x) -> caf::result<work_batch> {
      auto promise = self->make_response_promise<work_batch>();
      polls.push_back({self->clock().now() + x.patience, promise});
      list_for_polls();
      answer_polls();
      return promise;
    },
    [this](post_reports& x) -> caf::result<reports_taken> {
      work.acknowledge(x.acknowledged);
      auto promise = self->make_response_promise<reports_taken>();
      auto last = x.batch.reports.empty() ? 0 : x.batch.reports.back().sequence;
      self
        ->request(scheduler, command_timeout,
                  run_command{take_reports{node, std::move(x.batch.reports)}})
        .then(
          [this, promise, last](const command_answer& y) mutable {
            promise.deliver(reports_taken{y.refused ? 0 : last});
            if (y.refused)
              leave(*y.refused);
          },
          [promise](caf::error& y) mutable { promise.deliver(std::move(y)); });
      return promise;
    },
    [this](const forward_read_log& x) -> caf::result<log_chunk> {
      if (!session)
        return log_chunk{"node " + node + " is not connected now"};
      return self->delegate(session, x.what);
    },
    [this](const forward_exec& x) -> caf::result<exec_result> {
      if (!session)
        return exec_result{"node " + node + " is not connected now"};
      return self->delegate(session, x.what);
    },
    [this](atom::tick) {
      self->delayed_send(self, options.tick_interval, atom::tick_v);
      alive.note_mailbox(self->mailbox().size());
      count_missed();
      tell_log_level();
      report(core->tick(self->clock().now()));
      answer_polls();
    },
  };
}

node_actor::behavior_type
node(node_actor::stateful_pointer<node_actor_state> self, std::string name,
     node_actor_options options, scheduler_actor scheduler) {
  auto& state = self->state;
  state.node = std::move(name);
  state.options = std::move(options);
  state.work = runtime::outbox<work_item>{state.options.window};
  state.scheduler = std::move(scheduler);
  state.core.emplace(state.options.health, self->clock().now());
  state.options.meters->note_missed_heartbeats(state.node, 0);
  return state.make_behavior();
}

} // namespace troupe
