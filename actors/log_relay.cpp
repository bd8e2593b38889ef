#include "actors/log_relay.hpp"

#include <algorithm>
#include <random>
#include <utility>

#include "messages/json.hpp"
#include "messages/result.hpp"
#include "messages/view.hpp"

#include "runtime/api/render.hpp"
#include "runtime/base64.hpp"
#include "runtime/http/exchange.hpp"

namespace troupe {

namespace http = runtime::http;

namespace {

uint64_t random_reader() {
  std::random_device chance;
  return (uint64_t{chance()} << 32) | chance();
}

/// Whether no attempt follows any more.
bool is_over(const boost::json::object& view) {
  auto state = task_state::pending;
  static_cast<void>(json::read(view.at("state"), state));
  return is_final(state);
}

} // namespace

void log_relay_state::find_allocation() {
  self
    ->request(scheduler, options.request_timeout,
              run_query{get_task{what.task}})
    .then(
      [this](const query_answer& x) {
        if (x.refused) {
          call.exchange->answer(runtime::api::render(*x.refused));
          self->quit();
        } else {
          use_view(x.view->as_object());
        }
      },
      [this](const caf::error&) {
        call.exchange->refuse(503, "the scheduler does not answer");
        self->quit();
      });
}

/// Finds the attempt whose output is asked for: of a task that has the result of
/// another, what that one wrote. A task that waits for a place
/// has none yet: a follower waits with it.
void log_relay_state::use_view(const boost::json::object& view) {
  std::vector<attempt_view> attempts;
  static_cast<void>(json::read(view.at("attempts"), attempts));
  for (auto& x : attempts)
    if (!what.attempt || x.attempt == *what.attempt) {
      allocation = x.allocation;
      attempt = x.attempt;
      node = x.node;
    }
  if (auto* from = view.if_contains("cachedFrom");
      from != nullptr && from->is_object() && !what.attempt) {
    task_result other;
    static_cast<void>(json::read(*from, other));
    allocation = other.allocation;
    attempt = other.attempt;
    node = other.node;
    what.attempt = attempt;
  }
  if (allocation) {
    open_stream();
    return open_sources();
  }
  if (what.attempt || !what.follow || is_over(view)) {
    call.exchange->refuse(404, what.attempt
                                 ? "there is no such attempt of this task"
                                 : "this task has not run yet");
    self->quit();
    return;
  }
  open_stream();
  between = true;
  again(options.poll_interval);
}

void log_relay_state::open_stream() {
  http::response head;
  head.content_type = "text/plain; charset=utf-8";
  head.headers
    = {{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}};
  auto me = caf::actor_cast<caf::actor_addr>(self);
  auto wake = [me] {
    if (auto p = caf::actor_cast<caf::strong_actor_ptr>(me))
      caf::anon_send(caf::actor_cast<log_relay_actor>(p), atom::tick_v);
  };
  writer = call.exchange->stream(head, {wake, wake});
}

void log_relay_state::open_sources() {
  sources.clear();
  if (what.stream != runtime::api::log_stream::err)
    sources.push_back({"stdout", random_reader()});
  if (what.stream != runtime::api::log_stream::out)
    sources.push_back({"stderr", random_reader()});
  // The first comes first: most who write to both begin with it.
  next = sources.size() - 1;
  idle = 0;
  has_told = false;
  has_asked = false;
  step();
}

void log_relay_state::look_further() {
  between = true;
  if (writer->write({}) == http::write_result::gone)
    return self->quit();
  if (std::exchange(asking, true))
    return;
  self
    ->request(scheduler, options.request_timeout,
              run_query{get_task{what.task}})
    .then(
      [this](const query_answer& x) {
        asking = false;
        // A job that was forgotten has nothing more to say.
        if (x.refused)
          finish();
        else
          use_next(x.view->as_object());
      },
      [this](const caf::error&) {
        asking = false;
        again(options.look_interval);
      });
}

/// None is left out, also if several came and went: the next is the first after
/// the one before.
void log_relay_state::use_next(const boost::json::object& view) {
  std::vector<attempt_view> attempts;
  static_cast<void>(json::read(view.at("attempts"), attempts));
  auto next_one = std::find_if(
    attempts.begin(), attempts.end(),
    [&](const attempt_view& x) { return x.attempt > attempt && x.allocation; });
  if (next_one == attempts.end())
    return is_over(view) ? finish() : again(options.look_interval);
  allocation = next_one->allocation;
  attempt = next_one->attempt;
  node = next_one->node;
  // What is yet to come is told in full.
  what.tail = std::nullopt;
  between = false;
  open_sources();
}

void log_relay_state::again(std::chrono::milliseconds delay) {
  if (ticking)
    return;
  ticking = true;
  self->delayed_send(self, delay, atom::tick_v);
}

void log_relay_state::finish() {
  writer->end();
  self->quit();
}

void log_relay_state::step() {
  if (asking)
    return;
  if (!unsent.empty()) {
    auto result = writer->write(unsent);
    if (result == http::write_result::gone)
      return self->quit();
    if (result == http::write_result::full)
      // Woken by the client; the timer is for one that goes silently.
      return again(std::chrono::seconds{5});
    unsent.clear();
  }
  auto open = std::count_if(sources.begin(), sources.end(),
                            [](const source& x) { return !x.ended; });
  if (open == 0 || (idle >= sources.size() && !what.follow)) {
    // Its machine may have removed what it wrote.
    if (!has_told && !has_asked)
      return use_kept({});
    return what.follow && !what.attempt ? look_further() : finish();
  }
  if (idle >= sources.size()) {
    // An empty chunk shows whether anybody still reads.
    if (writer->write({}) == http::write_result::gone)
      return self->quit();
    idle = 0;
    return again(options.poll_interval);
  }
  next = (next + 1) % sources.size();
  auto mine = next;
  if (sources[mine].ended) {
    ++idle;
    return step();
  }
  read_log ask{allocation, sources[mine].stream, sources[mine].reader,
               what.tail ? static_cast<int64_t>(*what.tail) : -1};
  ask.attempt = attempt;
  asking = true;
  self->request(nodes, options.request_timeout, forward_read_log{node, ask})
    .then(
      [this, mine](const log_chunk& x) {
        asking = false;
        take(mine, x);
      },
      [this](const caf::error&) {
        asking = false;
        use_kept("node " + node + " does not answer");
      });
}

/// The last lines of `text`, as many as were asked for.
std::string_view log_relay_state::tail_of(std::string_view text) const {
  if (!what.tail)
    return text;
  if (*what.tail == 0)
    return {};
  auto at = text.size();
  // A break at the very end ends the last line and begins none.
  if (at > 0 && text.back() == '\n')
    --at;
  for (auto lines = *what.tail; lines > 0; --lines) {
    if (at == 0)
      return text;
    at = text.rfind('\n', at - 1);
    if (at == std::string_view::npos)
      return text;
  }
  return text.substr(at + 1);
}

void log_relay_state::use_kept(const std::string& why_not) {
  for (auto& x : sources)
    x.ended = true;
  auto say = [this, why_not] {
    if (!why_not.empty())
      unsent = "\n[troupe] " + why_not + '\n';
    step();
  };
  auto asked_before = std::exchange(has_asked, true);
  if (has_told || !black_box || asked_before)
    return say();
  asking = true;
  self
    ->request(black_box, options.request_timeout,
              read_kept_output{allocation, attempt})
    .then(
      [this, say](const kept_output& x) {
        asking = false;
        if (x.found)
          give_kept(x);
        else
          say();
      },
      [this, say](const caf::error&) {
        asking = false;
        say();
      });
}

void log_relay_state::give_kept(const kept_output& x) {
  for (auto& source : sources)
    unsent
      += tail_of(std::string_view{source.stream} == "stdout" ? x.out : x.err);
  step();
}

void log_relay_state::take(size_t mine, const log_chunk& x) {
  if (!x.error.empty() && !has_told && !has_asked)
    return use_kept(x.error);
  has_told = has_told || !x.bytes.empty();
  unsent = runtime::from_base64(x.bytes);
  idle = unsent.empty() ? idle + 1 : 0;
  sources[mine].ended = x.ended || !x.error.empty();
  if (!x.error.empty())
    unsent += "\n[troupe] " + x.error + '\n';
  step();
}

log_relay_actor::behavior_type log_relay_state::make_behavior() {
  return {
    [this](atom::tick) {
      ticking = false;
      if (between)
        look_further();
      else
        step();
    },
  };
}

log_relay_actor::behavior_type
log_relay(log_relay_actor::stateful_pointer<log_relay_state> self,
          http_call call, runtime::api::log_request what,
          scheduler_actor scheduler, nodes_actor nodes,
          black_box_actor black_box) {
  auto& state = self->state;
  state.call = std::move(call);
  state.what = std::move(what);
  state.scheduler = std::move(scheduler);
  state.nodes = std::move(nodes);
  state.black_box = std::move(black_box);
  state.find_allocation();
  return state.make_behavior();
}

} // namespace troupe
