#include <doctest/doctest.h>

#include "tests/flow/house.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::test;

namespace {

job_spec waiting_for(std::string job, job_spec x) {
  x.after.push_back({std::move(job), job_outcome::succeeded});
  return x;
}

/// When the first fact of a type about `task` was, if there is one.
template <class Fact>
timestamp when(const house& h, const task_ref& task) {
  for (auto& x : h.facts())
    if (auto* y = std::get_if<Fact>(&x.what); y != nullptr && y->task == task)
      return x.time;
  return {};
}

} // namespace

TEST_CASE("jobs that wait for each other run one after the other, at once") {
  for (uint64_t seed = 0; seed < 5; ++seed) {
    CAPTURE(seed);
    house h{seed};
    h.start_controller();
    h.start_machine("a");
    h.submit(batch_job("extract", 3s));
    h.submit(waiting_for("extract", batch_job("load", 3s)));
    h.submit(waiting_for("load", batch_job("report", 1s)));
    REQUIRE(h.await({"report", 0}, task_state::succeeded, 20s));
    CHECK(when<task_placed>(h, {"load", 0})
            - when<task_ended>(h, {"extract", 0})
          < 500ms);
    CHECK(when<task_placed>(h, {"report", 0}) - when<task_ended>(h, {"load", 0})
          < 500ms);
  }
}

TEST_CASE("a wait survives whatever step the controller is killed at") {
  for (size_t steps = 1; steps < 300; steps += 11) {
    CAPTURE(steps);
    house h{steps};
    h.start_controller();
    h.start_machine("a");
    h.submit(batch_job("extract", 200ms));
    h.submit(waiting_for("extract", batch_job("load", 200ms)));
    for (size_t i = 0; i < steps; ++i)
      if (!h.world.step())
        h.world.pass(10ms);
    h.kill_controller();
    h.start_controller();
    REQUIRE(h.await({"load", 0}, task_state::succeeded, 60s));
    CHECK(h.all<job_dependency_met>().size() == 1);
    CHECK(h.starts().size() == 2);
  }
}
