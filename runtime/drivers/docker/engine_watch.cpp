#include <csignal>

#include "runtime/drivers/docker/engine_core.hpp"

// How an exit is noticed, and how the door gets back in step with an engine that
// was away, or with one that ran containers before the door was opened.

namespace troupe::runtime::docker {

using http::client_failure;

namespace {

constexpr milliseconds watch_again_after{100};
// A line is some kilobytes: it holds all labels of a container.
constexpr size_t event_line_max = size_t{1} << 20;

} // namespace

// -- exits ------------------------------------------------------------------------

void engine::core::open_wait(const entry_ptr& x, const char* condition,
                             std::function<void()> on_open,
                             answer_handler on_failed) {
  if (x->wait != 0)
    client_.cancel(std::exchange(x->wait, 0));
  auto opened = std::make_shared<bool>(false);
  auto wait = request("POST", "/containers/" + x->id
                                + "/wait?condition=" + std::string{condition});
  wait.timeout = milliseconds{0};
  wait.header_timeout = options_.start_timeout;
  wait.fresh_connection = true;
  wait.body_max = 65'536;
  wait.on_header
    = [this, opened, on_open = std::move(on_open)](int status, auto&) {
        if (closing_ || status != 200)
          return;
        *opened = true;
        if (on_open)
          on_open();
      };
  send(
    std::move(wait),
    [this, x, opened, on_failed = std::move(on_failed)](engine_answer answer) {
      if (x->forgotten || answer.failure == client_failure::cancelled)
        return;
      x->wait = 0;
      if (!*opened)
        return on_failed(answer);
      x->wait_code = answer.answered() ? read_wait(answer.body) : std::nullopt;
      x->cut = !x->wait_code;
      check_exit(x);
    },
    &x->wait);
}

// Unlike `next-exit` this is answered at once if there is nothing to wait for.
void engine::core::watch(const entry_ptr& x) {
  open_wait(
    x, "not-running", [x] { x->cut = false; },
    [this, x](const engine_answer& answer) {
      note_failed(answer);
      if (answer.answered())
        check_exit(x);
      else
        x->cut = true;
    });
}

void engine::core::check_exit(const entry_ptr& x) {
  if (x->forgotten || x->now != phase::running || x->inspecting)
    return;
  x->inspecting = true;
  call("GET", "/containers/" + x->id + "/json", {}, options_.call_timeout,
       call_mode::plain, [this, x](const engine_answer& answer) {
         x->inspecting = false;
         if (!x->forgotten && x->now == phase::running)
           exit_checked(x, answer);
       });
}

void engine::core::exit_checked(const entry_ptr& x,
                                const engine_answer& answer) {
  if (!answer.answered() || answer.status >= 500)
    return note_failed(answer); // The next sign of life brings it back here.
  if (answer.status == 404) {
    exit_status exit;
    exit.code = x->wait_code.value_or(-1);
    exit.error = "the container was removed by somebody else";
    return report_exit(x, exit);
  }
  auto found = read_inspect(options_.who, answer.body);
  if (found && found->state == container_state::exited)
    return report_exit(x, found->exit);
  if (x->wait == 0)
    client_.after(watch_again_after, [this, x] {
      if (!closing_ && !x->forgotten && x->now == phase::running
          && x->wait == 0)
        watch(x);
    });
}

void engine::core::report_exit(const entry_ptr& x, exit_status exit) {
  x->now = phase::exited;
  if (x->wait != 0)
    client_.cancel(std::exchange(x->wait, 0));
  exit.while_away = x->cut;
  if (exit.code == 126 || exit.code == 127)
    return explain_exit(x, std::move(exit));
  auto killed = exit.signal == SIGTERM || exit.signal == SIGKILL;
  if (killed && !x->signalled && !exit.while_away && !exit.oom)
    return suspect_exit(x, std::move(exit));
  tell(container_exited{x->spec.run(), std::move(exit)});
}

// An engine that is told to end takes no new connections, ends its containers, and
// still tells of it on the old ones.
void engine::core::suspect_exit(const entry_ptr& x, exit_status exit) {
  auto ping = request("GET", "");
  ping.url = "http://docker/_ping";
  ping.timeout = options_.health_timeout;
  ping.fresh_connection = true;
  send(std::move(ping),
       [this, x, exit = std::move(exit)](const engine_answer& answer) mutable {
         exit.while_away = !answer.answered();
         note_failed(answer);
         tell(container_exited{x->spec.run(), std::move(exit)});
       });
}

// With a first process of its own, the engine does not learn that the command is
// not there. It is told apart from a command's own 127 by the end of the log.
void engine::core::explain_exit(const entry_ptr& x, exit_status exit) {
  auto path = "/containers/" + x->id + "/logs?stderr=1&tail=1";
  call("GET", path, {}, options_.call_timeout, call_mode::plain,
       [this, x, exit = std::move(exit)](const engine_answer& answer) mutable {
         // Without an answer the code has to speak for itself.
         if (auto why = read_init_error(answer.body);
             answer.answered() && answer.status == 200 && why) {
           exit.bad_command = true;
           exit.error = std::move(*why);
         }
         tell(container_exited{x->spec.run(), std::move(exit)});
       });
}

// -- events -----------------------------------------------------------------------

void engine::core::open_events() {
  events_line_.clear();
  // Events of the very instant that was seen last come again, which is harmless.
  auto seconds = events_since_ / 1'000'000'000;
  auto fraction = std::to_string(events_since_ % 1'000'000'000);
  fraction.insert(0, 9 - fraction.size(), '0');
  auto path = "/events?since=" + std::to_string(seconds) + '.' + fraction
              + "&filters=" + http::url_encode(event_filters(options_.who));
  auto events = request("GET", path);
  events.timeout = milliseconds{0};
  events.header_timeout = options_.call_timeout;
  events.fresh_connection = true;
  events.on_data = [this](std::string_view bytes) { read_events(bytes); };
  send(
    std::move(events),
    [this](const engine_answer& answer) {
      events_ = 0;
      note_failed(answer);
    },
    &events_);
}

void engine::core::read_events(std::string_view bytes) {
  while (!closing_ && !bytes.empty()) {
    auto end = bytes.find('\n');
    auto part = bytes.substr(0, end);
    if (events_line_.size() + part.size() <= event_line_max)
      events_line_ += part;
    if (end == std::string_view::npos)
      return;
    bytes.remove_prefix(end + 1);
    auto event = read_event(std::exchange(events_line_, {}));
    if (!event)
      continue;
    events_since_ = std::max(events_since_, event->time_nanoseconds);
    if (auto x = event->run ? find(*event->run) : nullptr)
      check_exit(x);
  }
}

// -- after an outage ----------------------------------------------------------------

// Runs at every sign of life and costs nothing when all is as it should be.
void engine::core::reconcile() {
  auto all = entries_;
  for (auto& [run, x] : all) {
    if (x->now == phase::doubtful)
      resolve_doubt(x);
    if (x->now == phase::running && x->wait == 0)
      check_exit(x);
    if (x->now == phase::running && x->kill_wanted)
      signal(x, "SIGKILL", [](auto&&) {
        // Asked for again at the next sign of life.
      });
  }
}

void engine::core::resolve_doubt(const entry_ptr& x) {
  if (std::exchange(x->inspecting, true))
    return;
  client_.after(options_.settle_time, [this, x] {
    if (closing_)
      return;
    call("GET", "/containers/" + x->name + "/json", {}, options_.call_timeout,
         call_mode::plain, [this, x](const engine_answer& answer) {
           x->inspecting = false;
           if (!x->forgotten && x->now == phase::doubtful)
             doubt_resolved(x, answer);
         });
  });
}

void engine::core::doubt_resolved(const entry_ptr& x,
                                  const engine_answer& answer) {
  if (!answer.answered() || answer.status >= 500)
    return note_failed(answer);
  auto run = x->spec.run();
  auto found = read_inspect(options_.who, answer.body);
  auto gone = answer.status == 404 || !found || found->run() != run;
  auto never_ran = !gone && found->state == container_state::created;
  if ((gone || never_ran) && x->may_have_run)
    return end_unknown(x, [x] { x->after_start.clear(); });
  if (gone) {
    forget(x);
    return tell(container_not_started{run});
  }
  x->id = found->id;
  switch (found->state) {
  case container_state::created:
    x->now = phase::created;
    x->after_start.clear();
    return tell(container_not_started{run});
  case container_state::running:
    x->now = phase::running;
    tell(container_started{run});
    if (x->wait == 0)
      watch(x);
    return run_stops(x);
  case container_state::exited:
    x->after_start.clear();
    return report_exit(x, found->exit);
  }
}

// -- adoption -----------------------------------------------------------------------

void engine::core::adopt(reply<std::vector<container_view>> done) {
  // Before the list, so that what happens after it is not missed.
  if (events_ == 0 && !before_version_)
    open_events();
  call("GET",
       "/containers/json?all=true&filters="
         + http::url_encode(list_filters(options_.who)),
       {}, options_.call_timeout, call_mode::plain,
       [this, done = std::move(done)](const engine_answer& answer) mutable {
         if (!answer.answered() || answer.status != 200)
           return done(
             make_unexpected(unexpected("listing containers", answer)));
         auto found = read_list(options_.who, answer.body);
         if (!found)
           return done(
             make_unexpected(failure{error_kind::engine_error, found.error()}));
         adopt_rest(
           std::make_shared<std::vector<container_view>>(std::move(*found)), 0,
           std::move(done));
       });
}

// One inspection after the other: there may be thousands.
void engine::core::adopt_rest(
  std::shared_ptr<std::vector<container_view>> found, size_t next,
  reply<std::vector<container_view>> done) {
  for (; next < found->size(); ++next) {
    auto& view = (*found)[next];
    auto known = find(view.run());
    if (known && known->now == phase::running) {
      // Its exit, if there is one, comes as an event.
      view.state = container_state::running;
    } else if (view.state == container_state::exited) {
      break;
    } else if (!known) {
      auto running = view.state == container_state::running;
      auto x = enter(view, running ? phase::running : phase::created);
      if (running)
        watch(x);
    }
  }
  if (next >= found->size())
    return done(std::move(*found));
  auto id = (*found)[next].id;
  call("GET", "/containers/" + id + "/json", {}, options_.call_timeout,
       call_mode::plain,
       [this, found, next,
        done = std::move(done)](const engine_answer& answer) mutable {
         auto& all = *found;
         if (!answer.answered() || answer.status >= 500)
           return done(make_unexpected(unexpected("inspecting", answer)));
         auto view = read_inspect(options_.who, answer.body);
         if (answer.status != 200 || !view) {
           all.erase(all.begin() + static_cast<std::ptrdiff_t>(next));
           return adopt_rest(found, next, std::move(done));
         }
         all[next] = std::move(*view);
         if (!find(all[next].run()))
           enter(all[next], phase::exited);
         adopt_rest(found, next + 1, std::move(done));
       });
}

engine::core::entry_ptr
engine::core::enter(const container_view& found, phase now) {
  auto x = std::make_shared<entry>();
  x->spec.allocation = found.allocation;
  x->spec.task = found.task;
  x->spec.attempt = found.attempt;
  x->name = container_name(options_.who, x->spec);
  x->id = found.id;
  x->now = now;
  x->may_have_run = true;
  entries_.emplace(found.run(), x);
  return x;
}

} // namespace troupe::runtime::docker
