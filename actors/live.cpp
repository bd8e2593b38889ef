#include "actors/live.hpp"

#include "runtime/api/render.hpp"
#include "runtime/http/exchange.hpp"

namespace troupe {

namespace {

namespace http = runtime::http;

refusal unavailable() {
  return {refusal_kind::unavailable,
          "the controller cannot answer now; trying again",
          {}};
}

} // namespace

void live_state::take(const event_batch& x) {
  core.events().add(*x.events);
  if (!past_is_read && core.events().last() > 0)
    read_past();
}

void live_state::read_past() {
  past_is_read = true;
  auto first = core.events().first();
  auto most = options.pages.events_max;
  if (first <= 1)
    return;
  auto since = first - 1 > most ? first - 1 - most : 0;
  self
    ->request(journal, options.query_timeout,
              read_events{since, static_cast<uint32_t>(first - 1 - since)})
    .then([this](const event_batch& x) { core.events().add_older(*x.events); },
          // Pages then show less of what was before this process.
          [](const caf::error&) {});
}

void live_state::open(const http_call& call) {
  auto tab = core.open();
  if (!tab)
    return call.exchange->refuse(503, "too many dashboards are open");
  auto me = caf::actor_cast<caf::actor_addr>(self);
  auto tell_me = [me](auto x) {
    if (auto p = caf::actor_cast<caf::strong_actor_ptr>(me))
      caf::anon_send(caf::actor_cast<live_actor>(p), std::move(x));
  };
  http::stream_callbacks hear;
  hear.on_close = [=, tab = *tab] { tell_me(tab_closed{tab}); };
  hear.on_message = [=, tab = *tab](std::string text) {
    tell_me(tab_said{tab, std::move(text)});
  };
  auto writer = call.exchange->open_socket(std::move(hear));
  // Greets, and finds one that asked for no WebSocket.
  tabs.emplace(*tab, std::move(writer));
  tell();
  keep_ticking();
}

void live_state::ask() {
  for (auto& x : core.due(self->clock().now()))
    self
      ->request<caf::message_priority::high>(scheduler, options.query_timeout,
                                             run_query{std::move(x.what)})
      .then(
        [this, topic = x.topic](const query_answer& y) {
          auto now = self->clock().now();
          if (y.refused)
            core.answered(topic, *y.refused, now);
          else
            core.answered(topic, y.view, now);
          tell();
        },
        [this, topic = x.topic](const caf::error&) {
          core.answered(topic, unavailable(), self->clock().now());
          tell();
        });
}

void live_state::tell() {
  auto now = wall.at(self->clock().now());
  for (auto at = tabs.begin(); at != tabs.end();) {
    auto& [tab, writer] = *at;
    auto gone = false;
    // One that is slow is told less often, and then only the difference.
    if (writer.waiting() == 0)
      gone = writer.write(core.take(tab, now)) == http::write_result::gone;
    if (gone)
      core.close(tab);
    at = gone ? tabs.erase(at) : std::next(at);
  }
}

void live_state::sample() {
  self->request(scheduler, options.query_timeout, run_query{get_usage{}})
    .then(
      [this](const query_answer& x) {
        if (x.view)
          core.history().add(*x.view);
      },
      // The next one will do.
      [](const caf::error&) {});
}

void live_state::keep_ticking() {
  if (ticking || !core.has_tabs())
    return;
  ticking = true;
  self->delayed_send(self, options.tick_interval, atom::tick_v);
}

live_actor::behavior_type live_state::make_behavior() {
  sample();
  self->delayed_send(self, options.sample_interval, atom::flush_v);
  return {
    [this](const event_batch& x) { take(x); },
    [this](const http_call& x) { open(x); },
    [this](const tab_said& x) {
      core.hear(x.tab, x.text);
      ask();
      tell();
    },
    [this](const tab_closed& x) {
      core.close(x.tab);
      tabs.erase(x.tab);
    },
    [this](const read_usage& x) {
      auto nodes = x.nodes.empty() ? std::vector<std::string>{""} : x.nodes;
      return query_answer{std::make_shared<const boost::json::value>(
                            core.history().tell(nodes, x.last)),
                          std::nullopt};
    },
    [this](atom::tick) {
      ticking = false;
      ask();
      tell();
      keep_ticking();
    },
    [this](atom::flush) {
      alive.note_mailbox(self->mailbox().size());
      self->delayed_send(self, options.sample_interval, atom::flush_v);
      sample();
    },
  };
}

live_actor::behavior_type
live(live_actor::stateful_pointer<live_state> self, live_actor_options options,
     scheduler_actor scheduler, watch_actor watch, journal_actor journal) {
  auto& state = self->state;
  state.options = options;
  state.core = runtime::live{options.pages};
  state.scheduler = std::move(scheduler);
  state.journal = std::move(journal);
  self->send(watch, caf::actor_cast<event_listener_actor>(self));
  return state.make_behavior();
}

} // namespace troupe
