#include <algorithm>

#include "runtime/drivers/docker/engine_core.hpp"

// Calls on one container.

namespace troupe::runtime::docker {

using http::client_failure;
using std::chrono::steady_clock;

namespace {

constexpr size_t exec_output_max = size_t{1} << 20;
constexpr milliseconds exec_ask_again_after{50};
constexpr milliseconds exec_timeout_max = std::chrono::hours{24};

failure not_running(const run_id& run) {
  return {error_kind::not_running,
          "no container of run " + to_string(run) + " runs here"};
}

} // namespace

// -- stopping -----------------------------------------------------------------

void engine::core::signal(const entry_ptr& x, const std::string& name,
                          reply<void> done) {
  x->signalled = true;
  call("POST",
       "/containers/" + x->id + "/kill?signal=" + http::url_encode(name), {},
       options_.call_timeout, call_mode::once,
       [this, done = std::move(done)](const engine_answer& answer) {
         if (answer.answered() && answer.status == 204)
           return done({});
         note_failed(answer);
         done(make_unexpected(unexpected("sending a signal", answer)));
       });
}

void engine::core::stop(const run_id& run, const std::string& name,
                        milliseconds grace, const reply<void>& done) {
  auto x = find(run);
  if (!x)
    return done(make_unexpected(not_running(run)));
  auto given_up = failure{error_kind::cancelled, "stopped before it started"};
  switch (x->now) {
  case phase::queued:
    std::erase(starts_waiting_, x);
    fail(x, given_up);
    return done({});
  case phase::pulling:
    std::erase(pulls_[x->spec.image].waiting, x);
    fail(x, given_up);
    return done({});
  case phase::creating:
  case phase::starting:
  case phase::doubtful:
    x->after_start.push_back(
      [this, run, name, grace, done] { stop(run, name, grace, done); });
    return;
  case phase::created:
  case phase::exited:
    return done(make_unexpected(not_running(run)));
  case phase::running:
    break;
  }
  signal(x, name, done);
  if (name == "SIGKILL") {
    x->kill_wanted = true;
    return;
  }
  client_.after(grace, [this, x] {
    if (closing_ || x->forgotten || x->now != phase::running)
      return;
    x->kill_wanted = true;
    signal(x, "SIGKILL", [](auto&&) {
      // Asked for again at the next sign of life, until it has exited.
    });
  });
}

// -- removing -----------------------------------------------------------------

void engine::core::remove_container(const std::string& id, reply<void> done) {
  call("DELETE", "/containers/" + id + "?force=true&v=true", {},
       options_.start_timeout, call_mode::plain,
       [this, done = std::move(done)](const engine_answer& answer) {
         // 409: it is being removed already.
         if (answer.status == 204 || answer.status == 404
             || answer.status == 409)
           return done({});
         note_failed(answer);
         done(make_unexpected(unexpected("removing a container", answer)));
       });
}

void engine::core::remove(const run_id& run, reply<void> done) {
  auto x = find(run);
  if (!x)
    return remove_unknown(run, std::move(done));
  if (x->now != phase::exited && x->now != phase::created
      && x->now != phase::doubtful)
    return done(make_unexpected(
      failure{error_kind::engine_error,
              "the container of run " + to_string(run) + " has not exited"}));
  if (x->now == phase::doubtful)
    return remove_unknown(run, std::move(done));
  remove_container(x->id, [this, x, done = std::move(done)](auto result) {
    if (result)
      forget(x);
    done(result);
  });
}

// It may have a container all the same, from a start that the engine left
// unanswered. Found by its labels, never by its name alone.
void engine::core::remove_unknown(const run_id& run, reply<void> done) {
  auto path = "/containers/json?all=true&filters="
              + http::url_encode(list_filters(options_.who, run));
  call("GET", path, {}, options_.call_timeout, call_mode::plain,
       [this, run, done = std::move(done)](const engine_answer& answer) {
         auto found = read_list(options_.who, answer.body);
         if (!answer.answered() || answer.status != 200 || !found) {
           note_failed(answer);
           return done(
             make_unexpected(unexpected("looking for a container", answer)));
         }
         auto x = find(run);
         if (x && x->now == phase::doubtful)
           forget(x);
         std::erase_if(*found, [&](const container_view& view) {
           return view.run() != run;
         });
         if (found->empty())
           return done({});
         if (found->front().state == container_state::running)
           return done(make_unexpected(failure{
             error_kind::engine_error,
             "the container of run " + to_string(run) + " has not exited"}));
         remove_container(found->front().id, done);
       });
}

// -- logs -----------------------------------------------------------------------

void engine::core::logs(uint64_t stream, const run_id& run,
                        const log_query& query, log_frames::piece on_piece,
                        reply<void> on_end) {
  auto x = find(run);
  if (!x || x->id.empty())
    return on_end(make_unexpected(not_running(run)));
  auto path = "/containers/" + x->id + "/logs?stdout=" + (query.out ? "1" : "0")
              + "&stderr=" + (query.err ? "1" : "0")
              + "&follow=" + (query.follow ? "1" : "0") + "&tail="
              + (query.tail ? std::to_string(*query.tail) : std::string{"all"})
              + "&since=" + std::to_string(query.since);
  auto logs = request("GET", path);
  logs.timeout = query.follow ? milliseconds{0} : options_.start_timeout;
  // A quiet container's log has no first byte, and so no header, until it speaks.
  logs.header_timeout = query.follow ? milliseconds{0} : options_.call_timeout;
  logs.fresh_connection = true;
  auto frames = std::make_shared<log_frames>();
  logs.on_data
    = [this, frames, on_piece = std::move(on_piece)](std::string_view bytes) {
        if (!closing_)
          (void)frames->feed(bytes, on_piece);
      };
  uint64_t request_id = 0;
  send(
    std::move(logs),
    [this, stream, frames, on_end = std::move(on_end)](engine_answer answer) {
      streams_.erase(stream);
      if (answer.failure == client_failure::cancelled)
        return on_end(make_unexpected(
          failure{error_kind::cancelled, "the log was closed"}));
      if (!answer.answered() || answer.status != 200)
        return on_end(make_unexpected(unexpected("reading the log", answer)));
      if (!frames->complete())
        return on_end(make_unexpected(
          failure{error_kind::engine_error, "the log broke off"}));
      on_end({});
    },
    &request_id);
  streams_.emplace(stream, request_id);
}

void engine::core::cancel(uint64_t stream) {
  if (auto at = streams_.find(stream); at != streams_.end())
    client_.cancel(at->second);
}

// -- commands ---------------------------------------------------------------------

/// A command inside a container, and what it has said so far.
struct engine::core::exec_call {
  std::string id;
  log_frames frames;
  exec_answer answer;
  steady_clock::time_point deadline;
  reply<exec_answer> done;

  void feed(std::string_view bytes) {
    auto keep = [this](log_stream, std::string_view piece) {
      auto room = exec_output_max - answer.output.size();
      answer.truncated = answer.truncated || piece.size() > room;
      answer.output += piece.substr(0, room);
    };
    // Bytes that are no frames end the output; the exit code still counts.
    if (!frames.feed(bytes, keep))
      answer.truncated = true;
  }

  [[nodiscard]] milliseconds left() const {
    auto result
      = std::chrono::ceil<milliseconds>(deadline - steady_clock::now());
    // 0 would mean no limit.
    return std::max(result, milliseconds{1});
  }
  [[nodiscard]] bool late() const { return steady_clock::now() >= deadline; }

  void fail_late() const {
    done(make_unexpected(
      failure{error_kind::timed_out, "the command did not end in time"}));
  }
};

void engine::core::exec(const run_id& run,
                        const std::vector<std::string>& command,
                        milliseconds timeout, reply<exec_answer> done) {
  auto container = find(run);
  if (!container || container->now != phase::running)
    return done(make_unexpected(not_running(run)));
  auto x = std::make_shared<exec_call>();
  x->deadline = steady_clock::now() + std::min(timeout, exec_timeout_max);
  x->done = std::move(done);
  call("POST", "/containers/" + container->id + "/exec", exec_body(command),
       std::min(x->left(), options_.call_timeout), call_mode::plain,
       [this, x](const engine_answer& answer) {
         auto id = answer.status == 201 ? read_id(answer.body) : std::nullopt;
         if (!answer.answered() || !id) {
           note_failed(answer);
           return x->done(
             make_unexpected(unexpected("preparing a command", answer)));
         }
         x->id = std::move(*id);
         exec_run(x);
       });
}

void engine::core::exec_run(const exec_ptr& x) {
  auto run = request("POST", "/exec/" + x->id + "/start");
  run.headers.push_back("Content-Type: application/json");
  run.body = R"({"Detach":false,"Tty":false})";
  run.timeout = x->left();
  run.fresh_connection = true;
  run.on_data = [x](std::string_view bytes) { x->feed(bytes); };
  send(std::move(run), [this, x](const engine_answer& answer) {
    // Headers come before the command runs: with them, it is the command that
    // is slow, and not the engine.
    if (answer.failure == client_failure::timed_out && answer.status == 200)
      return x->fail_late();
    if (answer.answered() && answer.status == 200)
      return exec_ask(x);
    note_failed(answer);
    if (answer.status == 400)
      return x->done(make_unexpected(
        failure{error_kind::start_error,
                "the command cannot start: " + error_text(answer.body)}));
    x->done(make_unexpected(unexpected("running a command", answer)));
  });
}

void engine::core::exec_ask(const exec_ptr& x) {
  call("GET", "/exec/" + x->id + "/json", {}, options_.call_timeout,
       call_mode::plain, [this, x](const engine_answer& answer) {
         if (!answer.answered() || answer.status != 200) {
           note_failed(answer);
           return x->done(make_unexpected(
             unexpected("reading the end of a command", answer)));
         }
         if (auto code = read_exec(answer.body)) {
           x->answer.code = *code;
           return x->done(std::move(x->answer));
         }
         if (x->late())
           return x->fail_late();
         // Its output is closed: it is about to end, or has closed it itself.
         client_.after(exec_ask_again_after, [this, x] {
           if (!closing_)
             exec_ask(x);
         });
       });
}

void engine::core::stats(const run_id& run, reply<usage> done) {
  auto x = find(run);
  if (!x || x->now != phase::running)
    return done(make_unexpected(not_running(run)));
  call("GET", "/containers/" + x->id + "/stats?stream=false&one-shot=true", {},
       options_.call_timeout, call_mode::plain,
       [this, run, done = std::move(done)](const engine_answer& answer) {
         if (!answer.answered() || answer.status != 200) {
           note_failed(answer);
           return done(make_unexpected(unexpected("reading usage", answer)));
         }
         auto found = read_stats(answer.body);
         if (!found)
           return done(make_unexpected(not_running(run)));
         done(*found);
       });
}

// -- limits -------------------------------------------------------------------

struct engine::core::limit_call {
  run_id run;
  std::string container;
  run_limits own;
  run_limits wanted;
  reply<run_limits> done;
  /// What it uses has been asked.
  bool knows_used = false;
};

void engine::core::limit(const run_id& run, run_limits own, run_limits wanted,
                         reply<run_limits> done) {
  auto x = find(run);
  if (!x || x->now != phase::running)
    return done(make_unexpected(not_running(run)));
  auto mine = std::make_shared<limit_call>(
    limit_call{run, x->id, own, wanted, std::move(done)});
  if (kills_at_limit_)
    return *kills_at_limit_ ? limit_to_used(mine) : limit_ask(mine);
  call("GET", "/info", {}, options_.call_timeout, call_mode::plain,
       [this, mine](const engine_answer& answer) {
         if (!answer.answered() || answer.status != 200) {
           note_failed(answer);
           return mine->done(
             make_unexpected(unexpected("asking about the engine", answer)));
         }
         kills_at_limit_ = kills_at_limit(answer.body);
         limit(mine->run, mine->own, mine->wanted, std::move(mine->done));
       });
}

/// Wants no less memory than what is used, and a little more.
void engine::core::limit_to_used(const limit_ptr& x) {
  x->knows_used = true;
  stats(x->run, [this, x](const expected<usage, failure>& found) {
    if (!found)
      return x->done(make_unexpected(found.error()));
    auto used = found->memory_bytes + found->memory_bytes / 16;
    if (x->wanted.memory_bytes > 0 && x->wanted.memory_bytes < used)
      x->wanted.memory_bytes
        = x->own.memory_bytes > 0 ? std::min(used, x->own.memory_bytes) : used;
    limit_ask(x);
  });
}

void engine::core::limit_ask(const limit_ptr& x) {
  call("POST", "/containers/" + x->container + "/update",
       update_body(x->own, x->wanted), options_.call_timeout, call_mode::plain,
       [this, x](const engine_answer& answer) {
         if (answer.answered() && answer.status == 200)
           return x->done(x->wanted);
         // A kernel that can take nothing back refuses to.
         if (answer.answered() && answer.status >= 400
             && x->wanted.memory_bytes > 0 && !x->knows_used)
           return limit_to_used(x);
         note_failed(answer);
         x->done(make_unexpected(unexpected("moving limits", answer)));
       });
}

void engine::core::inspect(const run_id& run, reply<container_view> done) {
  auto x = find(run);
  if (!x || x->now != phase::running)
    return done(make_unexpected(not_running(run)));
  call("GET", "/containers/" + x->id + "/json", {}, options_.call_timeout,
       call_mode::plain,
       [this, done = std::move(done)](const engine_answer& answer) {
         if (!answer.answered() || answer.status != 200) {
           note_failed(answer);
           return done(make_unexpected(unexpected("inspecting", answer)));
         }
         auto found = docker::read_inspect(options_.who, answer.body);
         if (!found)
           return done(
             make_unexpected(failure{error_kind::engine_error, found.error()}));
         done(std::move(*found));
       });
}

} // namespace troupe::runtime::docker
