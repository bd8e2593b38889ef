#include "actors/drivers/simulated.hpp"

namespace troupe {

namespace {

/// Exit code of a process that SIGTERM ended.
constexpr int32_t terminated = 143;

run_event ended(const run_id& run, int32_t exit_code, timestamp at) {
  run_event result;
  result.run = run;
  result.phase = run_phase::ended;
  result.at = at;
  result.exit_code = exit_code;
  result.state = exit_code == 0 ? task_state::succeeded : task_state::failed;
  if (exit_code != 0) {
    result.why = reason::exit_code;
    result.message = "exit code " + std::to_string(exit_code);
  }
  return result;
}

} // namespace

driver_actor::behavior_type simulated_driver_state::make_behavior() {
  auto now = [this] { return wall.at(self->clock().now()); };
  return {
    [this, now](const start_run& x, task_actor& task) {
      run_id id{x.item.allocation, x.item.attempt};
      auto known = listeners.knows(id);
      listeners.follow(id, std::move(task));
      if (known)
        return;
      run_event started;
      started.run = id;
      started.phase = run_phase::started;
      started.at = now();
      listeners.tell(started);
      auto& rule = x.item.spec->simulate;
      auto end = ended(id, rule.exit_code, now() + rule.duration);
      // A service goes on until it is stopped.
      if (rule.duration.count() > 0)
        self->delayed_send(self, rule.duration, std::move(end));
      else if (x.item.spec->kind == job_kind::batch)
        self->send(self, std::move(end));
    },
    [this](adopt_runs, const run_id& run, task_actor& task) {
      listeners.follow(run, std::move(task));
    },
    [this, now](const stop_run& x) {
      if (listeners.knows(x.run))
        self->send(self, ended(x.run, terminated, now()));
    },
    [this](const forget_run& x) {
      listeners.forget(x.run);
      limits.erase(x.run);
    },
    [](adopt_runs) { return adopted_runs{}; },
    [](measure_runs) { return measured_runs{}; },
    [this](const limit_run& x) {
      limits[x.run] = x.wanted;
      return limited_run{{}, x.wanted};
    },
    [](const read_log&) {
      log_chunk result;
      result.ended = true;
      return result;
    },
    [](const exec_command& x) {
      // As much as a health check needs to be tried out.
      if (x.argv == std::vector<std::string>{"true"})
        return exec_result{};
      if (x.argv == std::vector<std::string>{"false"})
        return exec_result{{}, 1};
      return exec_result{"a simulated task runs only `true` and `false`"};
    },
    [](const locate_port&) {
      return located_port{"a simulated task listens nowhere"};
    },
    [](probe_driver) { return probed_driver{}; },
    [this](const run_event& x) {
      // The first end counts.
      if (listeners.knows(x.run) && !listeners.has_ended(x.run))
        listeners.tell(x);
    },
    [](const measured_runs&) {
      // It has no engine.
    },
  };
}

driver_actor::behavior_type
simulated_driver(driver_actor::stateful_pointer<simulated_driver_state> self) {
  return self->state.make_behavior();
}

} // namespace troupe
