// Tasks that make room for others.

#include "tests/unit/cluster_fixture.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

/// One node of 4 cores, full of tasks of priority 10.
cluster_fixture& fill(cluster_fixture& c) {
  c.join(a_node("n1"));
  c.submit(a_job("low").tasks(4).priority(10));
  c.place();
  for (uint32_t i = 0; i < 4; ++i) {
    c.started({"low", i});
    c.pass(1s);
  }
  c.forget_said();
  return c;
}

} // namespace

TEST_CASE("a task of higher priority gets the place of the one with least to "
          "lose, once that has ended") {
  cluster_fixture c;
  fill(c);
  c.submit(a_job("high").priority(100));
  c.forget_said();
  c.place();
  CHECK(
    c.said()
    == R"~(taskPreempted {"task":"low.3","node":"n1","by":"high.0","priority":10,"byPriority":100,"message":"preempted by high.0 (priority 100 over 10)"}
placeHeld {"task":"high.0","node":"n1","awaits":[6],"victims":["low.3"],"reason":"insufficientCpu","until":"1970-01-01T00:17:54.000Z"}
)~");
  CHECK(c.given() == "n1: stop low.3\n");
  CHECK(c.state_of({"high", 0}) == task_state::pending);
  c.check_copies();
  c.stopped({"low", 3});
  // It waits again before its place is given.
  CHECK(
    c.said()
    == R"~(taskEnded {"state":"stopped","task":"low.3","attempt":1,"node":"n1","reason":"preempted","message":"preempted by high.0 (priority 100 over 10)"}
taskRequeued {"task":"low.3","reason":"preempted"}
taskPlaced {"task":"high.0","attempt":1,"node":"n1"}
)~");
  c.started({"high", 0});
  CHECK(c.core.find_job("high")->receipts.at(0)
        == "took the place of low.3, which it preempted");
  c.place();
  CHECK(c.state_of({"low", 3}) == task_state::pending);
  c.check_copies();
  // Room appears, and the victim runs again; that it was one is remembered.
  c.ended({"high", 0});
  c.place();
  CHECK(c.state_of({"low", 3}) == task_state::placed);
  auto& past = c.core.find_job("low")->past.at(3);
  REQUIRE(past.size() == 1);
  CHECK(past[0].state == task_state::stopped);
  CHECK(past[0].why == reason::preempted);
  CHECK(past[0].message == "preempted by high.0 (priority 100 over 10)");
  CHECK(c.core.find_task({"low", 3})->failures == 0);
  c.check_copies();
}

TEST_CASE(
  "what a victim says while it still starts does not hide why it went") {
  cluster_fixture c;
  c.join(a_node("a").cpu(1));
  c.submit(a_job("low"));
  c.place();
  c.submit(a_job("high").priority(1));
  c.place();
  c.started({"low", 0});
  c.stopped({"low", 0});
  CHECK(c.core.find_job("low")->messages.at(0)
        == "preempted by high.0 (priority 1 over 0)");
}

TEST_CASE("equal priority never preempts") {
  cluster_fixture c;
  fill(c);
  c.submit(a_job("equal").priority(10));
  c.place();
  CHECK(c.said().find("taskPreempted") == std::string::npos);
  CHECK(c.core.queue().at(c.core.find_job("equal")->klass).blocked);
}

TEST_CASE("nobody goes while there is a free place") {
  cluster_fixture c;
  fill(c);
  c.join(a_node("n2"));
  c.submit(a_job("high").priority(100).tasks(4));
  c.place();
  CHECK(c.said().find("taskPreempted") == std::string::npos);
  CHECK(c.core.find_job("high")->live() == 4);
}

TEST_CASE("nobody goes in vain") {
  cluster_fixture c;
  fill(c);
  c.submit(a_job("large").priority(100).cpu(5));
  c.submit(a_job("elsewhere").priority(100).requires_label("zone", {"b"}));
  c.place();
  CHECK(c.said().find("taskPreempted") == std::string::npos);
  // What could help wakes them: a node where room can be made.
  c.join(a_node("n2").label_of("zone", "b").cpu(1));
  c.submit(a_job("there").priority(1).requires_label("zone", {"b"}));
  c.place();
  CHECK(c.node_of({"elsewhere", 0}) == "n2");
}

TEST_CASE("the lowest priority goes first, and no more than must") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("a").priority(1));
  c.submit(a_job("b").priority(5).cpu(2));
  c.submit(a_job("d").priority(3));
  c.place();
  c.submit(a_job("high").priority(9));
  c.place();
  CHECK(c.core.find_task({"a", 0})->why == reason::preempted);
  CHECK(c.core.find_task({"d", 0})->why == reason::none);
  c.submit(a_job("higher").priority(10).cpu(2));
  c.place();
  // One core of d is not enough, so b must go, and d may stay.
  CHECK(c.core.find_task({"b", 0})->why == reason::preempted);
  CHECK(c.core.find_task({"d", 0})->why == reason::none);
  c.check_copies();
}

TEST_CASE("a place that is kept is nobody else's") {
  cluster_fixture c;
  fill(c);
  c.submit(a_job("high").priority(100).cpu(2));
  c.place();
  // Two of the four must go; small ones of the same rank wait outside.
  c.submit(a_job("small").priority(100).cpu(0.5).tasks(2));
  c.place();
  std::vector<task_ref> stopping;
  for (uint32_t i = 0; i < 4; ++i)
    if (c.core.find_task({"low", i})->stopping)
      stopping.push_back({"low", i});
  REQUIRE(stopping.size() == 3);
  for (auto& x : stopping)
    c.stopped(x);
  CHECK(c.node_of({"high", 0}) == "n1");
  CHECK(c.node_of({"small", 0}) == "n1");
  CHECK(c.node_of({"small", 1}) == "n1");
  c.check_copies();
}

TEST_CASE("a place is not kept for whom it is not wanted by any more") {
  cluster_fixture c;
  fill(c);
  c.submit(a_job("high").priority(100));
  c.place();
  SUBCASE("its job is stopped") {
    c.done(stop_job{"high", false});
  }
  SUBCASE("its job is forgotten") {
    c.done(stop_job{"high", true});
  }
  SUBCASE("it is stopped itself") {
    c.done(stop_task{{"high", 0}});
  }
  SUBCASE("it is scaled away") {
    c.done(scale_job{"high", 0});
  }
  SUBCASE("it asks for something else now") {
    c.submit(a_job("high").priority(100).cpu(8));
  }
  c.place();
  c.check_copies();
  c.stopped({"low", 3});
  c.place();
  // Whoever had it is there again.
  CHECK(c.core.find_task({"low", 3})->attempt == 2);
  CHECK(c.state_of({"low", 3}) == task_state::placed);
  c.check_copies();
}

TEST_CASE("a place on a node that goes away is not waited for") {
  cluster_fixture c;
  fill(c);
  c.submit(a_job("high").priority(100));
  c.place();
  SUBCASE("silent") {
    c.done(change_node_health{"n1", node_state::unhealthy});
  }
  SUBCASE("cordoned") {
    c.done(cordon_node{"n1", true});
  }
  SUBCASE("removed") {
    c.done(remove_node{"n1", "bye"});
  }
  CHECK(c.core.find_job("high")->holds.empty());
  c.join(a_node("n2"));
  c.place();
  CHECK(c.node_of({"high", 0}) == "n2");
  c.check_copies();
}

TEST_CASE("a place whose driver does not work when it comes free is given up") {
  cluster_fixture c;
  fill(c);
  c.submit(a_job("high").priority(100));
  c.place();
  auto& high = *c.core.find_job("high");
  auto victim = high.holds.at(0).victims.at(0);
  c.done(note_troubles{"n1", {{"simulated", "its engine hangs"}}});
  // It may work again by then.
  CHECK(high.holds.size() == 1);
  SUBCASE("it does not") {
    c.forget_said();
    c.stopped(victim);
    CHECK(high.holds.empty());
    CHECK(c.state_of({"high", 0}) == task_state::pending);
    CHECK(c.said().find(R"("message":"driver simulated of node n1 does not )"
                        R"(work now"})")
          != std::string::npos);
    c.join(a_node("n2"));
    c.place();
    CHECK(c.node_of({"high", 0}) == "n2");
  }
  SUBCASE("it does") {
    c.done(note_troubles{"n1", {}});
    c.stopped(victim);
    CHECK(c.node_of({"high", 0}) == "n1");
  }
  c.check_copies();
}

TEST_CASE("victims that do not stop are waited for a while, and others go") {
  cluster_fixture c;
  fill(c);
  c.submit(a_job("high").priority(100));
  c.place();
  c.forget_said();
  CHECK(c.core.next_wake() == c.now + 70s);
  c.pass(69s);
  CHECK(c.said() == "");
  c.pass(1s);
  CHECK(
    c.said()
    == R"~(placeReleased {"task":"high.0","node":"n1","message":"those who have its place on n1 did not stop in time"}
)~");
  c.place();
  // The one that is on its way out all the same is what it waits for again.
  CHECK(c.core.find_job("high")->holds.size() == 1);
  c.check_copies();
}

TEST_CASE("a victim that ends well while it is stopped does so once") {
  cluster_fixture c;
  fill(c);
  c.submit(a_job("high").priority(100));
  c.place();
  SUBCASE("with exit code 0") {
    c.ended({"low", 3}, 0);
    CHECK(c.state_of({"low", 3}) == task_state::succeeded);
  }
  SUBCASE("but a failure is not its own") {
    c.ended({"low", 3}, 137);
    CHECK(c.state_of({"low", 3}) == task_state::pending);
    CHECK(c.core.find_task({"low", 3})->failures == 0);
  }
  SUBCASE("and one that a user stops stays stopped") {
    c.done(stop_task{{"low", 3}});
    c.stopped({"low", 3});
    CHECK(c.state_of({"low", 3}) == task_state::stopped);
  }
  CHECK(c.state_of({"high", 0}) == task_state::placed);
  c.check_copies();
}

TEST_CASE("a port is given on once its holder has ended") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("low").port("p", 80, 8'080));
  c.place();
  c.submit(a_job("high").priority(1).port("p", 80, 8'080).port("q", 81));
  c.place();
  CHECK(c.core.find_task({"low", 0})->stopping);
  c.check_copies();
  c.stopped({"low", 0});
  auto& held = c.core.find_job("high")->occupations.at(0);
  CHECK(held.ports.at(0) == 8'080);
  CHECK(held.ports.at(1) == 20'000);
  c.check_copies();
}

TEST_CASE("a job that is raised is protected at once") {
  cluster_fixture c;
  fill(c);
  c.submit(a_job("low").tasks(4).priority(200));
  c.submit(a_job("high").priority(100));
  c.place();
  CHECK(c.said().find("taskPreempted") == std::string::npos);
  c.check_copies();
}

TEST_CASE("many tasks of one job drive out many, a few with each proposal") {
  cluster_fixture c{{.searches_max = 2}};
  for (auto i = 0; i < 10; ++i)
    c.join(a_node("n" + std::to_string(i)));
  c.submit(a_job("low").tasks(40));
  c.place();
  c.submit(a_job("high").priority(1).tasks(20));
  c.place();
  CHECK(c.core.find_job("high")->holds.size() == 20);
  for (uint32_t i = 0; i < 40; ++i)
    if (c.core.find_task({"low", i})->stopping)
      c.stopped({"low", i});
  CHECK(c.core.find_job("high")->live() == 20);
  CHECK(c.core.find_job("low")->live() == 20);
  c.place();
  CHECK(c.core.find_job("low")->in_state(task_state::pending) == 20);
  c.check_copies();
}

// -- orders ------------------------------------------------------------------

namespace {

std::vector<std::string> placed_by(const cluster_fixture& c) {
  std::vector<std::string> result;
  for (auto& x : c.events)
    if (auto* y = std::get_if<task_placed>(&x.what))
      result.push_back(to_string(y->task));
  return result;
}

a_job lasting(const std::string& name, milliseconds x) {
  a_job result{name};
  result.spec().expected_runtime = x;
  return result;
}

} // namespace

TEST_CASE("with sjf the shorter goes first, and nobody waits for ever") {
  cluster_fixture c;
  c.done(change_settings{{}, "sjf"});
  c.submit(a_job("unknown"));
  c.submit(lasting("long", 60s));
  c.submit(a_job("limited").timeout(30s));
  c.submit(lasting("short", 10s));
  // After ten times the difference, whoever came first is first.
  c.pass(599s);
  c.submit(lasting("late", 1s));
  c.join(a_node("n1").cpu(5));
  c.place();
  CHECK(placed_by(c)
        == std::vector<std::string>{"short.0", "limited.0", "long.0", "late.0",
                                    "unknown.0"});
  c.check_copies();
}

TEST_CASE("with fair every user has an equal part, by weight") {
  cluster_fixture c;
  change_settings fair;
  fair.queue_order = "fair";
  fair.fair_weights = {{"bea", 2}};
  c.done(fair);
  c.submit(a_job("a").label_of("user", "ann").tasks(1'000));
  c.submit(a_job("b").label_of("user", "bea").tasks(1'000));
  c.join(a_node("n1").cpu(30));
  c.place(7);
  CHECK(c.core.find_job("a")->live() == 10);
  CHECK(c.core.find_job("b")->live() == 20);
  // What ends of one makes room for that one.
  for (uint32_t i = 0; i < 5; ++i)
    c.ended({"b", i});
  c.place();
  CHECK(c.core.find_job("b")->live() == 20);
  c.check_copies();
  SUBCASE("or every job, by other settings") {
    change_settings by_job;
    by_job.fair_by = "";
    by_job.fair_weights.emplace();
    c.done(by_job);
    c.submit(a_job("d").label_of("user", "bea").tasks(10));
    c.join(a_node("n2").cpu(5));
    c.place();
    CHECK(c.core.find_job("d")->live() == 5);
    c.check_copies();
  }
}

TEST_CASE("orders are named and weights are above 0") {
  cluster_fixture c;
  for (auto name : {"priority", "fifo", "sjf", "fair"})
    CHECK(c.ask(change_settings{{}, name}));
  CHECK_FALSE(c.ask(change_settings{{}, "lifo"}));
  change_settings x;
  x.fair_weights = {{"ann", 0}};
  CHECK_FALSE(c.ask(x));
}

} // namespace troupe
