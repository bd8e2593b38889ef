#include <caf/all.hpp>
#include <doctest/doctest.h>

#include "actors/task.hpp"

#include "tests/virtual_world/world.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::test;

namespace {

struct stage {
  virtual_world world;
  agent_actor agent;
  driver_actor driver;
  task_actor aut;
  std::vector<task_report> reports;
  bool over = false;

  explicit stage(task_origin origin, milliseconds timeout = 0ms) {
    agent = world.fake<agent_actor>(
      "agent", [this](caf::event_based_actor*) -> caf::behavior {
        return {[this](const task_report& x) { reports.push_back(x); }};
      });
    driver = world.fake<driver_actor>("driver");
    auto spec = std::make_shared<job_spec>();
    spec->name = "web";
    spec->timeout = timeout;
    work_item item;
    item.task = {"web", 0};
    item.attempt = 1;
    item.allocation = {7};
    item.spec = spec;
    aut = world.system().spawn(task, item, origin, agent, driver);
    aut->attach_functor([this](const caf::error&) { over = true; });
    world.settle();
  }

  ~stage() { world.end(); }

  void hear(run_phase phase, std::optional<int32_t> exit_code = {}) {
    run_event x;
    x.allocation = {7};
    x.phase = phase;
    x.at = world.wall();
    x.exit_code = exit_code;
    if (exit_code) {
      x.state = *exit_code == 0 ? task_state::succeeded : task_state::failed;
      x.why = *exit_code == 0 ? reason::none : reason::exit_code;
    }
    caf::anon_send(aut, x);
    world.settle();
  }
};

} // namespace

TEST_CASE("a task starts its run, tells how it goes, and leaves") {
  stage s{task_origin::fresh};
  CHECK(s.world.transcript()
        == "task -> driver: start_run(start web.0 as 7)\n");
  s.hear(run_phase::preparing);
  s.hear(run_phase::started);
  s.hear(run_phase::ended, 0);
  REQUIRE(s.reports.size() == 3);
  CHECK(s.reports[0].state == task_state::starting);
  CHECK(s.reports[1].state == task_state::running);
  CHECK(s.reports[2].state == task_state::succeeded);
  CHECK(s.reports[2].exit_code == 0);
  CHECK(s.over);
}

TEST_CASE("a task that is adopted asks for its run and starts nothing") {
  stage s{task_origin::adopted};
  CHECK(s.world.transcript() == "task -> driver: adopt_runs\n");
}

TEST_CASE("a run that takes too long is stopped and reported as timed out") {
  stage s{task_origin::fresh, 30s};
  s.hear(run_phase::started);
  s.world.pass(29s);
  CHECK(s.world.count_said("task -> driver: stop_run(7)") == 0);
  s.world.pass(2s);
  CHECK(s.world.count_said("task -> driver: stop_run(7)") == 1);
  s.hear(run_phase::ended, 143);
  REQUIRE_FALSE(s.reports.empty());
  CHECK(s.reports.back().state == task_state::failed);
  CHECK(s.reports.back().why == reason::timed_out);
  CHECK(s.reports.back().message.find("30s") != std::string::npos);
  CHECK(s.over);
}

TEST_CASE("a timeout does not count while a run is being prepared") {
  stage s{task_origin::fresh, 30s};
  s.hear(run_phase::preparing);
  s.world.pass(300s);
  CHECK(s.world.count_said("stop_run") == 0);
}

TEST_CASE("a run that is stopped is reported as stopped, whatever its exit "
          "code") {
  stage s{task_origin::fresh};
  s.hear(run_phase::started);
  caf::anon_send(s.aut, stop_run{{7}});
  caf::anon_send(s.aut, stop_run{{7}});
  s.world.settle();
  CHECK(s.world.count_said("task -> driver: stop_run(7)") == 1);
  s.hear(run_phase::ended, 143);
  CHECK(s.reports.back().state == task_state::stopped);
  CHECK(s.reports.back().why == reason::stopped_by_user);
}
