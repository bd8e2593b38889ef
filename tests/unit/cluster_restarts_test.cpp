#include "tests/unit/cluster_fixture.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

/// One task of a service that runs on `n1` as attempt 1.
struct running_service : cluster_fixture {
  running_service() {
    join(a_node("n1"));
    submit(a_job("web").service().port("http", 80));
    place();
    started({"web", 0});
    forget_said();
    static_cast<void>(given());
  }
};

task_report a_restart(work_item item, uint32_t attempt) {
  item.attempt = attempt;
  task_report x = a_report{item, task_state::failed}
                    .why(reason::exit_code)
                    .exit_code(3)
                    .message("exit code 3");
  x.restarts = true;
  return x;
}

task_report an_attempt(work_item item, uint32_t attempt, task_state state) {
  item.attempt = attempt;
  return a_report{item, state};
}

} // namespace

TEST_CASE("an attempt that its machine restarts keeps its place") {
  running_service c;
  auto item = c.item_of({"web", 0});
  auto ports = c.core.find_job("web")->occupations;
  c.pass(5s);
  c.report("n1", a_restart(item, 1));
  CHECK(
    c.said()
    == R"(taskEnded {"state":"failed","task":"web.0","attempt":1,"node":"n1","reason":"exitCode","message":"exit code 3","exitCode":3,"restarts":true}
)");
  CHECK(c.given().empty());
  auto* task = c.core.find_task({"web", 0});
  CHECK(task->state == task_state::starting);
  CHECK(task->attempt == 2);
  CHECK(task->allocation == item.allocation);
  CHECK(task->failures == 0);
  CHECK_FALSE(task->has_exit_code);
  CHECK(c.core.find_job("web")->occupations == ports);
  auto& past = c.core.find_job("web")->past.at(0);
  REQUIRE(past.size() == 1);
  CHECK(past[0].attempt == 1);
  CHECK(past[0].allocation == item.allocation);
  CHECK(past[0].node == "n1");
  CHECK(past[0].state == task_state::failed);
  CHECK(past[0].why == reason::exit_code);
  CHECK(past[0].exit_code == 3);
  CHECK(past[0].message == "exit code 3");
  CHECK(past[0].started_at);
  CHECK(past[0].ended_at == c.now);
  SUBCASE("the next one is told like any other") {
    auto next = an_attempt(item, 2, task_state::starting);
    next.message = "starts again in 1s";
    c.report("n1", next);
    c.report("n1", an_attempt(item, 2, task_state::running));
    CHECK(c.state_of({"web", 0}) == task_state::running);
    CHECK(task->attempt == 2);
  }
  SUBCASE("what is told again changes nothing") {
    c.forget_said();
    c.report("n1", a_restart(item, 1));
    c.report("n1", an_attempt(item, 1, task_state::running));
    CHECK(c.said().empty());
    CHECK(c.given().empty());
    CHECK(task->attempt == 2);
  }
  SUBCASE("when that gives up, it is placed anew as a third one") {
    c.report("n1", an_attempt(item, 2, task_state::running));
    c.ended({"web", 0}, 4);
    CHECK(c.state_of({"web", 0}) == task_state::pending);
    c.pass(1min);
    c.place();
    CHECK(task->attempt == 3);
    CHECK(task->allocation != item.allocation);
    CHECK(c.core.find_job("web")->past.at(0).size() == 2);
  }
}

TEST_CASE("an attempt that ended before anybody told of its start did run") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("web").service());
  c.place();
  c.forget_said();
  c.report("n1", a_restart(c.item_of({"web", 0}), 1));
  CHECK(c.said().starts_with("taskStarted"));
  CHECK(c.core.work_for("n1").empty());
}

TEST_CASE("of attempts that nobody has told of, the end is not known") {
  running_service c;
  auto item = c.item_of({"web", 0});
  SUBCASE("one") {
    c.report("n1", an_attempt(item, 2, task_state::running));
    CHECK(c.core.find_job("web")->past.at(0).size() == 1);
  }
  SUBCASE("many") {
    c.report("n1", an_attempt(item, 500, task_state::running));
    auto& past = c.core.find_job("web")->past.at(0);
    REQUIRE(past.size() == 2);
    CHECK(past[0].attempt == 1);
    CHECK(past[1].attempt == 499);
    CHECK(c.core.find_task({"web", 0})->attempt == 500);
  }
  SUBCASE("more than there can be: that is not believed") {
    c.report("n1", an_attempt(item, 4'000'000'000, task_state::running));
    CHECK(c.core.find_task({"web", 0})->attempt == 1);
    CHECK(c.said().empty());
    return;
  }
  CHECK(c.state_of({"web", 0}) == task_state::running);
}

TEST_CASE("a hello tells what was restarted meanwhile") {
  running_service c;
  auto item = c.item_of({"web", 0});
  c.done(join_node{a_node("n1"), std::vector<task_report>{
                                   a_restart(item, 1), a_restart(item, 2),
                                   an_attempt(item, 3, task_state::running)}});
  CHECK(c.state_of({"web", 0}) == task_state::running);
  CHECK(c.core.find_task({"web", 0})->attempt == 3);
  CHECK(c.core.find_job("web")->past.at(0).size() == 2);
  CHECK(c.given().empty());
}

TEST_CASE("a restart does not undo that somebody wants the task to stop") {
  running_service c;
  auto item = c.item_of({"web", 0});
  SUBCASE("for good") {
    c.done(stop_job{"web"});
    c.report("n1", a_restart(item, 1));
    CHECK(c.core.find_task({"web", 0})->stopping);
    // The machine hears of it while the next attempt waits.
    auto stopped = an_attempt(item, 2, task_state::stopped);
    stopped.why = reason::stopped_by_user;
    c.report("n1", stopped);
    CHECK(c.state_of({"web", 0}) == task_state::stopped);
    CHECK(c.core.find_task({"web", 0})->why == reason::stopped_by_user);
  }
  SUBCASE("to start anew") {
    c.done(restart_task{{"web", 0}});
    c.report("n1", a_restart(item, 1));
    c.report("n1", an_attempt(item, 2, task_state::stopped));
    CHECK(c.state_of({"web", 0}) == task_state::pending);
  }
}

TEST_CASE("a restart of what was given up here says nothing") {
  running_service c;
  auto item = c.item_of({"web", 0});
  c.done(change_node_health{"n1", node_state::unhealthy});
  c.forget_said();
  c.report("n1", a_restart(item, 1));
  CHECK(c.said().empty());
  // What it is at now is stopped.
  static_cast<void>(c.given());
  c.report("n1", an_attempt(item, 2, task_state::starting));
  CHECK(c.given() == "n1: stop web.0\n");
}

TEST_CASE("a task that its machine stopped for want of a controller is placed "
          "anew") {
  running_service c;
  task_report x = a_report{c.item_of({"web", 0}), task_state::stopped}
                    .why(reason::node_lost)
                    .message("stopped by its node");
  c.report("n1", x);
  CHECK(c.state_of({"web", 0}) == task_state::pending);
}

} // namespace troupe
