#include "actors/drivers/docker.hpp"

#include <algorithm>
#include <mutex>

#include "runtime/base64.hpp"
#include "runtime/log.hpp"
#include "runtime/volumes.hpp"

#include "actors/drivers/docker_calls.hpp"
#include "actors/drivers/waiter.hpp"

namespace troupe {

namespace docker = runtime::docker;
namespace log = runtime::log;

/// Output on its way from the engine's thread to whoever reads it.
struct docker_driver_state::output {
  std::mutex mutex;
  std::string bytes;
  bool ended = false;
  std::string error;

  /// Nothing if nothing has come, and something may come.
  [[nodiscard]] std::optional<log_chunk> take(size_t bytes_max) {
    std::lock_guard guard{mutex};
    if (bytes.empty() && !ended)
      return std::nullopt;
    auto size = std::min(bytes_max, bytes.size());
    log_chunk result;
    result.bytes = runtime::to_base64(std::string_view{bytes}.substr(0, size));
    bytes.erase(0, size);
    if (bytes.empty() && ended) {
      result.ended = true;
      result.error = error;
    }
    return result;
  }

  /// All there is, which `open_log` has cut to its end; nothing while more comes.
  [[nodiscard]] std::optional<log_chunk> take_end(size_t bytes_max) {
    {
      std::lock_guard guard{mutex};
      if (!ended)
        return std::nullopt;
      bytes.erase(0, bytes.size() - std::min(bytes.size(), bytes_max));
    }
    return take(bytes_max);
  }
};

namespace {

/// Lines of which the end of what a container wrote is taken. The engine counts
/// lines, not bytes.
constexpr uint32_t end_lines = 2'000;

struct docker_read_state {
  static inline const char* name = "read";
  caf::typed_response_promise<log_chunk> promise;
  size_t bytes_max = 0;
  bool once = false;
};

/// How often output is looked for while a reader waits.
constexpr auto look_interval = std::chrono::milliseconds{20};

using docker_read_actor
  = caf::typed_actor<caf::replies_to<read_log>::with<log_chunk>,
                     // INTERNAL: looks again.
                     caf::reacts_to<atom::tick>>;

/// Waits until there is output, its end, or no patience left: an empty answer says
/// that there is none now.
docker_read_actor::behavior_type
docker_read(docker_read_actor::stateful_pointer<docker_read_state> self,
            std::shared_ptr<docker_driver_state::output> from,
            std::chrono::steady_clock::time_point until) {
  return {
    [self](const read_log& x) -> caf::result<log_chunk> {
      self->state.bytes_max = x.bytes_max;
      self->state.once = x.once;
      self->state.promise = self->make_response_promise<log_chunk>();
      self->send(self, atom::tick_v);
      return self->state.promise;
    },
    [self, from, until](atom::tick) {
      auto chunk = self->state.once ? from->take_end(self->state.bytes_max)
                                    : from->take(self->state.bytes_max);
      if (!chunk && self->clock().now() < until) {
        self->delayed_send(self, look_interval, atom::tick_v);
        return;
      }
      // Half of an end would be taken for the whole.
      auto nothing = self->state.once
                       ? log_chunk{"the engine does not send it", {}}
                       : log_chunk{};
      self->state.promise.deliver(chunk.value_or(std::move(nothing)));
      self->quit();
    },
  };
}

} // namespace

void docker_driver_state::open_engine() {
  docker::engine_options wanted;
  wanted.socket = options.socket;
  wanted.who = {options.cluster_id, options.node};
  wanted.defaults = options.defaults;
  // Weak: the engine's thread must not keep this actor alive.
  auto me = caf::actor_cast<caf::actor_addr>(self);
  wanted.on_event = [me, start = wall_clock{wall},
                     &clock = self->clock()](docker::engine_event x) {
    auto p = caf::actor_cast<caf::strong_actor_ptr>(me);
    if (!p)
      return;
    auto to = caf::actor_cast<driver_actor>(p);
    auto now = start.at(clock.now());
    run_event event;
    event.at = now;
    if (auto* pulling = std::get_if<docker::image_pulling>(&x)) {
      event.run = pulling->run;
      event.message = pulling->text;
      caf::anon_send(to, std::move(event));
    } else if (auto* started = std::get_if<docker::container_started>(&x)) {
      event.run = started->run;
      event.phase = run_phase::started;
      caf::anon_send(to, std::move(event));
    } else if (auto* gone = std::get_if<docker::container_not_started>(&x)) {
      // It has a place here and nothing more: it is started once more.
      event.run = gone->run;
      event.state = task_state::placed;
      event.message = "the Docker engine was away; it starts once more";
      caf::anon_send(to, std::move(event));
    } else if (auto* exited = std::get_if<docker::container_exited>(&x)) {
      caf::anon_send(to,
                     docker_calls::event_of(exited->run, exited->exit, now));
    } else if (auto* lost = std::get_if<docker::engine_lost>(&x)) {
      log::warn("docker driver: {}", lost->text);
      caf::anon_send(to, measured_runs{{}, {}, lost->text});
    } else {
      log::info("docker driver: the engine answers again");
      caf::anon_send(to, measured_runs{{}, {}, std::string{}});
    }
  };
  engine = std::make_shared<docker::engine>(std::move(wanted));
}

void docker_driver_state::start(const work_item& item) {
  run_id id{item.allocation, item.attempt};
  if (auto ok = runtime::check_volumes(item.spec->volumes, options.volumes);
      !ok) {
    listeners.tell(docker_calls::failed_event(
      id, {docker::error_kind::start_error, ok.error()},
      wall.at(self->clock().now())));
    return;
  }
  auto me = driver_actor{self};
  auto now = wall.at(self->clock().now());
  engine->start(
    docker_calls::spec_of(item, options.node),
    [me, id, now](expected<docker::start_answer, docker::failure> answer) {
      if (answer) {
        run_event started;
        started.run = id;
        started.phase = run_phase::started;
        started.at = now;
        caf::anon_send(me, std::move(started));
      } else if (answer.error().kind
                 == docker::error_kind::engine_unreachable) {
        run_event waiting;
        waiting.run = id;
        waiting.at = now;
        waiting.message = answer.error().text;
        caf::anon_send(me, std::move(waiting));
      } else {
        caf::anon_send(me, docker_calls::failed_event(id, answer.error(), now));
      }
    });
}

/// Its end is told as an event, whichever way it comes.
void docker_driver_state::stop(const run_id& run) {
  auto item = items.find(run);
  auto signal
    = item == items.end() ? "SIGTERM" : item->second.spec->stop_signal;
  auto grace = item == items.end() ? milliseconds{10'000}
                                   : item->second.spec->stop_grace;
  engine->stop(run, signal, grace,
               [](const expected<void, docker::failure>& x) {
                 if (!x)
                   log::warn("docker driver: {}", x.error().text);
               });
}

/// Hears from the engine how a run goes, and tells the task.
void docker_driver_state::hear(const run_event& x) {
  if (listeners.has_ended(x.run))
    return;
  auto unwanted = stops.contains(x.run);
  if (x.state == task_state::placed && unwanted)
    return hear(docker_calls::failed_event(
      x.run, {docker::error_kind::cancelled, "stopped before it started"},
      x.at));
  if (x.state == task_state::placed)
    if (auto item = items.find(x.run); item != items.end())
      start(item->second);
  if (x.phase == run_phase::ended)
    stops.erase(x.run);
  listeners.tell(x);
}

/// Notes why the engine can run nothing now; empty if it can.
void docker_driver_state::note_trouble(const std::string& text) {
  trouble = text;
  adopt_if_due();
  remove_old();
  for (auto& x : listeners.last_events()) {
    if (text.empty() || x.phase != run_phase::preparing)
      continue;
    auto waiting = x;
    waiting.at = wall.at(self->clock().now());
    waiting.message = text;
    listeners.tell(waiting);
  }
}

/// Asks an engine once more what it runs that could not say it.
void docker_driver_state::adopt_if_due() {
  if (!trouble.empty() || adopting || !*adoption_failed)
    return;
  adopting = true;
  *adoption_failed = false;
  self->request(driver_actor{self}, options.adopt_timeout, adopt_runs{})
    .then(
      [this](const adopted_runs& x) {
        adopting = false;
        if (x.error.empty())
          settle_adoption(x);
      },
      [this](const caf::error&) {
        adopting = false;
        *adoption_failed = true;
      });
}

/// Compares what runs with what is followed here. What was found has been told
/// as events before this.
void docker_driver_state::settle_adoption(const adopted_runs& found) {
  std::set<run_id> there;
  for (auto& x : found.runs) {
    there.insert(x.run);
    // What nobody has asked after is wanted no more.
    auto unwanted = !listeners.is_followed(x.run);
    if (unwanted && x.phase == run_phase::ended)
      forget(x.run);
    else if (unwanted || stops.contains(x.run))
      stop(x.run);
  }
  for (auto& x : listeners.last_events()) {
    // What was asked for in this life is told of by its start.
    if (x.phase != run_phase::preparing || there.contains(x.run)
        || items.contains(x.run))
      continue;
    run_event gone;
    gone.run = x.run;
    gone.phase = run_phase::ended;
    gone.at = wall.at(self->clock().now());
    gone.state = task_state::lost;
    gone.why = reason::node_lost;
    gone.message = "it was gone when the Docker engine answered again";
    hear(gone);
  }
}

/// Keeps the last few ended containers, for their logs.
void docker_driver_state::forget(const run_id& run) {
  listeners.forget(run);
  items.erase(run);
  stops.erase(run);
  if (std::find(ended.begin(), ended.end(), run) == ended.end())
    ended.push_back(run);
  remove_old();
}

/// An engine that is away keeps them for longer.
void docker_driver_state::remove_old() {
  while (trouble.empty() && ended.size() > options.ended_kept_max) {
    engine->remove(ended.front(), [](expected<void, docker::failure> x) {
      if (!x)
        log::warn("docker driver: {}", x.error().text);
    });
    ended.pop_front();
  }
}

/// Opens a stream from the beginning, or from the tail, that follows.
void docker_driver_state::open_log(reader& mine, const read_log& x) {
  mine.output = std::make_shared<output>();
  docker::log_query query;
  query.out = x.stream != "stderr";
  query.err = !query.out;
  query.follow = !x.once;
  if (x.once)
    query.tail = end_lines;
  else if (x.tail_lines >= 0)
    query.tail = static_cast<uint32_t>(x.tail_lines);
  mine.stream = engine->logs(
    {x.allocation, x.attempt}, query,
    [to = mine.output, limit = options.reader_bytes_max,
     end = x.once ? x.bytes_max : 0](auto, std::string_view y) {
      std::lock_guard guard{to->mutex};
      if (end > 0 && to->bytes.size() > end)
        to->bytes.erase(0, to->bytes.size() - end);
      if (to->bytes.size() + y.size() <= limit)
        to->bytes += y;
      else if (to->error.empty())
        to->error = "you read too slowly: output was left out";
    },
    [to = mine.output](expected<void, docker::failure> end) {
      std::lock_guard guard{to->mutex};
      to->ended = true;
      if (!end)
        to->error = end.error().text;
    });
}

caf::result<log_chunk> docker_driver_state::read(const read_log& x) {
  auto now = self->clock().now();
  if (x.once) {
    reader one;
    open_log(one, x);
    return self->delegate(
      self->spawn(docker_read, one.output, now + options.ended_patience), x);
  }
  auto close = [this](const reader& y) { engine->cancel(y.stream); };
  std::erase_if(readers, [&](auto& y) {
    if (now - y.second.last_read < options.reader_idle)
      return false;
    close(y.second);
    return true;
  });
  auto is_new = !readers.contains(x.reader);
  if (is_new) {
    if (!make_room(readers, options.readers_max, now, close))
      return log_chunk{
        "too many people read logs on this node; try again later", {}};
    open_log(readers[x.reader], x);
  }
  auto& mine = readers[x.reader];
  mine.last_read = now;
  auto from = mine.output;
  if (auto chunk = from->take(x.bytes_max)) {
    if (chunk->ended)
      readers.erase(x.reader);
    return std::move(*chunk);
  }
  // The engine sends what there is as soon as it can. What runs may have written
  // nothing, and what has ended has an end that is worth waiting for.
  run_id run{x.allocation, x.attempt};
  auto has_ended = listeners.has_ended(run)
                   || std::find(ended.begin(), ended.end(), run) != ended.end();
  auto patience = has_ended ? options.ended_patience
                  : is_new  ? options.first_patience
                            : options.next_patience;
  return self->delegate(self->spawn(docker_read, from, now + patience), x);
}

/// What the engine has told of those that run.
measured_runs docker_driver_state::measured() {
  std::set<allocation_id> live;
  for (auto& run : listeners.live())
    live.insert(run.allocation);
  auto now = self->clock().now();
  std::erase_if(usages, [&](auto& x) {
    return !live.contains(x.first)
           || now - x.second.at > options.usage_forgotten;
  });
  measured_runs result;
  for (auto& [id, x] : usages) {
    result.tasks.push_back(x.usage);
    result.at.push_back(x.at);
  }
  result.trouble = trouble;
  return result;
}

driver_actor::behavior_type docker_driver_state::make_behavior() {
  return {
    [this](const start_run& x, task_actor& task) {
      run_id run{x.item.allocation, x.item.attempt};
      listeners.follow(run, std::move(task));
      items[run] = x.item;
      start(x.item);
    },
    [this](adopt_runs, const run_id& run, task_actor& task) {
      listeners.follow(run, std::move(task));
    },
    [this](const stop_run& x) {
      if (!listeners.has_ended(x.run))
        stops.insert(x.run);
      stop(x.run);
    },
    [this](const forget_run& x) { forget(x.run); },
    [this](adopt_runs) -> caf::result<adopted_runs> {
      ask_engine<adopt_runs, adopted_runs> ask =
        [e = engine, me = driver_actor{self}, failed = adoption_failed,
         now = wall.at(self->clock().now())](auto&, auto tell) {
          docker_calls::adopt(*e, now, [me, failed, tell](adopted_runs found) {
            *failed = !found.error.empty();
            // Before the answer: a task that asks afterwards finds them.
            for (auto& event : found.runs)
              caf::anon_send(me, event);
            tell(std::move(found));
          });
        };
      return self->delegate(
        self->spawn(waiter<adopt_runs, adopted_runs>, std::move(ask)),
        adopt_runs{});
    },
    [this](measure_runs) {
      adopt_if_due();
      // Asked of the engine one by one and told when it is asked next.
      auto me = driver_actor{self};
      for (auto id : trouble.empty() ? listeners.live() : std::vector<run_id>{})
        engine->stats(id, [me, id](expected<docker::usage, docker::failure> x) {
          if (x)
            caf::anon_send(me, measured_runs{{{id.allocation, x->cpu_seconds,
                                               x->memory_bytes}}});
        });
      return measured();
    },
    [this](const limit_run& x) -> caf::result<limited_run> {
      ask_engine<limit_run, limited_run> ask
        = [e = engine](auto& y, auto tell) {
            docker_calls::limit(*e, y, std::move(tell));
          };
      return self->delegate(
        self->spawn(waiter<limit_run, limited_run>, std::move(ask)), x);
    },
    [this](const read_log& x) { return read(x); },
    [this](const exec_command& x) -> caf::result<exec_result> {
      ask_engine<exec_command, exec_result> ask
        = [e = engine](auto& y, auto tell) {
            docker_calls::exec(*e, y, std::move(tell));
          };
      return self->delegate(
        self->spawn(waiter<exec_command, exec_result>, std::move(ask)), x);
    },
    [this](const locate_port& x) -> caf::result<located_port> {
      ask_engine<locate_port, located_port> ask
        = [e = engine](auto& y, auto tell) {
            docker_calls::locate(*e, y, std::move(tell));
          };
      return self->delegate(
        self->spawn(waiter<locate_port, located_port>, std::move(ask)), x);
    },
    [this](const probe_driver& x) -> caf::result<probed_driver> {
      ask_engine<probe_driver, probed_driver> ask
        = [e = engine](auto&, auto tell) {
            docker_calls::probe(*e, std::move(tell));
          };
      return self->delegate(
        self->spawn(waiter<probe_driver, probed_driver>, std::move(ask)), x);
    },
    [this](const run_event& x) { hear(x); },
    [this](const measured_runs& x) {
      for (auto& usage : x.tasks)
        usages[usage.allocation] = {usage, self->clock().now()};
      if (x.trouble)
        note_trouble(*x.trouble);
    },
  };
}

driver_actor::behavior_type
docker_driver(driver_actor::stateful_pointer<docker_driver_state> self,
              docker_driver_options options) {
  self->state.options = std::move(options);
  self->state.open_engine();
  return self->state.make_behavior();
}

} // namespace troupe
