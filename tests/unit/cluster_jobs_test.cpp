// What becomes of jobs and tasks, from submission to exit.

#include "tests/unit/cluster_fixture.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

/// When the task may start again, after now; 0 if at once.
milliseconds wait_of(const cluster_fixture& x, const task_ref& task) {
  auto due = x.core.find_task(task)->not_before;
  return due > x.now ? due - x.now : 0ms;
}

} // namespace

// -- batch -------------------------------------------------------------------

TEST_CASE("a batch job goes from submission to exit") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("hello"), "key-1");
  c.place();
  auto item = c.item_of({"hello", 0});
  c.report("n1", a_report{item, task_state::starting}.message("pulls"));
  c.report("n1", a_report{item, task_state::running});
  c.report("n1", a_report{item, task_state::succeeded}.exit_code(0));
  CHECK(c.said() == R"(nodeJoined {"node":"n1"}
jobSubmitted {"job":"hello","key":"key-1"}
taskPlaced {"task":"hello.0","attempt":1,"node":"n1"}
taskStarting {"task":"hello.0","node":"n1","message":"pulls"}
taskStarted {"task":"hello.0","node":"n1"}
taskEnded {"state":"succeeded","task":"hello.0","attempt":1,"node":"n1","exitCode":0}
)");
  CHECK(c.given() == "n1: start hello.0\nn1: forget hello.0\n");
  CHECK(runtime::state_of(*c.core.find_job("hello")) == job_state::succeeded);
  // Exit 0 ends it for good.
  c.pass(1h);
  c.place();
  CHECK(c.said() == "");
  // It is heard twice, and nothing follows but that it may be forgotten.
  c.report("n1", a_report{item, task_state::succeeded}.exit_code(0));
  CHECK(c.said() == "");
  CHECK(c.given() == "n1: forget hello.0\n");
  c.check_copies();
}

TEST_CASE(
  "a failed batch task has its retries, each later than the one before") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("x").retries(2).delay(1s));
  for (auto wait : {1s, 2s}) {
    c.place();
    c.started({"x", 0});
    c.ended({"x", 0}, 3);
    CHECK(wait_of(c, {"x", 0}) == wait);
    CHECK(c.core.next_wake() == c.now + wait);
    CHECK(c.place() == 0);
    c.pass(wait);
  }
  c.place();
  c.forget_said();
  c.ended({"x", 0}, 3);
  CHECK(
    c.said()
    == R"(taskEnded {"state":"failed","task":"x.0","attempt":3,"node":"n1","reason":"exitCode","exitCode":3}
)");
  CHECK(c.is_over("x"));
  CHECK(runtime::state_of(*c.core.find_job("x")) == job_state::failed);
  auto& past = c.core.find_job("x")->past.at(0);
  REQUIRE(past.size() == 2);
  CHECK(past[0].attempt == 1);
  CHECK(past[0].exit_code == 3);
  CHECK(past[0].state == task_state::failed);
  CHECK(past[1].message == "run 2 of 3 failed, 1 more run to try");
  c.check_copies();
}

TEST_CASE("retries are counted over the whole life of a batch task") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("x").retries(1).delay(0s).window(1min));
  for (auto i = 0; i < 2; ++i) {
    c.place();
    c.started({"x", 0});
    c.pass(1h);
    c.ended({"x", 0}, 1);
  }
  CHECK(c.is_over("x"));
}

TEST_CASE("a timed-out task has failed, and is retried like any failure") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("x").retries(1).timeout(5s).delay(0s));
  c.place();
  c.started({"x", 0});
  c.forget_said();
  c.report("n1", a_report{c.item_of({"x", 0}), task_state::failed}
                   .why(reason::timed_out)
                   .message("stopped after its timeout of 5s"));
  CHECK(
    c.said()
    == R"(taskEnded {"state":"failed","task":"x.0","attempt":1,"node":"n1","reason":"timedOut","message":"stopped after its timeout of 5s"}
taskRequeued {"task":"x.0","reason":"timedOut","message":"run 1 of 2 failed, 1 more run to try","avoid":"n1"}
)");
  c.place();
  CHECK(c.core.find_task({"x", 0})->attempt == 2);
}

TEST_CASE("a lost machine or a taken port uses up no retry") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("x").delay(2s));
  c.place();
  c.report("n1", a_report{c.item_of({"x", 0}), task_state::failed}.why(
                   reason::port_in_use));
  CHECK(wait_of(c, {"x", 0}) == 2s);
  c.pass(2s);
  c.place();
  c.report("n1", a_report{c.item_of({"x", 0}), task_state::lost}.why(
                   reason::node_lost));
  CHECK(c.state_of({"x", 0}) == task_state::pending);
  CHECK(wait_of(c, {"x", 0}) == 0s);
}

// -- services ----------------------------------------------------------------

TEST_CASE("a service starts again after any exit, ever later") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("web").service().delay(1s).window(10min));
  auto exit_code = 0;
  for (auto wait : {1s, 2s, 4s, 8s, 16s, 32s, 64s, 128s, 256s, 300s, 300s}) {
    c.place();
    c.started({"web", 0});
    c.ended({"web", 0}, exit_code);
    exit_code = 1 - exit_code;
    CHECK(wait_of(c, {"web", 0}) == wait);
    c.pass(wait);
  }
  // After a long run it begins anew.
  c.place();
  c.started({"web", 0});
  c.pass(11min);
  c.ended({"web", 0}, 1);
  CHECK(wait_of(c, {"web", 0}) == 1s);
  c.check_copies();
}

TEST_CASE("attempts are remembered up to a limit") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("web").service().delay(0s));
  for (auto i = 0; i < 20; ++i) {
    c.place();
    c.started({"web", 0});
    c.ended({"web", 0}, i);
  }
  CHECK(c.core.find_job("web")->past.at(0).size() == 10);
  CHECK(c.core.find_job("web")->past.at(0).back().exit_code == 18);
}

// -- stopping ----------------------------------------------------------------

TEST_CASE("stopping a task that waits frees it in the same decision") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("x").tasks(6));
  SUBCASE("before it was ever looked at") {}
  SUBCASE("after others were placed") {
    c.place();
  }
  c.forget_said();
  c.done(stop_task{{"x", 5}});
  CHECK(
    c.said()
    == R"(taskEnded {"state":"stopped","task":"x.5","reason":"stoppedByUser","message":"stopped before it was placed"}
)");
  CHECK(c.state_of({"x", 5}) == task_state::stopped);
  // Twice is once.
  c.done(stop_task{{"x", 5}});
  CHECK(c.said() == "");
  c.check_copies();
}

TEST_CASE("stopping a task that waits for its next attempt ends it") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("web").service().delay(5s));
  c.place();
  c.started({"web", 0});
  c.ended({"web", 0}, 1);
  c.done(stop_task{{"web", 0}});
  c.pass(1min);
  CHECK(c.place() == 0);
  CHECK(c.state_of({"web", 0}) == task_state::stopped);
  c.check_copies();
}

TEST_CASE("a running task that is stopped gives its capacity back as it ends") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("x").cpu(4));
  c.place();
  SUBCASE("while placed") {}
  SUBCASE("while starting") {
    c.report("n1", a_report{c.item_of({"x", 0}), task_state::starting});
  }
  SUBCASE("while running") {
    c.started({"x", 0});
  }
  c.submit(a_job("next").cpu(4));
  c.place();
  c.forget_said();
  c.done(stop_task{{"x", 0}});
  CHECK(c.said() == R"(taskStopping {"task":"x.0","reason":"stoppedByUser"}
)");
  CHECK(c.given() == "n1: stop x.0\n");
  c.done(stop_task{{"x", 0}});
  CHECK(c.said() == "");
  c.stopped({"x", 0});
  CHECK(c.core.find_node("n1")->reserved == resources{});
  CHECK(c.core.table().used(0) == resources{});
  CHECK(c.given() == "n1: forget x.0\n");
  // In the same turn the next one has its place.
  c.place();
  CHECK(c.state_of({"next", 0}) == task_state::placed);
  CHECK(c.is_over("x"));
  CHECK(runtime::state_of(*c.core.find_job("x")) == job_state::stopped);
  c.check_copies();
}

TEST_CASE("a task that a user stopped stays so however its attempt ends") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("web").service());
  c.place();
  c.started({"web", 0});
  c.done(stop_task{{"web", 0}});
  auto state = task_state::stopped;
  SUBCASE("by exit code") {
    c.ended({"web", 0}, 143);
  }
  SUBCASE("because memory ran out") {
    state = task_state::failed;
    c.report("n1", a_report{c.item_of({"web", 0}), task_state::failed}.why(
                     reason::out_of_memory));
  }
  SUBCASE("because its machine is silent") {
    c.done(change_node_health{"n1", node_state::unhealthy});
  }
  SUBCASE("because its machine came back without it") {
    c.done(join_node{a_node("n1"), std::vector<task_report>{}});
  }
  SUBCASE("because its machine was removed") {
    c.done(remove_node{"n1", ""});
  }
  CHECK(c.state_of({"web", 0}) == state);
  CHECK(c.core.queue().ahead_of({1, 0}, 10) == 0);
  c.check_copies();
}

TEST_CASE("a job is stopped with all that it has, and may be forgotten") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("x").tasks(9).retries(3));
  c.place();
  c.started({"x", 0});
  c.started({"x", 1});
  c.ended({"x", 1}, 1);
  auto forget = false;
  SUBCASE("stopped") {}
  SUBCASE("forgotten") {
    forget = true;
  }
  c.forget_said();
  c.done(stop_job{"x", forget});
  CHECK(c.core.next_wake() == std::nullopt);
  CHECK(c.core.find_job("x")->live() == 3);
  CHECK(c.core.find_job("x")->ready() == 0);
  for (uint32_t i : {0U, 2U, 3U})
    c.stopped({"x", i});
  CHECK((c.core.find_job("x") == nullptr) == forget);
  CHECK(c.core.find_node("n1")->reserved == resources{});
  c.check_copies();
  if (!forget) {
    CHECK(c.is_over("x"));
    // An end later, it is forgotten at once.
    c.done(stop_job{"x", true});
    CHECK(c.core.find_job("x") == nullptr);
  }
}

TEST_CASE("what is not there is refused") {
  cluster_fixture c;
  c.submit(a_job("x"));
  auto kind_of = [&](const command& x) {
    auto result = c.ask(x);
    REQUIRE_FALSE(result);
    return result.error().kind;
  };
  CHECK(kind_of(stop_job{"y", false}) == refusal_kind::not_found);
  CHECK(kind_of(scale_job{"y", 1}) == refusal_kind::not_found);
  CHECK(kind_of(restart_job{"y"}) == refusal_kind::not_found);
  CHECK(kind_of(stop_task{{"x", 1}}) == refusal_kind::not_found);
  CHECK(kind_of(restart_task{{"x", 1}}) == refusal_kind::not_found);
  CHECK(kind_of(scale_job{"x", 1'000'001}) == refusal_kind::bad_input);
  c.done(stop_job{"x", false});
  CHECK(kind_of(scale_job{"x", 2}) == refusal_kind::conflict);
  CHECK(kind_of(restart_job{"x"}) == refusal_kind::conflict);
  CHECK(kind_of(restart_task{{"x", 0}}) == refusal_kind::conflict);
}

TEST_CASE("a document with one job that is wrong changes nothing") {
  cluster_fixture c;
  auto job = a_job("x");
  job.spec().priority_class = "gold";
  auto result = c.ask(submit_jobs{{a_job("fine"), job}, "k"});
  REQUIRE_FALSE(result);
  CHECK(result.error().problems.at(0).pointer == "/1/priorityClass");
  CHECK(c.core.version() == 0);
}

// -- restarts ----------------------------------------------------------------

TEST_CASE("a restart stops what runs and starts what has ended") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("x").tasks(6));
  c.place();
  c.started({"x", 0});
  c.started({"x", 1});
  c.ended({"x", 1});
  c.forget_said();
  c.done(restart_job{"x"});
  CHECK(
    c.said()
    == R"(taskStopping {"task":"x.0","message":"restarted by a user","restart":true}
taskRequeued {"task":"x.1","message":"restarted by a user"}
taskStopping {"task":"x.2","message":"restarted by a user","restart":true}
taskStopping {"task":"x.3","message":"restarted by a user","restart":true}
)");
  c.stopped({"x", 0});
  CHECK(c.state_of({"x", 0}) == task_state::pending);
  c.ended({"x", 2}, 137);
  CHECK(c.state_of({"x", 2}) == task_state::pending);
  CHECK(wait_of(c, {"x", 2}) == 0s);
  c.done(change_node_health{"n1", node_state::unhealthy});
  CHECK(c.state_of({"x", 3}) == task_state::pending);
  c.check_copies();
}

TEST_CASE(
  "the last wish counts: stopped and restarted, restarted and stopped") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("web").service());
  c.place();
  c.started({"web", 0});
  auto again = task_state::pending;
  SUBCASE("started again") {
    c.done(stop_task{{"web", 0}});
    c.done(restart_task{{"web", 0}});
  }
  SUBCASE("stopped") {
    again = task_state::stopped;
    c.done(restart_task{{"web", 0}});
    c.done(stop_task{{"web", 0}});
  }
  SUBCASE("stopped with its job") {
    again = task_state::stopped;
    c.done(restart_task{{"web", 0}});
    c.done(stop_job{"web", false});
  }
  SUBCASE("submitted again") {
    c.done(stop_job{"web", false});
    c.submit(a_job("web").service());
  }
  SUBCASE("submitted again though it was to be forgotten") {
    c.done(stop_job{"web", true});
    c.submit(a_job("web").service());
  }
  SUBCASE("not wanted, and wanted again") {
    c.done(scale_job{"web", 0});
    c.done(scale_job{"web", 1});
  }
  c.stopped({"web", 0});
  REQUIRE(c.core.find_job("web") != nullptr);
  CHECK(c.state_of({"web", 0}) == again);
  c.check_copies();
}

TEST_CASE("a job submitted anew after its end begins anew") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("x").tasks(2));
  auto born = c.core.find_job("x")->born;
  c.place();
  c.started({"x", 0});
  c.ended({"x", 0});
  c.ended({"x", 1});
  auto again = c.submit(a_job("x"));
  CHECK(again.jobs.at(0) == submitted_job{"x", 2, 1, false});
  CHECK(c.core.find_job("x")->born > born);
  CHECK(c.core.find_job("x")->tasks.empty());
  c.place();
  CHECK(c.core.find_task({"x", 0})->attempt == 1);
  c.check_copies();
}

// -- scale -------------------------------------------------------------------

TEST_CASE("a job is scaled up and down in every state of its tasks") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("web").service().tasks(6).delay(5s));
  c.place();
  c.started({"web", 0});
  c.started({"web", 1});
  c.started({"web", 3});
  c.ended({"web", 1}, 1);
  // Now: running, delayed, placed, running, fresh, fresh.
  c.forget_said();
  c.done(scale_job{"web", 1});
  CHECK(c.said() == R"(jobScaled {"job":"web","count":1}
taskStopping {"task":"web.2","reason":"stoppedByUser","message":"scaled down"}
taskStopping {"task":"web.3","reason":"stoppedByUser","message":"scaled down"}
)");
  CHECK(c.core.find_job("web")->ready() == 0);
  c.stopped({"web", 3});
  CHECK(c.core.find_job("web")->tasks.size() == 3);
  SUBCASE("back while one still stops") {
    c.done(scale_job{"web", 5});
    c.stopped({"web", 2});
  }
  SUBCASE("back once all have stopped") {
    c.stopped({"web", 2});
    CHECK(c.core.find_job("web")->tasks.size() == 1);
    c.done(scale_job{"web", 5});
  }
  CHECK(c.core.find_job("web")->ready() == 4);
  c.place();
  CHECK(c.core.find_job("web")->live() == 4);
  for (uint32_t i = 0; i < 4; ++i)
    CHECK(c.state_of({"web", i})
          == (i == 0 ? task_state::running : task_state::placed));
  c.check_copies();
}

TEST_CASE("a service at zero is stopped and can be scaled up again") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("web").service());
  c.done(scale_job{"web", 0});
  CHECK(runtime::state_of(*c.core.find_job("web")) == job_state::stopped);
  CHECK(c.place() == 0);
  c.done(scale_job{"web", 2});
  c.place();
  CHECK(c.core.find_job("web")->live() == 2);
  c.check_copies();
}

// -- updates -----------------------------------------------------------------

TEST_CASE("an update without a change changes nothing") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("web").service().tasks(3));
  c.place();
  c.forget_said();
  auto same = c.submit(a_job("web").service().tasks(3));
  CHECK(c.said() == "");
  CHECK(same.jobs.at(0).version == 1);
}

TEST_CASE("an update replaces the tasks of a service, so many at a time") {
  cluster_fixture c;
  c.join(a_node("n1").cpu(8));
  c.submit(a_job("web").service().tasks(4).surge(0).min_healthy(0ms));
  c.place();
  for (uint32_t i = 0; i < 4; ++i)
    c.started({"web", i});
  uint32_t at_once = 1;
  SUBCASE("one") {}
  SUBCASE("two") {
    at_once = 2;
  }
  c.submit(
    a_job("web").service().tasks(4).surge(0).min_healthy(0ms).cpu(0.5).at_once(
      at_once));
  auto stopping = [&] {
    std::vector<uint32_t> result;
    for (uint32_t i = 0; i < 4; ++i)
      if (c.core.find_task({"web", i})->stopping)
        result.push_back(i);
    return result;
  };
  for (auto rounds = 0; rounds < 4 && !stopping().empty(); ++rounds) {
    auto now = stopping();
    CHECK(now.size() == at_once);
    for (auto i : now)
      c.stopped({"web", i});
    // No further one goes before these are back.
    CHECK(stopping().empty());
    c.place();
    CHECK(stopping().empty());
    CHECK(c.core.find_job("web")->older.size() <= 1);
    c.check_copies();
    for (auto i : now)
      c.started({"web", i});
  }
  CHECK(c.core.find_job("web")->in_state(task_state::running) == 4);
  CHECK(c.core.find_node("n1")->reserved.cpu_millicores == 2'000);
  for (uint32_t i = 0; i < 4; ++i)
    CHECK(c.core.find_task({"web", i})->job_version == 2);
  // What nobody runs any more is not kept.
  CHECK(c.core.find_job("web")->older.empty());
  CHECK(c.core.find_job("web")->classes.size() == 1);
  c.check_copies();
}

TEST_CASE("an update replaces at once what does not run anyway") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("web").service().tasks(3));
  c.place();
  c.submit(a_job("web").service().tasks(3).command({"new"}));
  for (uint32_t i = 0; i < 3; ++i)
    CHECK(c.core.find_task({"web", i})->stopping);
}

TEST_CASE("an update changes the count as well") {
  cluster_fixture c;
  c.join(a_node("n1").cpu(2));
  c.submit(a_job("web").service().tasks(4));
  c.place();
  c.started({"web", 0});
  c.started({"web", 1});
  SUBCASE("down: what waits is gone, what runs stops") {
    c.ended({"web", 1});
    c.submit(a_job("web").service().tasks(1).surge(0));
    CHECK(c.core.find_job("web")->ready() == 0);
    CHECK(c.core.find_job("web")->tasks.size() == 1);
  }
  SUBCASE("up") {
    c.submit(a_job("web").service().tasks(9).surge(0));
    CHECK(c.core.find_job("web")->fresh() == 7);
  }
  c.check_copies();
}

TEST_CASE(
  "a batch job's tasks run on as they began, those that wait begin anew") {
  cluster_fixture c;
  c.join(a_node("n1").cpu(1));
  c.submit(a_job("x").tasks(2).port("a", 80).command({"old"}));
  c.place();
  c.submit(a_job("x").tasks(2).cpu(0.5).command({"new"}));
  CHECK_FALSE(c.core.find_task({"x", 0})->stopping);
  // Also what is sent again is what was placed.
  auto work = c.core.work_for("n1");
  REQUIRE(work.size() == 1);
  CHECK(work[0].spec->command == std::vector<std::string>{"old"});
  CHECK(work[0].ports.size() == 1);
  c.check_copies();
  c.started({"x", 0});
  c.ended({"x", 0});
  c.place();
  CHECK(c.core.find_task({"x", 1})->job_version == 2);
  CHECK(c.core.find_node("n1")->reserved.cpu_millicores == 500);
}

TEST_CASE("a stopped job that is updated starts again without what succeeded") {
  cluster_fixture c;
  c.join(a_node("n1").cpu(3));
  c.submit(a_job("x").tasks(4));
  c.place();
  c.started({"x", 0});
  c.ended({"x", 0});
  c.done(stop_job{"x", false});
  c.stopped({"x", 1});
  c.submit(a_job("x").tasks(4));
  CHECK(c.state_of({"x", 0}) == task_state::succeeded);
  CHECK(c.state_of({"x", 1}) == task_state::pending);
  CHECK(c.core.find_task({"x", 2})->restart);
  CHECK(c.core.find_job("x")->ready() == 2);
  c.check_copies();
}

// -- ports and devices -------------------------------------------------------

TEST_CASE("ports are given as asked for, and free ones where none is") {
  cluster_fixture c;
  c.join(a_node("n1"));
  // By name: the fixed one stands between two that are chosen.
  c.submit(a_job("x").port("a", 80).port("b", 81, 8'080).port("c", 82));
  c.place();
  REQUIRE(c.work.size() == 1);
  auto& ports = c.work[0].item.ports;
  REQUIRE(ports.size() == 3);
  CHECK(ports[0] == port_binding{"a", 80, 20'000});
  CHECK(ports[1] == port_binding{"b", 81, 8'080});
  CHECK(ports[2] == port_binding{"c", 82, 20'001});
  // The fixed one is taken, on the only node.
  c.submit(a_job("y").port("a", 80, 8'080));
  c.place();
  CHECK(c.state_of({"y", 0}) == task_state::pending);
  c.check_copies();
  c.started({"x", 0});
  c.ended({"x", 0});
  c.place();
  CHECK(c.state_of({"y", 0}) == task_state::placed);
}

TEST_CASE("a copy goes on choosing ports where the original would") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("gone").port("a", 80).port("b", 81, 31'999));
  c.place();
  c.started({"gone", 0});
  c.ended({"gone", 0});
  c.submit(a_job("more").port("a", 80));
  auto place_in = [&](runtime::cluster& x) {
    x.set_policies({"binpack"});
    auto batch = x.next_batch(10);
    REQUIRE(batch);
    x.commit(c.propose(*batch), c.now);
    auto events = x.take_events();
    REQUIRE(events.size() == 1);
    return std::get<task_placed>(events[0].what).ports.at(0).host;
  };
  runtime::cluster replayed;
  for (auto& x : c.events)
    replayed.apply(x);
  runtime::cluster restored;
  CHECK(c.read_image(restored, c.image_of(c.core)) == "");
  CHECK(place_in(replayed) == 20'001);
  CHECK(place_in(restored) == 20'001);
  c.place();
  CHECK(c.work.back().item.ports.at(0).host == 20'001);
}

TEST_CASE("shares of a device add up to one device") {
  cluster_fixture c;
  c.join(a_node("n1").cpu(64).gpus(2));
  c.submit(a_job("half").tasks(5).gpu(500));
  c.place();
  CHECK(c.core.find_job("half")->live() == 4);
  std::map<uint16_t, int> by_device;
  for (auto& x : c.work)
    ++by_device[x.item.gpus.at(0)];
  CHECK(by_device == std::map<uint16_t, int>{{0, 2}, {1, 2}});
  c.check_copies();
}

TEST_CASE("a job that is over goes on as its next version when it changes") {
  cluster_fixture c;
  c.join(a_node("n1"));
  auto answer = [&](const job_spec_ptr& x, const char* key) {
    auto result = c.submit(x, key).jobs.at(0);
    return std::pair{result.version, result.created};
  };
  CHECK(answer(a_job("x"), "1") == std::pair{1U, true});
  c.place();
  c.started({"x", 0});
  c.ended({"x", 0});
  REQUIRE(c.is_over("x"));
  CHECK(answer(a_job("x").command({"b"}), "2") == std::pair{2U, false});
  CHECK(answer(a_job("x").command({"b"}), "2") == std::pair{2U, false});
  c.place();
  c.started({"x", 0});
  c.ended({"x", 0});
  REQUIRE(c.is_over("x"));
  // Once more the same: it runs once more.
  CHECK(answer(a_job("x").command({"b"}), "3") == std::pair{2U, false});
  CHECK_FALSE(c.is_over("x"));
  CHECK(c.core.find_job("x")->past_specs.size() == 1);
  c.check_copies();
}

TEST_CASE("a strategy that nobody knows is refused") {
  cluster_fixture c;
  auto answer = c.ask(submit_jobs{{a_job("x").strategy("binpak")}, ""});
  REQUIRE(!answer);
  REQUIRE(answer.error().problems.size() == 1);
  CHECK(answer.error().problems[0].pointer == "/strategy");
  CHECK(answer.error().problems[0].detail.find("binpack") != std::string::npos);
  // A scheduler of one's own may have strategies of its own.
  CHECK(c.ask(submit_jobs{{a_job("x").strategy("y").scheduler("mine")}, ""}));
}

TEST_CASE("an attempt that the cluster stopped says why, whatever its machine "
          "tells") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.join(a_node("n2"));
  c.submit(a_job("web").service().tasks(2).surge(0).at_once(2));
  c.place();
  c.started({"web", 0});
  c.started({"web", 1});
  auto node = c.node_of({"web", 0});
  c.done(drain_node{node, 1h});
  while (!c.core.find_task({"web", 0})->stopping) {
    REQUIRE(c.core.next_wake());
    c.pass(*c.core.next_wake() - c.now);
    c.place();
  }
  c.forget_said();
  c.report(node, a_report{c.item_of({"web", 0}), task_state::stopped}
                   .why(reason::stopped_by_user)
                   .message("ended by SIGTERM"));
  auto said = c.said();
  CHECK(said.find("\"reason\":\"drained\"") != std::string::npos);
}

} // namespace troupe
