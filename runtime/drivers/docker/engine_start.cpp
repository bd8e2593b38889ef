#include <algorithm>

#include "runtime/drivers/docker/engine_core.hpp"

// A start, step by step. What the engine leaves unanswered ends in `doubt`, what
// it refuses in `fail` or, once there is a container, in `discard`.
//
//   start -> create -> open_wait -> launch -> succeed
//               | 404: pull_image, then again
//               | 409: take_over, an earlier try's container

namespace troupe::runtime::docker {

using http::client_failure;
using std::chrono::steady_clock;

void engine::core::start(container_spec spec, reply<start_answer> done) {
  auto x = find(spec.run());
  if (x && (x->now == phase::running || x->now == phase::exited))
    return done(start_answer{x->id, true});
  if (x && x->now != phase::doubtful && x->now != phase::created) {
    x->starts.push_back(std::move(done));
    return;
  }
  if (starts_waiting_.size() >= options_.starts_waiting_max)
    return done(make_unexpected(
      failure{error_kind::engine_error,
              std::to_string(starts_waiting_.size())
                + " containers are waiting to start on this engine"}));
  if (!x) {
    x = std::make_shared<entry>();
    entries_.emplace(spec.run(), x);
  }
  x->name = container_name(options_.who, spec);
  x->spec = std::move(spec);
  x->now = phase::queued;
  x->starts.push_back(std::move(done));
  starts_waiting_.push_back(x);
  start_next();
}

void engine::core::start_next() {
  while (starts_running_ < std::max<size_t>(options_.starts_at_once, 1)
         && !starts_waiting_.empty()) {
    auto x = std::move(starts_waiting_.front());
    starts_waiting_.pop_front();
    ++starts_running_;
    x->has_turn = true;
    create(x);
  }
}

void engine::core::create(const entry_ptr& x) {
  x->now = phase::creating;
  call("POST", "/containers/create?name=" + x->name,
       create_body(options_.who, x->spec, options_.defaults),
       options_.start_timeout, call_mode::plain,
       [this, x](const engine_answer& answer) { created(x, answer); });
}

void engine::core::created(const entry_ptr& x, const engine_answer& answer) {
  if (answer.not_sent() && !x->doubted) {
    note_failed(answer);
    return fail(x, {error_kind::engine_away, unreachable(answer).text});
  }
  if (!answer.answered())
    return doubt(x, answer);
  if (answer.status == 409) {
    // Made in an earlier life of this process, which may have gone further.
    x->may_have_run = x->may_have_run || !x->doubted;
    return take_over(x, false);
  }
  if (answer.status == 404
      && answer.body.find("No such image") != std::string::npos) {
    if (!x->pulled)
      return pull_image(x);
    return fail(x, {error_kind::image_not_found,
                    "the image " + x->spec.image + " was not found"});
  }
  auto id = answer.status == 201 ? read_id(answer.body) : std::nullopt;
  if (!id)
    return fail(x, create_failure(answer.status, answer.body));
  x->id = std::move(*id);
  launch(x, false);
}

// -- images -----------------------------------------------------------------

// A pull may take minutes: it gives its turn to others, and starts of the same
// image share it.
void engine::core::pull_image(const entry_ptr& x) {
  leave_start(x, phase::pulling);
  auto image = x->spec.image;
  auto [at, is_new] = pulls_.try_emplace(image);
  at->second.waiting.push_back(x);
  if (is_new) {
    auto ref = read_image(image);
    auto pull
      = request("POST", "/images/create?fromImage=" + http::url_encode(ref.name)
                          + "&tag=" + http::url_encode(ref.tag));
    pull.timeout = options_.pull_timeout;
    pull.fresh_connection = true;
    pull.on_data
      = [this, image](std::string_view bytes) { pull_told(image, bytes); };
    send(std::move(pull), [this, image](const engine_answer& answer) {
      pull_done(image, answer);
    });
  }
  start_next();
}

void engine::core::pull_told(const std::string& image, std::string_view bytes) {
  auto at = pulls_.find(image);
  if (closing_ || at == pulls_.end())
    return;
  auto& [progress, waiting, told] = at->second;
  progress.feed(bytes);
  auto percent = progress.percent();
  auto now = steady_clock::now();
  if (!percent || now - told < std::chrono::seconds{1})
    return;
  told = now;
  for (auto& x : waiting)
    tell(image_pulling{x->spec.run(), "pulling " + image + ' '
                                        + std::to_string(*percent) + " %"});
}

void engine::core::pull_done(const std::string& image,
                             const engine_answer& answer) {
  auto node = pulls_.extract(image);
  auto& [progress, waiting, told] = node.mapped();
  auto why = progress.error();
  if (answer.answered() && answer.status != 200)
    why = error_text(answer.body);
  if (answer.failure == client_failure::timed_out)
    why = "it was not pulled within "
          + std::to_string(options_.pull_timeout.count() / 1000) + " s";
  else if (!answer.answered()) {
    for (auto& x : waiting)
      doubt(x, answer);
    return;
  }
  for (auto& x : waiting) {
    if (!why.empty()) {
      fail(x, {error_kind::image_not_found,
               "the image " + image + " was not found: " + why});
      continue;
    }
    x->pulled = true;
    x->now = phase::queued;
    starts_waiting_.push_front(x);
  }
  start_next();
}

// -- an earlier try's container -----------------------------------------------

void engine::core::take_over(const entry_ptr& x, bool settled) {
  call("GET", "/containers/" + x->name + "/json", {}, options_.call_timeout,
       call_mode::plain, [this, x, settled](const engine_answer& answer) {
         taken_over(x, settled, answer);
       });
}

void engine::core::taken_over(const entry_ptr& x, bool settled,
                              const engine_answer& answer) {
  if (!answer.answered())
    return doubt(x, answer);
  auto found = read_inspect(options_.who, answer.body);
  if (answer.status != 200)
    found = make_unexpected(error_text(answer.body));
  else if (found && found->run() != x->spec.run())
    found = make_unexpected(std::string{"it is of another run"});
  if (!found)
    return fail(x,
                {error_kind::engine_error, "the container name " + x->name
                                             + " is taken: " + found.error()});
  x->id = found->id;
  switch (found->state) {
  case container_state::created:
    if (settled)
      return launch(x, true);
    // An earlier start may still be on its way through the engine: starting
    // once more just after it has run would run it twice.
    return client_.after(options_.settle_time, [this, x] {
      if (!closing_)
        take_over(x, true);
    });
  case container_state::running:
    return succeed(x, true);
  case container_state::exited:
    succeed(x, true);
    return report_exit(x, found->exit);
  }
}

// -- the start itself ----------------------------------------------------------

// The `wait` is there before the container runs, so that no exit is too quick.
void engine::core::launch(const entry_ptr& x, bool adopted) {
  x->now = phase::starting;
  if (x->may_have_run)
    return end_unknown(x, [this, x] { succeed(x, true); });
  auto start = [this, x, adopted] {
    if (!x->after_start.empty())
      return discard(x, {error_kind::cancelled, "stopped before it started"});
    x->may_have_run = true;
    call("POST", "/containers/" + x->id + "/start", {}, options_.start_timeout,
         call_mode::once, [this, x, adopted](const engine_answer& answer) {
           launched(x, adopted, answer);
         });
  };
  open_wait(x, "next-exit", start, [this, x](const engine_answer& answer) {
    if (!answer.answered())
      doubt(x, answer);
    else
      discard(x, unexpected("watching the new container", answer));
  });
}

void engine::core::launched(const entry_ptr& x, bool adopted,
                            const engine_answer& answer) {
  if (answer.not_sent())
    x->may_have_run = false;
  if (!answer.answered())
    doubt(x, answer);
  else if (answer.status == 204 || answer.status == 304)
    succeed(x, adopted);
  else
    discard(x, start_failure(answer.status, answer.body));
}

// -- ends ------------------------------------------------------------------------

void engine::core::succeed(const entry_ptr& x, bool adopted) {
  leave_start(x, phase::running);
  answer_starts(x, start_answer{x->id, adopted});
  run_stops(x);
  if (x->wait == 0)
    watch(x);
  start_next();
}

void engine::core::fail(const entry_ptr& x, failure why) {
  leave_start(x, x->now);
  forget(x);
  answer_starts(x, make_unexpected(std::move(why)));
  run_stops(x);
  start_next();
}

void engine::core::discard(const entry_ptr& x, failure why) {
  if (x->wait != 0)
    client_.cancel(std::exchange(x->wait, 0));
  remove_container(x->id, [this, x, why = std::move(why)](auto&&) {
    // Whatever came of it: the next adoption finds what is left.
    fail(x, why);
  });
}

// A start that may have happened is not made again: the task might run twice as
// the same attempt. Once the container is removed it will not run any more, and
// nobody can say whether it has. `done` comes before the exit is told.
void engine::core::end_unknown(const entry_ptr& x, std::function<void()> done) {
  remove_container(x->id, [this, x, done = std::move(done)](auto removed) {
    if (x->now == phase::exited)
      return;
    if (!removed) {
      leave_start(x, phase::doubtful);
      answer_starts(x, make_unexpected(failure{error_kind::engine_unreachable,
                                               removed.error().text}));
      return start_next();
    }
    done();
    exit_status unknown;
    unknown.error = "the Docker engine was away when the container started: "
                    "nobody knows whether it ran";
    report_exit(x, std::move(unknown));
  });
}

void engine::core::doubt(const entry_ptr& x, const engine_answer& answer) {
  leave_start(x, phase::doubtful);
  x->doubted = true;
  answer_starts(x, make_unexpected(unreachable(answer)));
  note_failed(answer);
  start_next();
}

void engine::core::leave_start(const entry_ptr& x, phase next) {
  x->now = next;
  if (std::exchange(x->has_turn, false))
    --starts_running_;
}

void engine::core::answer_starts(
  const entry_ptr& x, const expected<start_answer, failure>& answer) {
  auto starts = std::exchange(x->starts, {});
  for (auto& f : starts)
    f(answer);
}

void engine::core::run_stops(const entry_ptr& x) {
  auto after = std::exchange(x->after_start, {});
  for (auto& f : after)
    f();
}

} // namespace troupe::runtime::docker
