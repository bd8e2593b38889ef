#include "actors/planner.hpp"

#include "runtime/plan.hpp"

namespace troupe {

planner_actor::behavior_type
planner(planner_actor::stateful_pointer<planner_state> self) {
  return {
    [self](const make_plan& x) {
      query_answer answer;
      auto made = runtime::plan_of(*x.image, x.change);
      if (made)
        answer.view = std::make_shared<const boost::json::value>(
          runtime::write_plan(*made));
      else
        answer.refused = std::move(made.error());
      self->quit();
      return answer;
    },
  };
}

} // namespace troupe
