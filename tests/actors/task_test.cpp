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

  explicit stage(bool begun = false, milliseconds timeout = 0ms)
    : stage(job_with(timeout), {.attempt = 1, .begun = begun}) {}

  static job_spec job_with(milliseconds timeout) {
    job_spec result;
    result.timeout = timeout;
    result.restart.attempts = 0;
    return result;
  }

  stage(job_spec job, run_progress so_far) {
    agent = world.fake<agent_actor>(
      "agent", [this](caf::event_based_actor*) -> caf::behavior {
        return {[this](const task_report& x) { reports.push_back(x); }};
      });
    driver = world.fake<driver_actor>("driver");
    auto spec = std::make_shared<job_spec>(std::move(job));
    spec->name = "web";
    work_item item;
    item.task = {"web", 0};
    item.attempt = 1;
    item.allocation = {7};
    item.spec = spec;
    aut = world.system().spawn(task, item, std::move(so_far), agent, driver,
                               check_tools{});
    aut->attach_functor([this](const caf::error&) { over = true; });
    world.settle();
  }

  ~stage() { world.end(); }

  void hear(run_phase phase, std::optional<int32_t> exit_code = {},
            uint32_t attempt = 1) {
    run_event x;
    x.run = {{7}, attempt};
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
  stage s;
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
  stage s{true};
  CHECK(s.world.transcript() == "task -> driver: adopt_runs\n");
}

TEST_CASE("a run that takes too long is stopped and reported as timed out") {
  stage s{false, 30s};
  s.hear(run_phase::started);
  s.world.pass(29s);
  CHECK(s.world.count_said("task -> driver: stop_run(7-1)") == 0);
  s.world.pass(2s);
  CHECK(s.world.count_said("task -> driver: stop_run(7-1)") == 1);
  s.hear(run_phase::ended, 143);
  REQUIRE_FALSE(s.reports.empty());
  CHECK(s.reports.back().state == task_state::failed);
  CHECK(s.reports.back().why == reason::timed_out);
  CHECK(s.reports.back().message.find("30s") != std::string::npos);
  CHECK(s.over);
}

TEST_CASE("a timeout does not count while a run is being prepared") {
  stage s{false, 30s};
  s.hear(run_phase::preparing);
  s.world.pass(300s);
  CHECK(s.world.count_said("stop_run") == 0);
}

TEST_CASE("a run that is stopped is reported as stopped, whatever its exit "
          "code") {
  stage s;
  s.hear(run_phase::started);
  caf::anon_send(s.aut, end_task{});
  caf::anon_send(s.aut, end_task{});
  s.world.settle();
  CHECK(s.world.count_said("task -> driver: stop_run(7-1)") == 1);
  s.hear(run_phase::ended, 143);
  CHECK(s.reports.back().state == task_state::stopped);
  CHECK(s.reports.back().why == reason::stopped_by_user);
}

// -- restarts ----------------------------------------------------------------

namespace {

job_spec a_service() {
  job_spec result;
  result.kind = job_kind::service;
  result.restart = {.attempts = 2, .window = 10min, .delay = 2s, .backoff = 2};
  return result;
}

} // namespace

TEST_CASE(
  "a run that fails is followed by another one, when that is on disk and "
  "its delay is over") {
  stage s{a_service(), {.attempt = 1}};
  s.hear(run_phase::started);
  s.hear(run_phase::ended, 3);
  CHECK(s.reports.back().restarts);
  s.world.pass(1h);
  CHECK(s.world.count_said("start_run") == 1);
  CHECK_FALSE(s.over);
  caf::anon_send(s.aut, restart_kept{2});
  s.world.pass(1900ms);
  CHECK(s.reports.back().attempt == 2);
  CHECK(s.world.count_said("start_run") == 1);
  s.world.pass(200ms);
  CHECK(s.world.count_said("start_run") == 2);
  s.hear(run_phase::started, {}, 2);
  CHECK(s.reports.back().state == task_state::running);
  CHECK(s.reports.back().attempt == 2);
}

TEST_CASE("a task goes with its agent, which makes another one") {
  stage s{a_service(), {.attempt = 1}};
  s.world.kill(s.agent);
  s.world.settle();
  CHECK(s.over);
}

// -- health ------------------------------------------------------------------

namespace {

job_spec a_checked_service() {
  auto result = a_service();
  result.health = health_check{
    .kind = check_kind::command, .command = {"true"}, .interval = 10s};
  return result;
}

} // namespace

TEST_CASE("a task has a checker while its run runs") {
  stage s{a_checked_service(), {.attempt = 1}};
  CHECK(s.world.living("checker").empty());
  s.hear(run_phase::started);
  s.world.pass(1s);
  CHECK(s.world.living("checker").size() == 1);
  s.hear(run_phase::ended, 3);
  CHECK(s.world.living("checker").empty());
}

TEST_CASE(
  "a checker that fails is followed by another one, and is no failure of "
  "the task") {
  stage s{a_checked_service(), {.attempt = 1}};
  s.hear(run_phase::started);
  s.world.pass(1s);
  REQUIRE(s.world.living("checker").size() == 1);
  s.world.kill(s.world.living("checker").front());
  s.world.settle();
  CHECK_FALSE(s.over);
  s.world.pass(12s);
  CHECK(s.world.living("checker").size() == 1);
  CHECK(s.world.count_said("stop_run") == 0);
}

TEST_CASE("a run that is found unhealthy is stopped, and starts again") {
  stage s{a_checked_service(), {.attempt = 1}};
  s.hear(run_phase::started);
  CHECK(s.reports.back().health == task_health::unknown);
  caf::anon_send(s.aut,
                 health_changed{{{7}, 1}, task_health::healthy, "exit code 0"});
  s.world.settle();
  CHECK(s.reports.back().health == task_health::healthy);
  // Of a run before: no news.
  caf::anon_send(s.aut,
                 health_changed{{{7}, 9}, task_health::unhealthy, "old"});
  s.world.settle();
  CHECK(s.world.count_said("stop_run") == 0);
  caf::anon_send(s.aut,
                 health_changed{{{7}, 1}, task_health::unhealthy, "silent"});
  s.world.settle();
  CHECK(s.world.count_said("task -> driver: stop_run(7-1)") == 1);
  s.hear(run_phase::ended, 143);
  CHECK(s.reports.back().why == reason::unhealthy);
  CHECK(s.reports.back().restarts);
}
