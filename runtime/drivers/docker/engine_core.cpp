#include "runtime/drivers/docker/engine_core.hpp"

#include <unistd.h>

namespace troupe::runtime::docker {

using http::client_failure;

namespace {

constexpr milliseconds check_distance{250};

std::string socket_path(std::string text) {
  constexpr std::string_view scheme = "unix://";
  if (text.starts_with(scheme))
    text.erase(0, scheme.size());
  return text;
}

int64_t unix_time_nanoseconds() {
  using namespace std::chrono;
  return duration_cast<nanoseconds>(system_clock::now().time_since_epoch())
    .count();
}

} // namespace

engine::core::core(engine_options options)
  : options_(std::move(options)), events_since_(unix_time_nanoseconds()) {
  options_.socket = socket_path(std::move(options_.socket));
  client_.post([this] { negotiate(); });
}

engine::core::~core() {
  closing_ = true;
}

void engine::core::post(std::function<void()> f) {
  client_.post([this, f = std::move(f)] {
    if (!closing_)
      f();
  });
}

http::client_request
engine::core::request(std::string method, const std::string& path) const {
  http::client_request result;
  result.method = std::move(method);
  result.url = "http://docker/v" + to_string(version_) + path;
  result.unix_socket = options_.socket;
  result.timeout = options_.call_timeout;
  return result;
}

void engine::core::send(http::client_request request, answer_handler done,
                        uint64_t* id) {
  auto sent = client_.submit(
    std::move(request), [this, done = std::move(done)](http::client_reply x) {
      if (!closing_)
        done({x.status, std::move(x.body), x.failure, std::move(x.error)});
    });
  if (id)
    *id = sent;
}

void engine::core::call(std::string method, std::string path, std::string body,
                        milliseconds timeout, call_mode mode,
                        answer_handler done) {
  if (before_version_) {
    before_version_->push_back([this, method = std::move(method),
                                path = std::move(path), body = std::move(body),
                                timeout, mode,
                                done = std::move(done)]() mutable {
      call(std::move(method), std::move(path), std::move(body), timeout, mode,
           std::move(done));
    });
    return;
  }
  auto x = request(std::move(method), path);
  x.timeout = timeout;
  x.fresh_connection = mode == call_mode::once;
  if (!body.empty())
    x.headers.push_back("Content-Type: application/json");
  x.body = std::move(body);
  send(std::move(x), std::move(done));
}

failure engine::core::unreachable(const engine_answer& answer) const {
  auto text = "the Docker engine at " + options_.socket + " does not answer: ";
  auto* path = options_.socket.c_str();
  if (answer.failure == client_failure::timed_out)
    text += "it takes connections and says nothing, as if it hung";
  else if (answer.failure != client_failure::not_sent)
    text += answer.error;
  else if (::access(path, F_OK) != 0)
    text += "there is no such socket";
  else if (::access(path, R_OK | W_OK) != 0)
    text += "this user may not open the socket";
  else
    text += "nobody listens at the socket";
  return {error_kind::engine_unreachable, std::move(text)};
}

failure
engine::core::unexpected(const char* what, const engine_answer& answer) const {
  if (!answer.answered())
    return unreachable(answer);
  if (answer.status == 404 || answer.status == 409)
    return {error_kind::not_running,
            std::string{what} + " failed: " + error_text(answer.body)};
  return {error_kind::engine_error, std::string{what} + " failed (status "
                                      + std::to_string(answer.status)
                                      + "): " + error_text(answer.body)};
}

void engine::core::probe(reply<engine_version> done) {
  auto x = request("GET", "");
  x.url = "http://docker/version";
  send(std::move(x), [this, done = std::move(done)](engine_answer answer) {
    if (!answer.answered()) {
      auto why = unreachable(answer);
      why.text += "; is Docker installed and running? `troupe doctor` looks "
                  "into it";
      return done(make_unexpected(std::move(why)));
    }
    auto found = read_engine_version(answer.body);
    if (!found)
      return done(
        make_unexpected(failure{error_kind::engine_error, found.error()}));
    version_ = found->api;
    done(std::move(*found));
  });
}

// The first call of a door; all others wait for it. Afterwards the version is
// looked at again whenever the engine comes back, for it may have been upgraded.
void engine::core::negotiate() {
  auto x = request("GET", "");
  x.url = "http://docker/version";
  x.timeout = options_.health_timeout;
  send(std::move(x), [this](engine_answer answer) {
    if (auto found = read_engine_version(answer.body);
        answer.answered() && found)
      version_ = found->api;
    auto waiting = std::move(before_version_);
    before_version_.reset();
    if (waiting)
      for (auto& f : *waiting)
        f();
    note_health(answer.answered(), answer);
  });
}

void engine::core::schedule_health() {
  if (checking_health_)
    return;
  checking_health_ = true;
  // An outage is looked at more often, so that its end is not noticed late.
  auto delay = alive_ == true
                 ? options_.health_interval
                 : std::min(options_.health_interval, milliseconds{1'000});
  client_.after(delay, [this] {
    checking_health_ = false;
    check_health();
  });
}

void engine::core::check_health() {
  if (closing_)
    return;
  auto x = request("GET", "");
  x.url = "http://docker/_ping";
  x.timeout = options_.health_timeout;
  // Behind others on a kept connection it would measure those.
  x.fresh_connection = true;
  send(std::move(x), [this](engine_answer answer) {
    note_health(answer.answered() && answer.status == 200, answer);
  });
}

// What looks like an outage is looked into at once.
void engine::core::note_failed(const engine_answer& answer) {
  auto now = std::chrono::steady_clock::now();
  // A hundred streams break at once, and an engine that is ill breaks them again
  // and again: the regular check is soon enough for the rest.
  if (answer.answered() || alive_ != true || now - checked_ < check_distance)
    return;
  checked_ = now;
  check_health();
}

void engine::core::note_health(bool alive, const engine_answer& answer) {
  auto before = std::exchange(alive_, alive);
  schedule_health();
  if (!alive) {
    if (before != false)
      tell(engine_lost{unreachable(answer).text});
    return;
  }
  if (before == false) {
    tell(engine_back{});
    return negotiate();
  }
  if (events_ == 0)
    open_events();
  reconcile();
}

void engine::core::tell(engine_event event) {
  if (options_.on_event)
    options_.on_event(std::move(event));
}

engine::core::entry_ptr engine::core::find(const run_id& run) const {
  auto at = entries_.find(run);
  return at == entries_.end() ? nullptr : at->second;
}

void engine::core::forget(const entry_ptr& x) {
  x->forgotten = true;
  if (x->wait != 0)
    client_.cancel(std::exchange(x->wait, 0));
  if (auto at = entries_.find(x->spec.run());
      at != entries_.end() && at->second == x)
    entries_.erase(at);
}

} // namespace troupe::runtime::docker
