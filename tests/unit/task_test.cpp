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
  x.run = {{7}, 2};
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

/// A task that has begun its first run here.
runtime::task a_task(const work_item& item = an_item()) {
  runtime::task result{item, {.attempt = item.attempt}};
  CHECK(result.begin(t0).start_run);
  return result;
}

} // namespace

TEST_CASE("a task reports what its run does, its end once") {
  auto x = a_task();
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
  CHECK_FALSE(x.stop(reason::stopped_by_user, {}, t0 + 5s).stop_run);
}

TEST_CASE("a run that ended well tells which image it ran") {
  auto x = a_task();
  static_cast<void>(x.hear(an_event(run_phase::started)));
  auto end = an_end(task_state::succeeded, 0);
  end.image_digest = "sha256:01";
  CHECK(x.hear(end).report->image_digest == "sha256:01");
}

TEST_CASE("a task that is asked to stop has stopped, whatever its exit code") {
  auto x = a_task(an_item());
  static_cast<void>(x.hear(an_event(run_phase::started)));
  CHECK(x.stop(reason::stopped_by_user, {}, t0 + 5s).stop_run);
  CHECK_FALSE(x.stop(reason::stopped_by_user, {}, t0 + 5s).stop_run);
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
  auto x = a_task(an_item(a_job("x").timeout(5s)));
  CHECK_FALSE(x.tick(t0 + 1h).stop_run);
  auto started = x.hear(an_event(run_phase::started));
  CHECK(started.wake == t0 + 5s);
  CHECK(x.tick(t0 + 4s).wake == t0 + 5s);
  CHECK(x.tick(t0 + 5s).stop_run);
  CHECK_FALSE(x.tick(t0 + 6s).stop_run);
  // A stop that comes later does not change what happened.
  CHECK_FALSE(x.stop(reason::stopped_by_user, {}, t0 + 5s).stop_run);
  auto report = x.hear(an_end(task_state::failed, 137)).report;
  CHECK(report->state == task_state::failed);
  CHECK(report->why == reason::timed_out);
  CHECK(report->message == "stopped after its timeout of 5s");
}

TEST_CASE("a task that was stopped before its timeout has not timed out") {
  auto x = a_task(an_item(a_job("x").timeout(5s)));
  static_cast<void>(x.hear(an_event(run_phase::started)));
  CHECK(x.stop(reason::stopped_by_user, {}, t0 + 5s).stop_run);
  CHECK_FALSE(x.tick(t0 + 6s).stop_run);
  CHECK(x.hear(an_end(task_state::failed, 1)).report->state
        == task_state::stopped);
}

// -- restarts ----------------------------------------------------------------

namespace {

work_item a_service(uint32_t attempts = 2) {
  auto x = a_job("x").service().delay(2s);
  x.spec().restart.attempts = attempts;
  return an_item(x);
}

run_event an_event_of(uint32_t attempt, run_phase phase, timestamp at) {
  auto x = an_event(phase, at);
  x.run.attempt = attempt;
  return x;
}

run_event a_crash(uint32_t attempt, timestamp at) {
  auto x = an_event_of(attempt, run_phase::ended, at);
  x.state = task_state::failed;
  x.why = reason::exit_code;
  x.exit_code = 3;
  x.message = "exit code 3";
  return x;
}

} // namespace

TEST_CASE("a service that fails starts again here, later each time, and then "
          "gives up") {
  auto x = a_task(a_service());
  static_cast<void>(x.hear(an_event_of(2, run_phase::started, t0)));
  auto end = x.hear(a_crash(2, t0 + 1s));
  CHECK_FALSE(end.over);
  REQUIRE(end.report);
  CHECK(end.report->restarts);
  CHECK(end.report->attempt == 2);
  CHECK(end.report->state == task_state::failed);
  CHECK(end.report->exit_code == 3);
  // Not before that is on disk.
  CHECK_FALSE(x.tick(t0 + 1h).start_run);
  CHECK_FALSE(x.kept(7, t0 + 1s).report);
  auto kept = x.kept(3, t0 + 1s);
  REQUIRE(kept.report);
  CHECK(kept.report->attempt == 3);
  CHECK(kept.report->state == task_state::starting);
  CHECK(kept.report->message
        == "starts again in 2s (restart 1 of 2 within 10m)");
  CHECK(kept.wake == t0 + 3s);
  CHECK_FALSE(x.tick(t0 + 2s).start_run);
  CHECK(x.tick(t0 + 3s).start_run);
  CHECK(x.item().attempt == 3);
  // What comes late of the run before is not about this one.
  CHECK_FALSE(x.hear(a_crash(2, t0 + 3s)).report);
  end = x.hear(a_crash(3, t0 + 4s));
  CHECK(end.report->restarts);
  CHECK(x.kept(4, t0 + 4s).wake == t0 + 8s);
  CHECK(x.tick(t0 + 8s).start_run);
  end = x.hear(a_crash(4, t0 + 9s));
  CHECK(end.over);
  CHECK_FALSE(end.report->restarts);
  CHECK(end.report->attempt == 4);
  CHECK(end.report->message
        == "exit code 3 (after 2 restarts on this node within 10m)");
}

TEST_CASE("a service that leaves with success starts again, a batch task does "
          "not") {
  auto leave = [](const work_item& item) {
    auto x = a_task(item);
    static_cast<void>(x.hear(an_event(run_phase::started)));
    return x.hear(an_end(task_state::succeeded, 0)).report->restarts;
  };
  CHECK(leave(a_service()));
  auto batch = a_job("x");
  batch.spec().restart.attempts = 5;
  CHECK_FALSE(leave(an_item(batch)));
}

TEST_CASE("a restart mends no end that would come again at once") {
  for (auto why : {reason::image_not_found, reason::port_in_use,
                   reason::driver_error, reason::node_lost}) {
    auto x = a_task(a_service());
    auto end = an_end(task_state::failed, 1);
    end.why = why;
    auto step = x.hear(end);
    CHECK(step.over);
    CHECK_FALSE(step.report->restarts);
  }
  auto x = a_task(a_service());
  CHECK(x.hear(an_end(task_state::lost)).over);
}

TEST_CASE("a task that is stopped while it waits to start again has stopped") {
  auto x = a_task(a_service());
  static_cast<void>(x.hear(a_crash(2, t0)));
  SUBCASE("after the restart was written down") {
    static_cast<void>(x.kept(3, t0));
  }
  SUBCASE("before") {}
  auto step = x.stop(reason::stopped_by_user, "", t0 + 1s);
  CHECK(step.over);
  CHECK_FALSE(step.stop_run);
  CHECK(step.report->state == task_state::stopped);
  CHECK(step.report->attempt == 3);
  CHECK_FALSE(x.kept(3, t0 + 1s).start_run);
  CHECK_FALSE(x.tick(t0 + 1h).start_run);
}

TEST_CASE("a task that its machine has no memory for fails, and does not start "
          "again there") {
  auto x = a_task(a_service());
  static_cast<void>(x.hear(an_event(run_phase::started)));
  CHECK(x.stop(reason::out_of_memory, "none left", t0).stop_run);
  auto end = x.hear(an_end(task_state::failed, 143));
  CHECK(end.over);
  CHECK(end.report->state == task_state::failed);
  CHECK(end.report->why == reason::out_of_memory);
  CHECK(end.report->message == "none left");
  CHECK_FALSE(end.report->restarts);
}

TEST_CASE("a task that is being stopped does not start again") {
  auto x = a_task(a_service());
  static_cast<void>(x.hear(an_event(run_phase::started)));
  CHECK(x.stop(reason::stopped_by_user, {}, t0).stop_run);
  auto end = x.hear(an_end(task_state::failed, 143));
  CHECK(end.over);
  CHECK(end.report->state == task_state::stopped);
}

TEST_CASE("a later life goes on waiting where the one before was") {
  runtime::task x{a_service(), {.attempt = 4, .restarts = {t0, t0 + 10s}}};
  // The second restart in the window waits 4 s.
  auto step = x.begin(t0 + 11s);
  CHECK_FALSE(step.start_run);
  CHECK(step.wake == t0 + 14s);
  CHECK(x.tick(t0 + 14s).start_run);
  CHECK(x.run() == run_id{{7}, 4});
  // The limit holds over lives.
  auto end = x.hear(a_crash(4, t0 + 15s));
  CHECK(end.over);
}

TEST_CASE("a later life stops what was to be stopped") {
  runtime::task waits{
    a_service(),
    {.attempt = 4, .restarts = {t0}, .stopping = reason::stopped_by_user}};
  auto step = waits.begin(t0);
  CHECK(step.over);
  CHECK(step.report->state == task_state::stopped);
  CHECK(step.report->attempt == 4);
  runtime::task runs{
    a_service(),
    {.attempt = 4, .begun = true, .stopping = reason::stopped_by_user}};
  step = runs.begin(t0);
  CHECK(step.follow_run);
  CHECK(step.stop_run);
  auto end = runs.hear(a_crash(4, t0 + 1s));
  CHECK(end.over);
  CHECK(end.report->state == task_state::stopped);
}

TEST_CASE("a clock that was set back delays a restart once and not for long") {
  runtime::task x{a_service(), {.attempt = 3, .restarts = {t0 + 24h}}};
  CHECK(x.begin(t0).wake == t0 + 2s);
}

TEST_CASE("a later life follows a run that has begun and starts nothing") {
  runtime::task x{a_service(), {.attempt = 3, .begun = true}};
  auto step = x.begin(t0);
  CHECK(step.follow_run);
  CHECK_FALSE(step.start_run);
}

// -- health ------------------------------------------------------------------

namespace {

work_item a_checked_service(uint32_t attempts = 2) {
  auto x = a_job("x").service();
  x.spec().restart.attempts = attempts;
  x.spec().health = health_check{};
  return an_item(x);
}

} // namespace

TEST_CASE("a task tells of its health from its start") {
  auto x = a_task(a_checked_service());
  CHECK_FALSE(x.wants_checks());
  auto step = x.hear(an_event(run_phase::started));
  CHECK(step.report->health == task_health::unknown);
  CHECK(x.wants_checks());
  step = x.check(task_health::healthy, "status 200", t0 + 1s);
  CHECK(step.report->state == task_state::running);
  CHECK(step.report->health == task_health::healthy);
  CHECK(step.report->message == "status 200");
  CHECK_FALSE(step.stop_run);
}

TEST_CASE("an unhealthy task is stopped, and starts again here") {
  auto x = a_task(a_checked_service(1));
  static_cast<void>(x.hear(an_event(run_phase::started)));
  auto step = x.check(task_health::unhealthy, "nobody listens", t0 + 1s);
  CHECK(step.report->health == task_health::unhealthy);
  CHECK(step.stop_run);
  CHECK_FALSE(x.wants_checks());
  CHECK_FALSE(x.check(task_health::healthy, "", t0 + 2s).report);
  auto end = x.hear(an_end(task_state::failed, 143));
  CHECK(end.report->restarts);
  CHECK(end.report->why == reason::unhealthy);
  CHECK(end.report->message == "its check failed: nobody listens");
  CHECK(x.kept(3, t0 + 9s).wake);
  CHECK(x.tick(t0 + 1h).start_run);
  static_cast<void>(x.hear(an_event_of(3, run_phase::started, t0 + 10s)));
  CHECK(x.wants_checks());
  SUBCASE("past its limit it gives up, and the reason is its health") {
    static_cast<void>(x.check(task_health::unhealthy, "silent", t0 + 20s));
    // Also when it has left with success after all.
    auto last = an_event_of(3, run_phase::ended, t0 + 30s);
    last.state = task_state::succeeded;
    last.exit_code = 0;
    end = x.hear(last);
    CHECK(end.over);
    CHECK(end.report->state == task_state::failed);
    CHECK(end.report->why == reason::unhealthy);
  }
  SUBCASE("what a user stops meanwhile has stopped") {
    static_cast<void>(x.check(task_health::unhealthy, "silent", t0 + 20s));
    // Its run is being stopped already.
    CHECK_FALSE(x.stop(reason::stopped_by_user, "", t0 + 21s).stop_run);
    end = x.hear(an_event_of(3, run_phase::ended, t0 + 30s));
    CHECK(end.over);
    CHECK(end.report->state == task_state::stopped);
    CHECK(end.report->why == reason::stopped_by_user);
  }
}

TEST_CASE("messages are cut between characters") {
  auto x = a_task(an_item());
  auto end = an_end(task_state::failed, 1);
  end.message = std::string(1'023, 'x') + "\xC3\xA9";
  CHECK(x.hear(end).report->message == std::string(1'023, 'x'));
}

} // namespace troupe
