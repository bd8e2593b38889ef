#include "actors/drivers/process.hpp"

#include "runtime/base64.hpp"
#include "runtime/log.hpp"
#include "runtime/pressure/pressure.hpp"
#include "runtime/run_environment.hpp"

#include "actors/drivers/waiter.hpp"

namespace troupe {

namespace {

namespace process = runtime::process;

/// Of a command that is looked up by name.
constexpr auto default_path
  = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What a shell adds to the number of a signal that ended a command.
constexpr int signal_base = 128;

timestamp stamp(process::wall_time x) {
  return {x.time_since_epoch().count()};
}

run_event event_of(const run_id& id, const process::run_exit& x) {
  run_event result;
  result.run = id;
  result.phase = run_phase::ended;
  result.at = stamp(x.ended_at);
  result.state = task_state::failed;
  result.message = x.message;
  switch (x.ending) {
  case process::run_ending::exited:
    result.exit_code = x.code;
    if (x.code == 0) {
      result.state = task_state::succeeded;
    } else {
      result.why = reason::exit_code;
      result.message = "exit code " + std::to_string(x.code);
    }
    break;
  case process::run_ending::signaled:
    result.exit_code = signal_base + x.code;
    result.why = reason::signal;
    result.message = "ended by " + runtime::signal_name(x.code);
    break;
  case process::run_ending::start_failed:
    result.why = reason::driver_error;
    break;
  case process::run_ending::withdrawn:
    // As good as lost, though nobody need wonder what it did: it is placed anew.
  case process::run_ending::lost:
    result.state = task_state::lost;
    result.why = reason::node_lost;
    break;
  }
  if (x.out_of_memory && result.state == task_state::failed) {
    result.why = reason::out_of_memory;
    result.message
      = "ended by the kernel: it needed more than its memory limit";
  }
  return result;
}

run_event started_event(const run_id& id, process::wall_time at) {
  run_event result;
  result.run = id;
  result.phase = run_phase::started;
  result.at = stamp(at);
  return result;
}

process::run_spec spec_of(const work_item& x, const std::string& node) {
  auto& job = *x.spec;
  process::run_spec result;
  result.allocation = x.allocation;
  result.task = to_string(x.task);
  result.attempt = x.attempt;
  result.argv = job.command;
  result.argv.insert(result.argv.end(), job.args.begin(), job.args.end());
  result.env = runtime::environment_of(x, node);
  auto has_path = false;
  for (auto& [name, text] : result.env)
    has_path = has_path || name == "PATH";
  if (!has_path)
    result.env.emplace_back("PATH", default_path);
  result.workdir = job.workdir;
  result.user = job.user;
  result.cpu_millicores_reserved = job.request.cpu_millicores;
  auto limits = runtime::limits_of(job);
  result.cpu_millicores_limit = limits.cpu_millicores;
  result.memory_bytes_limit = limits.memory_bytes;
  result.stop_signal = runtime::signal_number(job.stop_signal);
  result.stop_grace = job.stop_grace;
  return result;
}

exec_result result_of(const process::exec_result& x) {
  exec_result result;
  result.error = x.error;
  if (x.timed_out)
    result.error = "it took too long and was ended";
  result.bad_command = x.bad_command;
  result.exit_code = x.exit_code;
  // Messages stay below 256 kB.
  constexpr size_t output_max = 192 * 1'024;
  result.output
    = runtime::to_base64(std::string_view{x.output}.substr(0, output_max));
  return result;
}

/// Runs one command beside a task.
void exec(const std::shared_ptr<process::engine>& engine, const exec_command& x,
          const std::function<void(exec_result)>& tell) {
  auto ok = engine->exec(
    {x.allocation, x.attempt}, x.argv, x.timeout,
    [tell](const process::exec_result& y) { tell(result_of(y)); });
  if (!ok)
    tell(exec_result{ok.error()});
}

using limiter_actor
  = caf::typed_actor<caf::replies_to<limit_run>::with<limited_run>>;

/// Moves the limits of one run, in a thread of its own: the kernel may look for
/// memory for a while.
limiter_actor::behavior_type
limiter(limiter_actor::pointer self, std::shared_ptr<process::engine> engine) {
  return {[self, engine](const limit_run& x) {
    self->quit();
    auto moved
      = engine->limit(x.run, {x.wanted.cpu_millicores, x.wanted.memory_bytes});
    if (!moved)
      return limited_run{moved.error(), {}};
    return limited_run{{}, {moved->cpu_millicores, moved->memory_bytes}};
  }};
}

} // namespace

void process_driver_state::start(const start_run& x) {
  auto ok = x.item.spec->volumes.empty()
              ? engine->start(spec_of(x.item, options.node))
              : make_unexpected(std::string{
                "a process sees the machine's own files: volumes are for "
                "containers, leave them out"});
  if (ok)
    return;
  process::run_exit failed;
  failed.ending = process::run_ending::start_failed;
  failed.message = ok.error();
  failed.ended_at = process::wall_now();
  listeners.tell(event_of({x.item.allocation, x.item.attempt}, failed));
}

log_chunk process_driver_state::read_end(const read_log& x) {
  auto bytes = process::read_log(
    engine->dir({x.allocation, x.attempt}),
    x.stream == "stderr" ? process::log_stream::err : process::log_stream::out,
    process::log_start{-1, x.bytes_max}, x.bytes_max);
  return {{}, runtime::to_base64(bytes), true};
}

log_chunk process_driver_state::read(const read_log& x) {
  if (x.once)
    return read_end(x);
  auto now = self->clock().now();
  std::erase_if(readers, [&](auto& y) {
    return now - y.second.last_read > options.reader_idle;
  });
  if (!readers.contains(x.reader)
      && !make_room(readers, options.readers_max, now, [](auto&) {}))
    return {"too many people read logs on this node; try again later", {}};
  auto& mine = readers[x.reader];
  if (!mine.cursor) {
    mine.cursor = std::make_unique<process::log_cursor>(
      engine->dir({x.allocation, x.attempt}),
      x.stream == "stderr" ? process::log_stream::err
                           : process::log_stream::out,
      process::log_start{x.tail_lines, -1});
  }
  mine.last_read = now;
  auto chunk = mine.cursor->read(x.bytes_max);
  log_chunk result{{}, runtime::to_base64(chunk.bytes), chunk.ended};
  if (chunk.ended)
    readers.erase(x.reader);
  return result;
}

driver_actor::behavior_type process_driver_state::make_behavior() {
  return {
    [this](const start_run& x, task_actor& task) {
      listeners.follow({x.item.allocation, x.item.attempt}, std::move(task));
      start(x);
    },
    [this](adopt_runs, const run_id& run, task_actor& task) {
      listeners.follow(run, std::move(task));
    },
    [this](const stop_run& x) { engine->stop(x.run); },
    [this](const forget_run& x) {
      listeners.forget(x.run);
      engine->forget(x.run);
    },
    [this](adopt_runs) {
      // Those that are known already: an agent that failed asks once more.
      adopted_runs result{listeners.last_events()};
      for (auto& run : engine->adopt()) {
        auto id = run.spec.run();
        auto event = run.exit ? event_of(id, *run.exit)
                              : started_event(id, run.started_at);
        if (run.exit || run.pid != 0)
          listeners.tell(event);
        result.runs.push_back(std::move(event));
      }
      return result;
    },
    [this](measure_runs) {
      measured_runs result;
      for (auto id : listeners.live())
        if (auto usage = engine->usage(id))
          result.tasks.push_back(
            {id.allocation, usage->cpu_seconds, usage->memory_bytes});
      return result;
    },
    [this](const limit_run& x) -> caf::result<limited_run> {
      return self->delegate(self->spawn<caf::detached>(limiter, engine), x);
    },
    [this](const read_log& x) { return read(x); },
    [this](const exec_command& x) -> caf::result<exec_result> {
      ask_engine<exec_command, exec_result> ask
        = [e = engine](auto& y, auto tell) { exec(e, y, tell); };
      return self->delegate(
        self->spawn(waiter<exec_command, exec_result>, std::move(ask)), x);
    },
    [](const locate_port& x) {
      // A port that it has declared is found where the machine gave it one.
      return located_port{
        {}, "127.0.0.1", x.host_port != 0 ? x.host_port : x.port};
    },
    [](probe_driver) { return probed_driver{}; },
    [this](const run_event& x) { listeners.tell(x); },
    [](const measured_runs&) {
      // Its engine measures when it is asked.
    },
  };
}

driver_actor::behavior_type
process_driver(driver_actor::stateful_pointer<process_driver_state> self,
               process_driver_options options,
               std::shared_ptr<runtime::process::spawner> spawner) {
  auto& state = self->state;
  state.options = std::move(options);
  // Weak: the engine's thread must not keep this actor alive.
  auto me = caf::actor_cast<caf::actor_addr>(self);
  auto tell = [me](run_event x) {
    if (auto p = caf::actor_cast<caf::strong_actor_ptr>(me))
      caf::anon_send(caf::actor_cast<driver_actor>(p), std::move(x));
  };
  process::engine_options wanted;
  wanted.data_dir = state.options.data_dir;
  wanted.on_started = [tell](const run_id& id, pid_t, process::wall_time at) {
    tell(started_event(id, at));
  };
  wanted.on_exit = [tell](const run_id& id, const process::run_exit& x) {
    tell(event_of(id, x));
  };
  // The engine's thread is stopped before the spawner goes.
  self->attach_functor([spawner] {});
  auto engine = process::engine::open(std::move(wanted), *spawner);
  if (!engine) {
    runtime::log::error("process driver: {}", engine.error());
    self->quit(caf::make_error(caf::sec::runtime_error, engine.error()));
    return driver_actor::behavior_type::make_empty_behavior();
  }
  state.engine = std::move(*engine);
  return state.make_behavior();
}

} // namespace troupe
