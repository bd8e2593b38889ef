#include "actors/task.hpp"

#include "runtime/log.hpp"

namespace troupe {

void task_actor_state::carry_out(runtime::task::step x) {
  if (x.start_run)
    self->send(driver, start_run{core->item()}, task_actor{self});
  if (x.follow_run)
    self->send(driver, adopt_runs{}, core->run(), task_actor{self});
  if (x.stop_run)
    self->send(driver, stop_run{core->run()});
  if (x.report)
    self->send(agent, std::move(*x.report));
  if (x.wake)
    self->delayed_send(self,
                       std::max(*x.wake - now(), std::chrono::milliseconds{1}),
                       atom::tick_v);
  keep_checker();
  if (x.over) {
    // Whoever is monitored remembers who wants to know, and with it all memory
    // of an actor that is long gone.
    self->demonitor(agent.address());
    self->quit();
  }
}

void task_actor_state::keep_checker() {
  if (core->wants_checks() && !checker) {
    checker = self->spawn(troupe::checker, checks, core->item(),
                          core->started_at(), task_actor{self}, driver);
    self->monitor(checker);
  } else if (!core->wants_checks() && checker) {
    self->demonitor(checker.address());
    self->send_exit(checker, caf::exit_reason::user_shutdown);
    checker = nullptr;
  }
}

/// An agent that is started again makes tasks of its own. A checker that failed
/// is no failure of the task: it has another one, an interval later.
void task_actor_state::hear_down(const caf::down_msg& x) {
  if (!checker || checker.address() != x.source)
    return self->quit(caf::exit_reason::user_shutdown);
  runtime::log::error("task {}: its checker failed: {}",
                      to_string(core->item().task),
                      self->system().render(x.reason));
  checker = nullptr;
  census::note_restart(checker_state::name);
  self->delayed_send(self, core->item().spec->health->interval, atom::tick_v);
}

task_actor::behavior_type task_actor_state::make_behavior() {
  self->monitor(agent);
  self->set_down_handler([this](const caf::down_msg& x) { hear_down(x); });
  return {
    [this](const run_event& x) { carry_out(core->hear(x)); },
    [this](const end_task& x) {
      carry_out(core->stop(x.why, x.message, now()));
    },
    [this](const restart_kept& x) { carry_out(core->kept(x.attempt, now())); },
    [this](const health_changed& x) {
      if (x.run == core->run())
        carry_out(core->check(x.health, x.message, now()));
    },
    [this](atom::tick) { carry_out(core->tick(now())); },
  };
}

task_actor::behavior_type
task(task_actor::stateful_pointer<task_actor_state> self, work_item item,
     run_progress so_far, agent_actor agent, driver_actor driver,
     check_tools checks) {
  auto& state = self->state;
  state.agent = std::move(agent);
  state.driver = std::move(driver);
  state.checks = std::move(checks);
  state.core.emplace(std::move(item), std::move(so_far));
  state.carry_out(state.core->begin(state.now()));
  return state.make_behavior();
}

} // namespace troupe
