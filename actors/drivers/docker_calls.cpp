#include "actors/drivers/docker_calls.hpp"

#include <algorithm>
#include <csignal>

#include "runtime/base64.hpp"
#include "runtime/pressure/pressure.hpp"
#include "runtime/run_environment.hpp"

namespace troupe::docker_calls {

namespace docker = runtime::docker;

run_event
event_of(const run_id& id, const docker::exit_status& x, timestamp now) {
  run_event result;
  result.run = id;
  result.phase = run_phase::ended;
  result.at = now;
  // It may have ended long before anybody could hear of it.
  if (auto at = read_timestamp(x.finished_at); at && x.while_away)
    result.at = std::min(*at, now);
  if (x.code < 0) {
    result.state = task_state::lost;
    result.why = reason::node_lost;
    result.message = x.error.empty() ? "nobody knows how it ended" : x.error;
    return result;
  }
  result.exit_code = x.code;
  result.image_digest = x.image;
  // An engine that ends takes its containers with it, and cannot say so. Whatever
  // else it was, it was not the task's own doing.
  auto killed = x.signal == SIGKILL || x.signal == SIGTERM || x.code == 255;
  if (x.while_away && killed && !x.oom) {
    result.state = task_state::lost;
    result.why = reason::driver_error;
    result.message = "it was killed while the Docker engine or its node was "
                     "away, as an engine does that ends (exit code "
                     + std::to_string(x.code) + ')';
    return result;
  }
  if (x.code == 0) {
    result.state = task_state::succeeded;
    return result;
  }
  result.state = task_state::failed;
  if (x.bad_command) {
    result.why = reason::driver_error;
    result.message = x.error;
  } else if (x.oom) {
    result.why = reason::out_of_memory;
    result.message
      = "ended by the kernel: it needed more than its memory limit";
  } else if (x.signal != 0) {
    result.why = reason::signal;
    result.message = "ended by " + runtime::signal_name(x.signal);
  } else {
    result.why = reason::exit_code;
    result.message = "exit code " + std::to_string(x.code);
  }
  return result;
}

run_event
failed_event(const run_id& id, const docker::failure& x, timestamp now) {
  run_event result;
  result.run = id;
  result.phase = run_phase::ended;
  result.at = now;
  result.state = task_state::failed;
  result.message = x.text;
  switch (x.kind) {
  case docker::error_kind::image_not_found:
    result.why = reason::image_not_found;
    break;
  case docker::error_kind::port_in_use:
    result.why = reason::port_in_use;
    break;
  case docker::error_kind::cancelled:
    result.why = reason::stopped_by_user;
    result.state = task_state::stopped;
    break;
  case docker::error_kind::engine_away:
    // Not even tried: whoever has another engine may.
    result.state = task_state::lost;
    result.why = reason::driver_error;
    break;
  case docker::error_kind::start_error:
  case docker::error_kind::engine_unreachable:
  case docker::error_kind::engine_error:
  case docker::error_kind::not_running:
  case docker::error_kind::timed_out:
    result.why = reason::driver_error;
    break;
  }
  return result;
}

docker::container_spec spec_of(const work_item& x, const std::string& node) {
  auto& job = *x.spec;
  docker::container_spec result;
  result.allocation = x.allocation;
  result.task = to_string(x.task);
  result.attempt = x.attempt;
  result.image = job.image;
  result.command = job.command;
  result.args = job.args;
  result.env = runtime::environment_of(x, node);
  result.workdir = job.workdir;
  result.user = job.user;
  result.cpu_millicores_reserved = job.request.cpu_millicores;
  auto limits = runtime::limits_of(job);
  result.cpu_millicores_limit = limits.cpu_millicores;
  result.memory_bytes_limit = limits.memory_bytes;
  for (auto& port : x.ports)
    result.ports.push_back({port.container, port.host, {}});
  for (auto& volume : job.volumes)
    result.mounts.push_back({volume.host, volume.path, volume.read_only});
  for (auto& [name, text] : job.labels)
    result.labels.emplace_back(name, text);
  result.stop_signal = job.stop_signal;
  result.stop_grace = job.stop_grace;
  for (auto gpu : x.gpus)
    result.gpu_device_ids.push_back(std::to_string(gpu));
  return result;
}

void exec(docker::engine& engine, const exec_command& x,
          std::function<void(exec_result)> tell) {
  engine.exec(
    {x.allocation, x.attempt}, x.argv, x.timeout,
    [tell = std::move(tell)](expected<docker::exec_answer, docker::failure> y) {
      constexpr size_t output_max = 192 * 1'024;
      exec_result result;
      if (y) {
        result.exit_code = y->code;
        result.output = runtime::to_base64(
          std::string_view{y->output}.substr(0, output_max));
      } else {
        result.error = y.error().text;
        result.bad_command = y.error().kind == docker::error_kind::start_error;
      }
      tell(std::move(result));
    });
}

void limit(docker::engine& engine, const limit_run& x,
           std::function<void(limited_run)> tell) {
  engine.limit(
    x.run, x.own, x.wanted,
    [tell = std::move(tell)](const expected<run_limits, docker::failure>& y) {
      tell(y ? limited_run{{}, *y} : limited_run{y.error().text, {}});
    });
}

void locate(docker::engine& engine, const locate_port& x,
            std::function<void(located_port)> tell) {
  engine.inspect(
    x.run, [x, tell = std::move(tell)](
             const expected<docker::container_view, docker::failure>& y) {
      if (!y)
        return tell({y.error().text});
      if (!y->address.empty())
        return tell({{}, y->address, x.port});
      tell({{}, "127.0.0.1", x.host_port != 0 ? x.host_port : x.port});
    });
}

void probe(docker::engine& engine, std::function<void(probed_driver)> tell) {
  engine.probe(
    [tell = std::move(tell)](
      const expected<docker::engine_version, docker::failure>& found) {
      tell({found ? std::string{} : found.error().text});
    });
}

void adopt(docker::engine& engine, timestamp now,
           std::function<void(adopted_runs)> tell) {
  engine.adopt(
    [now, tell = std::move(tell)](
      expected<std::vector<docker::container_view>, docker::failure> found) {
      adopted_runs result;
      if (!found)
        result.error = found.error().text;
      else
        for (auto& x : *found) {
          run_event event;
          event.run = x.run();
          event.at = now;
          if (x.state == docker::container_state::exited) {
            auto exit = x.exit;
            exit.while_away = true;
            event = event_of(x.run(), exit, now);
          } else if (x.state == docker::container_state::running)
            event.phase = run_phase::started;
          if (x.state != docker::container_state::created)
            result.runs.push_back(event);
        }
      tell(std::move(result));
    });
}

} // namespace troupe::docker_calls
