#include "actors/watch.hpp"

#include "messages/json.hpp"

#include "runtime/api/render.hpp"
#include "runtime/http/exchange.hpp"

namespace troupe {

namespace {

namespace http = runtime::http;

constexpr auto journal_timeout = std::chrono::seconds{30};

/// Facts that a new listener is told of at once.
constexpr size_t told_at_once_max = 2'000;

runtime::event_filter filter_of(const watch_events& x) {
  return {x.types, x.job, x.node};
}

} // namespace

void watch_state::take(const event_batch& x) {
  for (auto& y : *x.events) {
    version = y.version;
    recent.push_back(y);
  }
  while (recent.size() > options.events_max)
    recent.pop_front();
  for (auto& y : followers)
    pump(y);
  for (auto& y : listeners)
    self->send(y, x);
  std::erase_if(waiters, [this](waiter& y) {
    if (version <= y.past)
      return false;
    y.promise.deliver(version);
    return true;
  });
}

void watch_state::tell_always(const event_listener_actor& who) {
  auto from = recent.size() > told_at_once_max
                ? recent.end() - static_cast<ptrdiff_t>(told_at_once_max)
                : recent.begin();
  self->send(who, event_batch{std::make_shared<const std::vector<event>>(
                    from, recent.end())});
  self->monitor(who);
  listeners.push_back(who);
}

void watch_state::list(watch_events what) {
  self
    ->request(journal, journal_timeout,
              read_events{what.since, what.limit * 16 + 4'096})
    .then(
      [this, what](const event_batch& x) {
        json::array items;
        auto last = what.since;
        auto filter = filter_of(what);
        for (auto& y : *x.events) {
          if (items.size() >= what.limit)
            break;
          last = y.version;
          if (matches(filter, y))
            items.push_back(write_event(y));
        }
        json::object page{{"items", std::move(items)},
                          {"nextCursor", nullptr},
                          {"version", version}};
        if (last < version)
          page["nextCursor"] = std::to_string(last);
        what.call.exchange->answer(runtime::api::render(json::value(page)));
      },
      [what](const caf::error&) {
        what.call.exchange->refuse(503, "the journal does not answer");
      });
}

void watch_state::follow(watch_events what) {
  http::response head;
  head.content_type = "text/event-stream";
  head.headers = {{"Cache-Control", "no-store"}};
  auto handle = caf::actor_cast<caf::actor_addr>(self);
  auto wake = [handle] {
    if (auto p = caf::actor_cast<caf::strong_actor_ptr>(handle))
      caf::anon_send(caf::actor_cast<watch_actor>(p), atom::flush_v);
  };
  auto writer = what.call.exchange->stream(head, {wake, wake});
  what.call = {};
  auto seen = what.since;
  followers.push_back({filter_of(what), std::move(writer), seen, false, false,
                       self->clock().now()});
  pump(followers.back());
}

bool watch_state::write(follower& x, const event& y) {
  if (!matches(x.filter, y))
    return true;
  auto text = "id: " + std::to_string(y.version)
              + "\nevent: " + std::string{type_of(y.what)}
              + "\ndata: " + runtime::api::json_text(write_event(y)) + "\n\n";
  auto result = x.writer.write(text);
  x.gone = x.gone || result == http::write_result::gone;
  if (result == http::write_result::taken)
    x.last_write = self->clock().now();
  return result == http::write_result::taken;
}

void watch_state::pump(follower& x) {
  if (x.gone || x.reading_journal || x.seen >= version)
    return;
  if (recent.empty() || x.seen + 1 < recent.front().version)
    return read_older(x);
  auto at = recent.begin()
            + static_cast<ptrdiff_t>(x.seen + 1 - recent.front().version);
  for (; at != recent.end() && write(x, *at); ++at)
    x.seen = at->version;
}

void watch_state::read_older(follower& x) {
  x.reading_journal = true;
  auto* place = &x;
  self->request(journal, journal_timeout, read_events{x.seen, 4'096})
    .then(
      [this, place](const event_batch& batch) {
        // Followers are only erased while they read nothing.
        place->reading_journal = false;
        for (auto& y : *batch.events) {
          if (!write(*place, y))
            return;
          place->seen = y.version;
        }
        if (!batch.events->empty())
          pump(*place);
      },
      [place](const caf::error&) {
        place->reading_journal = false;
        place->gone = true;
      });
}

void watch_state::tick() {
  auto now = self->clock().now();
  for (auto& x : followers) {
    pump(x);
    if (!x.gone && now - x.last_write > options.keep_alive) {
      x.last_write = now;
      x.gone = x.writer.write(": still here\n\n") == http::write_result::gone;
    }
  }
  std::erase_if(followers,
                [](const follower& x) { return x.gone && !x.reading_journal; });
  std::erase_if(waiters, [&](waiter& x) {
    if (now < x.until)
      return false;
    x.promise.deliver(version);
    return true;
  });
}

watch_actor::behavior_type watch_state::make_behavior() {
  self->delayed_send(self, options.tick_interval, atom::tick_v);
  self->set_down_handler([this](const caf::down_msg& x) {
    std::erase_if(listeners, [&](const event_listener_actor& y) {
      return y.address() == x.source;
    });
  });
  return {
    [this](const event_batch& x) { take(x); },
    [this](watch_events& x) {
      if (x.follow)
        follow(std::move(x));
      else
        list(std::move(x));
    },
    [this](const event_listener_actor& x) { tell_always(x); },
    [this](const await_version& x) -> caf::result<version_number> {
      auto promise = self->make_response_promise<version_number>();
      // A version that is yet to come stands for the present one.
      auto past = std::min(x.version, version);
      if (version > past)
        promise.deliver(version);
      else
        waiters.push_back({past, self->clock().now() + x.patience, promise});
      return promise;
    },
    [this](atom::tick) {
      self->delayed_send(self, options.tick_interval, atom::tick_v);
      alive.note_mailbox(self->mailbox().size());
      tick();
    },
    [this](atom::flush) { tick(); },
  };
}

watch_actor::behavior_type
watch(watch_actor::stateful_pointer<watch_state> self, watch_options options,
      journal_actor journal) {
  self->state.options = options;
  self->state.journal = std::move(journal);
  return self->state.make_behavior();
}

} // namespace troupe
