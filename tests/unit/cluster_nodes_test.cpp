// Machines: how they join, what they tell, and what their loss means.

#include <limits>

#include "tests/unit/cluster_fixture.hpp"

namespace troupe {

namespace {

std::vector<task_report> nothing() {
  return {};
}

bool is_open(const cluster_fixture& c, const std::string& node) {
  auto row = c.core.find_node(node)->row;
  return c.core.table().row(row).closed == reason::none;
}

} // namespace

TEST_CASE("joining is idempotent") {
  cluster_fixture c;
  c.join(a_node("n1").label_of("zone", "a"));
  c.join(a_node("n1").label_of("zone", "a"));
  CHECK(c.said() == "nodeJoined {\"node\":\"n1\"}\n");
  c.done(change_node_health{"n1", node_state::unhealthy});
  c.join(a_node("n1").label_of("zone", "a"));
  CHECK(c.said()
        == "nodeUnhealthy {\"node\":\"n1\"}\nnodeReady {\"node\":\"n1\"}\n");
  c.check_copies();
}

TEST_CASE("a node of another protocol, or without a name, is refused") {
  cluster_fixture c;
  auto result = c.ask(join_node{a_node("n1").protocol(99), {}});
  REQUIRE_FALSE(result);
  CHECK(result.error().kind == refusal_kind::conflict);
  CHECK(result.error().detail.find("speaks protocol 99") != std::string::npos);
  CHECK(c.ask(join_node{a_node(""), {}}).error().kind
        == refusal_kind::bad_input);
  CHECK(c.ask(join_node{a_node("\xFF"), {}}).error().kind
        == refusal_kind::bad_input);
  CHECK(c.core.version() == 0);
}

TEST_CASE("a rejoin compares what a node knows with what is known of it") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("x").tasks(4));
  c.place();
  c.started({"x", 0});
  c.started({"x", 1});
  auto kept = c.item_of({"x", 0});
  auto ended = c.item_of({"x", 3});
  c.forget_said();
  // x.0 runs, x.1 is gone, x.2 never arrived, x.3 ended meanwhile.
  c.done(join_node{a_node("n1"),
                   std::vector<task_report>{a_report{kept, task_state::running},
                                            a_report{ended, task_state::failed}
                                              .why(reason::exit_code)
                                              .exit_code(2)}});
  CHECK(
    c.said()
    == R"(taskEnded {"state":"lost","task":"x.1","attempt":1,"node":"n1","reason":"nodeLost","message":"node n1 came back without it"}
taskRequeued {"task":"x.1","reason":"nodeLost"}
taskEnded {"state":"failed","task":"x.3","attempt":1,"node":"n1","reason":"exitCode","exitCode":2}
)");
  CHECK(c.given() == "n1: forget x.3\n");
  // What never arrived is sent again.
  auto work = c.core.work_for("n1");
  REQUIRE(work.size() == 1);
  CHECK(work[0].kind == work_kind::start);
  CHECK(work[0].task == task_ref{"x", 2});
  CHECK(work[0].spec != nullptr);
  CHECK(is_open(c, "n1"));
  c.check_copies();
}

TEST_CASE("a wish to stop is sent again as well") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("x").tasks(2));
  c.place();
  c.started({"x", 0});
  c.done(stop_job{"x", false});
  auto work = c.core.work_for("n1");
  REQUIRE(work.size() == 2);
  CHECK(work[0].kind == work_kind::stop);
  CHECK(work[0].why == reason::stopped_by_user);
  CHECK(work[1].kind == work_kind::stop);
  CHECK(c.core.work_for("n2").empty());
}

TEST_CASE("a node that runs what was given up is closed until it is gone") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("x"));
  c.place();
  c.started({"x", 0});
  auto old = c.item_of({"x", 0});
  c.done(remove_node{"n1", "by hand"});
  CHECK(c.state_of({"x", 0}) == task_state::pending);
  c.forget_said();
  c.done(join_node{a_node("n1"), std::vector<task_report>{
                                   a_report{old, task_state::running}}});
  CHECK_FALSE(is_open(c, "n1"));
  CHECK(c.given() == "n1: stop x.0\n");
  c.place();
  CHECK(c.state_of({"x", 0}) == task_state::pending);
  // It still runs there, and is told once more.
  c.report("n1", a_report{old, task_state::running});
  CHECK(c.given() == "n1: stop x.0\n");
  c.report("n1", a_report{old, task_state::stopped});
  CHECK(is_open(c, "n1"));
  CHECK(c.given() == "n1: forget x.0\n");
  c.place();
  CHECK(c.state_of({"x", 0}) == task_state::placed);
  CHECK(c.core.find_task({"x", 0})->attempt == 2);
  c.check_copies();
}

TEST_CASE("silence loses what runs there, and it starts elsewhere") {
  cluster_fixture c;
  c.join(a_node("n1").cpu(8));
  c.submit(a_job("x").tasks(2));
  c.place();
  c.started({"x", 0});
  c.join(a_node("n2"));
  auto old = c.item_of({"x", 0});
  auto never_begun = c.item_of({"x", 1});
  c.forget_said();
  c.done(change_node_health{"n1", node_state::unhealthy});
  CHECK(c.said() == R"(nodeUnhealthy {"node":"n1"}
taskEnded {"state":"lost","task":"x.0","attempt":1,"node":"n1","reason":"nodeLost","message":"node n1 is unhealthy: it is silent"}
taskRequeued {"task":"x.0","reason":"nodeLost"}
taskEnded {"state":"lost","task":"x.1","attempt":1,"node":"n1","reason":"nodeLost","message":"node n1 is unhealthy: it is silent"}
taskRequeued {"task":"x.1","reason":"nodeLost"}
)");
  // What may run there is to stop, and not to be forgotten.
  CHECK(c.given() == "n1: stop x.0\nn1: stop x.1\n");
  c.place();
  CHECK(c.node_of({"x", 0}) == "n2");
  CHECK(c.node_of({"x", 1}) == "n2");
  CHECK(c.core.find_job("x")->past.at(0).at(0).state == task_state::lost);
  // It is back without a new hello: nothing new goes there before the old ends.
  c.done(change_node_health{"n1", node_state::ready});
  CHECK_FALSE(is_open(c, "n1"));
  c.report("n1", a_report{old, task_state::stopped});
  CHECK_FALSE(is_open(c, "n1"));
  c.report("n1", a_report{never_begun, task_state::stopped});
  CHECK(is_open(c, "n1"));
  CHECK(c.state_of({"x", 0}) == task_state::placed);
  c.check_copies();
}

TEST_CASE("a node that is silent for too long is removed") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("x"));
  c.place();
  c.done(change_node_health{"n1", node_state::unhealthy});
  c.forget_said();
  c.done(change_node_health{"n1", node_state::removed});
  CHECK(c.said() == R"(nodeRemoved {"node":"n1","message":"silent for too long"}
)");
  CHECK(c.core.find_node("n1") == nullptr);
  CHECK(c.ask(remove_node{"n1", ""}).error().kind == refusal_kind::not_found);
  CHECK(c.ask(take_reports{"n1", {}}).error().kind == refusal_kind::not_found);
  // Its actor may hear more of it.
  CHECK(c.ask(change_node_health{"n1", node_state::ready}).has_value());
  c.check_copies();
}

TEST_CASE(
  "a removed node's row is used again, and its history keeps its name") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.join(a_node("n2"));
  c.submit(a_job("x"));
  c.place();
  c.started({"x", 0});
  c.ended({"x", 0});
  c.done(remove_node{"n1", ""});
  c.check_copies();
  c.join(a_node("n3"));
  CHECK(c.core.find_node("n3")->row == 0);
  CHECK(c.node_of({"x", 0}) == "n1");
  c.check_copies();
}

TEST_CASE("labels, weight and overcommit are patched") {
  cluster_fixture c;
  c.join(a_node("n1").label_of("zone", "a").label_of("rack", "1"));
  c.done(change_node{"n1", {{"zone", ""}, {"disk", "ssd"}}, 2, 1.5});
  CHECK(c.core.find_node("n1")->labels
        == label_set{{"disk", "ssd"}, {"rack", "1"}});
  CHECK(c.core.table().total(0).cpu_millicores == 6'000);
  c.forget_said();
  c.done(change_node{"n1", {{"disk", "ssd"}}, 2, {}});
  CHECK(c.said() == "");
  // They last over a rejoin, unless the machine brings others.
  c.join(a_node("n1").label_of("zone", "a").label_of("rack", "1").cpu(5));
  CHECK(c.core.find_node("n1")->labels
        == label_set{{"disk", "ssd"}, {"rack", "1"}});
  c.join(a_node("n1").label_of("zone", "b").cpu(5));
  CHECK(c.core.find_node("n1")->labels == label_set{{"zone", "b"}});
  c.check_copies();
}

TEST_CASE("numbers that no node can have are refused") {
  cluster_fixture c;
  c.join(a_node("n1"));
  auto nan = std::numeric_limits<double>::quiet_NaN();
  auto infinite = std::numeric_limits<double>::infinity();
  for (auto x : {0.0, -1.0, nan, infinite})
    CHECK(c.ask(change_node{"n1", {}, x, {}}).error().kind
          == refusal_kind::bad_input);
  for (auto x : {0.9, -1.0, nan, infinite})
    CHECK(c.ask(change_node{"n1", {}, {}, x}).error().kind
          == refusal_kind::bad_input);
  CHECK(c.ask(change_node{"n2", {}, 1, {}}).error().kind
        == refusal_kind::not_found);
}

TEST_CASE("a node may come back with another capacity") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("x").tasks(8));
  c.place();
  c.join(a_node("n1").cpu(6));
  c.place();
  CHECK(c.core.find_job("x")->live() == 6);
  // Smaller: what runs there runs on, and nothing comes until there is room.
  c.check = false;
  c.join(a_node("n1").cpu(4));
  c.place();
  CHECK(c.core.find_job("x")->live() == 6);
  for (uint32_t i = 0; i < 2; ++i)
    c.ended({"x", i});
  CHECK(c.place() == 0);
  c.ended({"x", 2});
  c.place();
  CHECK(c.core.find_job("x")->live() == 4);
  c.check_copies();
}

TEST_CASE("a task goes only where its driver works") {
  cluster_fixture c;
  c.join(a_node("n1")
           .drivers({"docker"})
           .label_of("troupe.driver.simulated", "true"));
  c.submit(a_job("x"));
  c.place();
  CHECK(c.state_of({"x", 0}) == task_state::pending);
  c.join(a_node("n1").drivers({"docker", "simulated"}));
  c.place();
  CHECK(c.state_of({"x", 0}) == task_state::placed);
}

TEST_CASE("nothing new goes to a driver that does not work now") {
  cluster_fixture c;
  c.join(a_node("n1").drivers({"docker", "simulated"}));
  c.submit(a_job("early"));
  c.submit(a_job("everywhere").on_every_node());
  c.place();
  c.started({"early", 0});
  c.done(note_troubles{"n1", {{"simulated", "its engine hangs"}}});
  auto& node = *c.core.find_node("n1");
  CHECK(node.trouble == "driver simulated does not work now: its engine hangs");
  // What is there stays there.
  CHECK(c.state_of({"early", 0}) == task_state::running);
  CHECK(c.state_of({"everywhere", 0}) == task_state::placed);
  c.submit(a_job("late"));
  c.place();
  CHECK(c.state_of({"late", 0}) == task_state::pending);
  c.check_copies();
  SUBCASE("said again it changes nothing") {
    auto before = c.core.version();
    c.done(note_troubles{"n1", {{"simulated", "its engine hangs"}}});
    CHECK(c.core.version() == before);
  }
  SUBCASE("until it works again") {
    c.done(note_troubles{"n1", {}});
    CHECK(node.trouble.empty());
    c.place();
    CHECK(c.state_of({"late", 0}) == task_state::placed);
  }
}

TEST_CASE("what an engine that is away could not run is tried elsewhere") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("x"));
  c.place();
  task_report report;
  report.task = {"x", 0};
  report.attempt = 1;
  report.state = task_state::lost;
  report.why = reason::driver_error;
  c.report("n1", report);
  // Not at once: the node may not have said yet that it is no good now.
  CHECK(c.place() == 0);
  c.join(a_node("n2"));
  c.pass(std::chrono::seconds{1});
  c.place();
  CHECK(c.node_of({"x", 0}) == "n2");
  CHECK(c.core.find_task({"x", 0})->failures == 0);
}

TEST_CASE("a worker that speaks HTTP names attempts, not allocations") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("x"));
  c.place();
  task_report report;
  report.task = {"x", 0};
  report.attempt = 1;
  report.state = task_state::running;
  c.report("n1", report);
  CHECK(c.state_of({"x", 0}) == task_state::running);
  report.attempt = 2;
  report.state = task_state::failed;
  c.report("n1", report);
  CHECK(c.state_of({"x", 0}) == task_state::running);
  report.attempt = 1;
  report.state = task_state::succeeded;
  c.report("n1", report);
  CHECK(c.state_of({"x", 0}) == task_state::succeeded);
}

TEST_CASE(
  "reports that are late, doubled or not a node's to make change nothing") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.join(a_node("n2"));
  c.submit(a_job("x"));
  c.place();
  auto item = c.item_of({"x", 0});
  c.started({"x", 0});
  c.forget_said();
  for (auto state :
       {task_state::starting, task_state::running, task_state::placed,
        task_state::pending, task_state::cached})
    c.report("n1", a_report{item, state});
  // Another node's word about it.
  c.report("n2", a_report{item, task_state::failed});
  CHECK(c.said() == "");
  CHECK(c.state_of({"x", 0}) == task_state::running);
  CHECK(c.given() == "n2: forget x.0\n");
}

TEST_CASE("what a machine says is kept short and readable") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("x"));
  c.place();
  auto item = c.item_of({"x", 0});
  c.report("n1", a_report{item, task_state::starting}.message("\xC3(\xFF"));
  c.check_copies();
  c.report("n1",
           a_report{item, task_state::failed}.message(std::string(5'000, 'x')));
  CHECK(c.core.find_job("x")->messages.at(0).size() == 1'024);
  c.check_copies();
}

TEST_CASE("a cordoned node gets nothing and keeps what it has") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("x"));
  c.place();
  c.done(cordon_node{"n1", true});
  c.done(cordon_node{"n1", true});
  c.submit(a_job("y"));
  c.place();
  CHECK(c.state_of({"x", 0}) == task_state::placed);
  CHECK(c.state_of({"y", 0}) == task_state::pending);
  // Also after it came back.
  c.done(join_node{a_node("n1"), nothing()});
  CHECK_FALSE(is_open(c, "n1"));
  c.done(cordon_node{"n1", false});
  c.place();
  CHECK(c.state_of({"y", 0}) == task_state::placed);
  c.check_copies();
}

TEST_CASE("every term is a fact") {
  cluster_fixture c;
  auto first = c.done(take_lead{"a", "1"});
  c.join(a_node("n1"));
  auto second = c.done(take_lead{"b", "1"});
  CHECK(first.term == 1);
  CHECK(second.term == 3);
  CHECK(c.core.term() == 3);
  c.check_copies();
}

} // namespace troupe
