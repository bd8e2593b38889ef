#include <doctest/doctest.h>

#include "runtime/task.hpp"

#include "tests/builders.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

constexpr timestamp t0{1'000};

work_item an_item(const a_job& x = a_job("x")) {
  work_item item;
  item.task = {"x", 0};
  item.attempt = 2;
  item.allocation = {7};
  item.spec = x;
  return item;
}

run_event an_event(run_phase phase, timestamp at = t0) {
  run_event x;
  x.allocation = {7};
  x.phase = phase;
  x.at = at;
  return x;
}

run_event an_end(task_state state, std::optional<int32_t> exit_code = {}) {
  auto x = an_event(run_phase::ended, t0 + 9s);
  x.state = state;
  x.exit_code = exit_code;
  if (state == task_state::failed)
    x.why = reason::exit_code;
  return x;
}

} // namespace

TEST_CASE("a task reports what its run does, its end once") {
  runtime::task x{an_item()};
  CHECK(x.begin().start_run);
  auto preparing = an_event(run_phase::preparing);
  preparing.message = "pulls";
  auto report = x.hear(preparing).report;
  REQUIRE(report);
  CHECK(report->state == task_state::starting);
  CHECK(report->message == "pulls");
  CHECK(report->attempt == 2);
  CHECK(report->allocation.value == 7);
  report = x.hear(an_event(run_phase::started)).report;
  REQUIRE(report);
  CHECK(report->state == task_state::running);
  CHECK_FALSE(x.hear(an_event(run_phase::started)).report);
  CHECK_FALSE(x.hear(preparing).report);
  auto end = x.hear(an_end(task_state::failed, 3));
  CHECK(end.over);
  REQUIRE(end.report);
  CHECK(end.report->state == task_state::failed);
  CHECK(end.report->exit_code == 3);
  CHECK(end.report->at == t0 + 9s);
  CHECK_FALSE(x.hear(an_end(task_state::succeeded, 0)).report);
  CHECK_FALSE(x.stop(reason::stopped_by_user).stop_run);
}

TEST_CASE("a task that is asked to stop has stopped, whatever its exit code") {
  runtime::task x{an_item()};
  static_cast<void>(x.hear(an_event(run_phase::started)));
  CHECK(x.stop(reason::stopped_by_user).stop_run);
  CHECK_FALSE(x.stop(reason::stopped_by_user).stop_run);
  SUBCASE("by its signal") {
    auto report = x.hear(an_end(task_state::failed, 143)).report;
    CHECK(report->state == task_state::stopped);
    CHECK(report->why == reason::stopped_by_user);
    CHECK(report->exit_code == 143);
  }
  SUBCASE("unless nobody knows") {
    CHECK(x.hear(an_end(task_state::lost)).report->state == task_state::lost);
  }
}

TEST_CASE("a timeout stops a task and is reported as its failure") {
  runtime::task x{an_item(a_job("x").timeout(5s))};
  CHECK_FALSE(x.tick(t0 + 1h).stop_run);
  auto started = x.hear(an_event(run_phase::started));
  CHECK(started.wake == t0 + 5s);
  CHECK(x.tick(t0 + 4s).wake == t0 + 5s);
  CHECK(x.tick(t0 + 5s).stop_run);
  CHECK_FALSE(x.tick(t0 + 6s).stop_run);
  // A stop that comes later does not change what happened.
  CHECK_FALSE(x.stop(reason::stopped_by_user).stop_run);
  auto report = x.hear(an_end(task_state::failed, 137)).report;
  CHECK(report->state == task_state::failed);
  CHECK(report->why == reason::timed_out);
  CHECK(report->message == "stopped after its timeout of 5s");
}

TEST_CASE("a task that was stopped before its timeout has not timed out") {
  runtime::task x{an_item(a_job("x").timeout(5s))};
  static_cast<void>(x.hear(an_event(run_phase::started)));
  CHECK(x.stop(reason::stopped_by_user).stop_run);
  CHECK_FALSE(x.tick(t0 + 6s).stop_run);
  CHECK(x.hear(an_end(task_state::failed, 1)).report->state
        == task_state::stopped);
}

TEST_CASE("messages are cut between characters") {
  runtime::task x{an_item()};
  auto end = an_end(task_state::failed, 1);
  end.message = std::string(1'023, 'x') + "\xC3\xA9";
  CHECK(x.hear(end).report->message == std::string(1'023, 'x'));
}

} // namespace troupe
