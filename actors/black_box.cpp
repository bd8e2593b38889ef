#include "actors/black_box.hpp"

#include "messages/json.hpp"
#include "messages/view.hpp"

#include "runtime/base64.hpp"
#include "runtime/log.hpp"

namespace troupe {

namespace {

namespace box = runtime::black_box;
namespace log = runtime::log;

} // namespace

/// What runs already, when this actor begins.
void black_box_state::find_running(std::string cursor) {
  list_tasks wanted;
  wanted.states
    = {task_state::placed, task_state::starting, task_state::running};
  wanted.limit = list_limit_max;
  wanted.cursor = std::move(cursor);
  self->request(scheduler, options.request_timeout, run_query{wanted})
    .then(
      [this](const query_answer& x) {
        if (x.refused)
          return;
        std::vector<task_view> items;
        static_cast<void>(json::read(x.view->at("items"), items));
        for (auto& task : items) {
          if (task.driver == driver_kind::simulated) {
            simulated.insert(task.job);
            continue;
          }
          run which{task.allocation, task.attempt};
          // A fact that came meanwhile knows better.
          if (!present.try_emplace(task.id, which).second)
            continue;
          places[which].node = task.node;
          rounds.begin(which, self->clock().now());
        }
        if (auto* next = x.view->at("nextCursor").if_string())
          find_running(std::string{*next});
      },
      [](const caf::error& x) {
        log::warn("black box: the scheduler does not answer ({}): output of "
                  "tasks that run already is kept when they end",
                  to_string(x));
      });
}

// -- facts -------------------------------------------------------------------

void black_box_state::take(const event& x) {
  std::visit([&](auto& y) { on(x, y); }, x.what);
}

/// Nothing runs there, so that nothing is asked.
void black_box_state::note_driver(const std::string& job,
                                  const job_spec_ptr& spec) {
  if (spec && spec->driver == driver_kind::simulated)
    simulated.insert(job);
  else
    simulated.erase(job);
}

void black_box_state::on(const event&, const job_submitted& y) {
  note_driver(y.job, y.spec);
}

void black_box_state::on(const event&, const job_updated& y) {
  note_driver(y.job, y.spec);
}

void black_box_state::on(const event&, const job_forgotten& y) {
  simulated.erase(y.job);
}

void black_box_state::on(const event& x, const task_placed& y) {
  if (simulated.contains(y.task.job))
    return;
  run which{{x.version}, y.attempt};
  present[y.task] = which;
  places[which] = {y.node};
}

void black_box_state::on(const event&, const task_started& y) {
  if (auto at = present.find(y.task); at != present.end())
    rounds.begin(at->second, self->clock().now());
}

void black_box_state::on(const event&, const task_ended& y) {
  auto at = present.find(y.task);
  if (at == present.end())
    return;
  auto which = at->second;
  // A restart in its place is the next attempt of the same allocation.
  which.attempt = y.attempt;
  places[which] = {y.node, true};
  give_up(rounds.end(which));
  if (y.restarts) {
    at->second.attempt = y.attempt + 1;
    places[at->second] = {y.node};
  } else {
    present.erase(at);
  }
}

void black_box_state::give_up(const std::optional<run>& x) {
  if (x)
    places.erase(*x);
}

// -- reading -----------------------------------------------------------------

void black_box_state::read(const run& x) {
  open[x];
  for (auto stream : {"stdout", "stderr"})
    read_stream(x, stream);
}

void black_box_state::read_stream(const run& x, const char* stream) {
  read_log ask;
  ask.allocation = x.allocation;
  ask.attempt = x.attempt;
  ask.stream = stream;
  ask.bytes_max = box::stream_bytes_max;
  ask.once = true;
  auto place = places.find(x);
  auto node = place == places.end() ? std::string{} : place->second.node;
  self
    ->request(nodes, options.request_timeout,
              forward_read_log{std::move(node), std::move(ask)})
    .then(
      [this, x, stream](const log_chunk& y) {
        heard(x, stream, runtime::from_base64(y.bytes), !y.error.empty());
      },
      [this, x, stream](const caf::error&) { heard(x, stream, {}, true); });
}

void black_box_state::heard(const run& x, const char* stream, std::string bytes,
                            bool failed) {
  auto at = open.find(x);
  if (at == open.end())
    return;
  auto& mine = at->second;
  mine.failed = mine.failed || failed;
  (std::string_view{stream} == "stdout" ? mine.got.out : mine.got.err)
    = std::move(bytes);
  if (--mine.missing > 0)
    return;
  auto changed = false;
  // What cannot be read now stays as it was kept before.
  if (!mine.failed && !(mine.got.out.empty() && mine.got.err.empty())) {
    changed = store->find(x) != mine.got;
    if (changed)
      if (auto ok = store->keep(x, mine.got, wall.at(self->clock().now())); !ok)
        log::error("black box: {}", ok.error());
  }
  open.erase(at);
  give_up(rounds.done(x, changed, self->clock().now()));
  if (auto place = places.find(x); place != places.end() && place->second.ended)
    places.erase(place);
  tick();
}

void black_box_state::tick() {
  auto now = self->clock().now();
  while (open.size() < options.open_max) {
    auto which = rounds.next(now, false);
    if (!which)
      return;
    read(*which);
  }
}

black_box_actor::behavior_type black_box_state::make_behavior() {
  self->delayed_send(self, options.tick_interval, atom::tick_v);
  return {
    [this](const event_batch& x) {
      for (auto& y : *x.events)
        take(y);
      tick();
    },
    [this](const read_kept_output& x) {
      kept_output result;
      if (auto found = store->find({x.allocation, x.attempt})) {
        result.found = true;
        result.out = std::move(found->out);
        result.err = std::move(found->err);
      }
      return result;
    },
    [this](atom::tick) {
      self->delayed_send(self, options.tick_interval, atom::tick_v);
      alive.note_mailbox(self->mailbox().size());
      tick();
      for (size_t i = 0; i < options.live_per_tick; ++i)
        if (open.size() < options.open_max)
          if (auto which = rounds.next(self->clock().now(), true))
            read(*which);
    },
  };
}

black_box_actor::behavior_type
black_box(black_box_actor::stateful_pointer<black_box_state> self,
          black_box_options options, scheduler_actor scheduler,
          nodes_actor nodes, watch_actor watch) {
  auto& state = self->state;
  state.options = std::move(options);
  state.rounds = box::rounds{state.options.rounds};
  state.scheduler = std::move(scheduler);
  state.nodes = std::move(nodes);
  auto store = box::store::open(state.options.store);
  if (!store) {
    log::error("black box: {}", store.error());
    self->quit(caf::make_error(caf::sec::runtime_error, store.error()));
    return black_box_actor::behavior_type::make_empty_behavior();
  }
  state.store.emplace(std::move(*store));
  self->send(watch, caf::actor_cast<event_listener_actor>(self));
  state.find_running({});
  return state.make_behavior();
}

} // namespace troupe
