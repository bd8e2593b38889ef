#include "actors/task.hpp"

namespace troupe {

void task_actor_state::carry_out(runtime::task::step x) {
  if (x.start_run)
    self->send(driver, start_run{item}, task_actor{self});
  if (x.stop_run)
    self->send(driver, stop_run{item.allocation});
  if (x.report)
    self->send(agent, std::move(*x.report));
  if (x.wake) {
    auto now = wall.at(self->clock().now());
    self->delayed_send(self,
                       std::max(*x.wake - now, std::chrono::milliseconds{1}),
                       atom::tick_v);
  }
  if (x.over)
    self->quit();
}

task_actor::behavior_type task_actor_state::make_behavior() {
  return {
    [this](const run_event& x) { carry_out(core->hear(x)); },
    [this](const stop_run&) { carry_out(core->stop(reason::stopped_by_user)); },
    [this](atom::tick) { carry_out(core->tick(wall.at(self->clock().now()))); },
  };
}

task_actor::behavior_type
task(task_actor::stateful_pointer<task_actor_state> self, work_item item,
     task_origin origin, agent_actor agent, driver_actor driver) {
  auto& state = self->state;
  state.item = std::move(item);
  state.agent = std::move(agent);
  state.driver = std::move(driver);
  state.core.emplace(state.item);
  if (origin == task_origin::fresh)
    state.carry_out(state.core->begin());
  else
    self->send(state.driver, adopt_runs{}, state.item.allocation,
               task_actor{self});
  return state.make_behavior();
}

} // namespace troupe
