// Jobs of kind `system`: one task on each node that matches.

#include "runtime/views/answer.hpp"

#include "tests/unit/cluster_fixture.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

struct three_nodes : cluster_fixture {
  three_nodes() {
    for (auto name : {"n1", "n2", "n3"})
      join(a_node(name));
  }
  a_job agent() {
    return a_job("agent").on_every_node().delay(1s).min_healthy(0ms);
  }
  [[nodiscard]] const runtime::job_record& job() const {
    return *core.find_job("agent");
  }
  /// `n1 running, n2 pending`, by index; `-` has no node.
  [[nodiscard]] std::string members() const {
    std::string result;
    for (uint32_t i = 0; i < job().tasks.size(); ++i) {
      auto at = job().present.find(i);
      result += (i > 0 ? ", " : "")
                + (at == job().present.end() ? std::string{"-"}
                                             : core.name_at(at->second))
                + ' ' + json::name_of(state_of({"agent", i}));
    }
    return result;
  }
  void all_started() {
    for (uint32_t i = 0; i < job().tasks.size(); ++i)
      if (state_of({"agent", i}) == task_state::placed)
        started({"agent", i});
  }
  [[nodiscard]] boost::json::object ask_of(const query& x) const {
    auto found = runtime::answer(core, {}, x, now);
    REQUIRE(found.has_value());
    return found->get_object();
  }
};

} // namespace

TEST_CASE("a system job has one task on each node, without a policy") {
  three_nodes c;
  c.forget_said();
  auto answer = c.submit(c.agent());
  CHECK(answer.jobs.at(0).tasks == 3);
  CHECK(c.said() == R"(jobSubmitted {"job":"agent"}
taskBound {"task":"agent.0","node":"n1"}
taskPlaced {"task":"agent.0","attempt":1,"node":"n1"}
taskBound {"task":"agent.1","node":"n2"}
taskPlaced {"task":"agent.1","attempt":1,"node":"n2"}
taskBound {"task":"agent.2","node":"n3"}
taskPlaced {"task":"agent.2","attempt":1,"node":"n3"}
)");
  CHECK(c.place() == 0);
  CHECK(runtime::state_of(c.job()) == job_state::pending);
  c.started({"agent", 0});
  CHECK(runtime::state_of(c.job()) == job_state::degraded);
  c.all_started();
  CHECK(runtime::state_of(c.job()) == job_state::running);
  CHECK(c.ask_of(get_job{"agent"}).at("count") == 3);
  c.check_copies();
}

TEST_CASE("a node that joins later has its task at once") {
  three_nodes c;
  c.submit(c.agent());
  c.all_started();
  c.join(a_node("n4"));
  CHECK(c.members() == "n1 running, n2 running, n3 running, n4 placed");
  c.all_started();
  CHECK(runtime::state_of(c.job()) == job_state::running);
  c.check_copies();
}

TEST_CASE("only nodes with the labels and the driver have a task") {
  cluster_fixture c;
  c.join(a_node("n1").label_of("disk", "ssd"));
  c.join(a_node("n2"));
  c.join(a_node("n3").label_of("disk", "ssd").drivers({"docker"}));
  CHECK(c.submit(a_job("agent").on_every_node().requires_label("disk", {"ssd"}))
          .jobs.at(0)
          .tasks
        == 1);
  CHECK(c.core.find_job("agent")->present.size() == 1);
  // Labels come and go.
  c.done(change_node{"n2", {{"disk", "ssd"}}, {}, {}});
  CHECK(c.node_of({"agent", 1}) == "n2");
  c.started({"agent", 1});
  c.forget_said();
  c.done(change_node{"n2", {{"disk", ""}}, {}, {}});
  CHECK(c.said() == R"(nodeLabelled {"node":"n2"}
taskUnbound {"task":"agent.1","node":"n2","reason":"noMatchingLabels","message":"node n2 has no longer what the job requires"}
taskStopping {"task":"agent.1","reason":"noMatchingLabels","message":"node n2 has no longer what the job requires"}
)");
  c.stopped({"agent", 1});
  CHECK(c.state_of({"agent", 1}) == task_state::stopped);
  CHECK(c.core.find_job("agent")->size() == 1);
  // The same task comes back to it, as a further attempt.
  c.done(change_node{"n2", {{"disk", "ssd"}}, {}, {}});
  CHECK(c.core.find_task({"agent", 1})->attempt == 2);
  c.check_copies();
}

TEST_CASE(
  "a task that is being stopped starts again if its node matches again") {
  cluster_fixture c;
  c.join(a_node("n1").label_of("disk", "ssd"));
  c.submit(a_job("agent").on_every_node().requires_label("disk", {"ssd"}));
  c.started({"agent", 0});
  c.done(change_node{"n1", {{"disk", ""}}, {}, {}});
  c.done(change_node{"n1", {{"disk", "ssd"}}, {}, {}});
  c.stopped({"agent", 0});
  CHECK(c.core.find_task({"agent", 0})->attempt == 2);
  CHECK(c.state_of({"agent", 0}) == task_state::placed);
}

TEST_CASE(
  "a node that is silent or removed loses its task, and nobody gets it") {
  three_nodes c;
  c.submit(c.agent());
  c.all_started();
  c.done(change_node_health{"n2", node_state::unhealthy});
  CHECK(c.members() == "n1 running, - stopped, n3 running");
  CHECK(runtime::state_of(c.job()) == job_state::running);
  CHECK(c.ask_of(get_job{"agent"}).at("count") == 2);
  CHECK(c.core.find_task({"agent", 1})->why == reason::node_lost);
  // It comes back with what it ran, which has been given up.
  auto old = c.item_of({"agent", 1});
  c.done(join_node{a_node("n2"), std::vector<task_report>{
                                   a_report{old, task_state::running}}});
  CHECK(c.state_of({"agent", 1}) == task_state::pending);
  auto why = c.ask_of(get_why{.task = task_ref{"agent", 1}});
  CHECK(why.at("reason") == "unhealthy");
  c.report("n2", a_report{old, task_state::stopped});
  CHECK(c.members() == "n1 running, n2 placed, n3 running");
  CHECK(c.core.find_task({"agent", 1})->attempt == 2);
  c.started({"agent", 1});
  c.done(remove_node{"n2", {}});
  CHECK(c.members() == "n1 running, - stopped, n3 running");
  c.check_copies();
  // Its number is free for another node.
  c.join(a_node("n9"));
  CHECK(c.members() == "n1 running, n9 placed, n3 running");
  c.done(remove_node{"n3", {}});
  CHECK(c.members() == "n1 running, n9 placed");
  CHECK(c.job().count == 2);
  c.check_copies();
}

TEST_CASE("a cordon keeps new tasks away and leaves what is there") {
  three_nodes c;
  c.done(cordon_node{"n2"});
  c.submit(c.agent());
  c.all_started();
  CHECK(c.members() == "n1 running, n3 running");
  c.done(cordon_node{"n1"});
  CHECK(c.members() == "n1 running, n3 running");
  c.done(cordon_node{"n2", false});
  CHECK(c.members() == "n1 running, n3 running, n2 placed");
}

TEST_CASE("what does not fit on its node waits for it and says so") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.join(a_node("n2").cpu(8));
  c.submit(
    a_job("big").cpu(4).requires_label("troupe.driver.simulated", {"*"}));
  c.done(cordon_node{"n2"});
  c.place();
  c.done(cordon_node{"n2", false});
  REQUIRE(c.node_of({"big", 0}) == "n1");
  c.submit(a_job("agent").on_every_node().delay(1s));
  CHECK(c.node_of({"agent", 1}) == "n2");
  CHECK(c.state_of({"agent", 0}) == task_state::pending);
  auto ask = [&](const query& x) {
    auto found = runtime::answer(c.core, {}, x, c.now);
    REQUIRE(found.has_value());
    return found->get_object();
  };
  auto why = ask(get_why{.job = "agent"});
  CHECK(why.at("task") == "agent.0");
  CHECK(why.at("reason") == "insufficientCpu");
  CHECK(std::string_view{why.at("message").get_string()}.starts_with(
    "its place is on node n1: "));
  CHECK(why.at("nodes").as_array().size() == 1);
  CHECK(ask(get_job{"agent"}).at("reasons").at("insufficientCpu") == 1);
  CHECK(ask(list_queue{}).at("items").at(0).at("reason") == "insufficientCpu");
  // With the fact that gives the room.
  c.started({"big", 0});
  c.forget_said();
  c.ended({"big", 0});
  CHECK(
    c.said()
    == R"(taskEnded {"state":"succeeded","task":"big.0","attempt":1,"node":"n1","exitCode":0}
taskPlaced {"task":"agent.0","attempt":1,"node":"n1"}
)");
  c.check_copies();
}

TEST_CASE("a task that ends is started again on its own node, a little later") {
  three_nodes c;
  c.submit(c.agent());
  c.all_started();
  c.ended({"agent", 1}, 3);
  CHECK(c.members() == "n1 running, n2 pending, n3 running");
  c.pass(1s);
  CHECK(c.members() == "n1 running, n2 placed, n3 running");
  c.started({"agent", 1});
  // Also if it says that it is done.
  c.ended({"agent", 1}, 0);
  c.pass(2s);
  CHECK(c.members() == "n1 running, n2 placed, n3 running");
  CHECK(c.core.find_task({"agent", 1})->attempt == 3);
}

TEST_CASE("an update goes from node to node") {
  three_nodes c;
  c.submit(c.agent());
  c.all_started();
  c.forget_said();
  c.submit(c.agent().command({"new"}));
  for (uint32_t i = 0; i < 3; ++i) {
    CHECK(c.core.find_task({"agent", i})->stopping);
    CHECK((i == 2 || !c.core.find_task({"agent", i + 1})->stopping));
    c.stopped({"agent", i});
    CHECK(c.state_of({"agent", i}) == task_state::placed);
    c.started({"agent", i});
  }
  CHECK(c.job().older.empty());
  CHECK(runtime::state_of(c.job()) == job_state::running);
  CHECK(c.node_of({"agent", 1}) == "n2");
  c.check_copies();
}

TEST_CASE("an update goes on once a new task has run for long enough") {
  three_nodes c;
  c.submit(c.agent());
  c.all_started();
  c.submit(c.agent().command({"new"}).min_healthy(10s));
  c.stopped({"agent", 0});
  c.started({"agent", 0});
  CHECK(!c.core.find_task({"agent", 1})->stopping);
  c.pass(10s);
  CHECK(c.core.find_task({"agent", 1})->stopping);
}

TEST_CASE("a system job goes back to the version before") {
  three_nodes c;
  c.submit(c.agent());
  c.all_started();
  c.submit(c.agent().command({"new"}));
  c.done(rollback_job{"agent"});
  CHECK(c.job().job_version == 3);
  CHECK(c.job().spec->command.empty());
  CHECK(c.job().count == 3);
  c.check_copies();
}

TEST_CASE("a drain leaves the task of a system job where it is") {
  three_nodes c;
  c.submit(c.agent());
  c.all_started();
  c.done(drain_node{"n2"});
  CHECK(c.core.find_node("n2")->eligibility == node_eligibility::drained);
  CHECK(c.members() == "n1 running, n2 running, n3 running");
}

TEST_CASE("an update that requires something else moves the tasks") {
  cluster_fixture c;
  c.join(a_node("n1").label_of("zone", "a"));
  c.join(a_node("n2").label_of("zone", "b"));
  c.submit(a_job("agent").on_every_node().requires_label("zone", {"a"}));
  c.started({"agent", 0});
  c.submit(a_job("agent").on_every_node().requires_label("zone", {"b"}));
  CHECK(c.core.find_task({"agent", 0})->stopping);
  CHECK(c.node_of({"agent", 1}) == "n2");
  c.stopped({"agent", 0});
  CHECK(c.state_of({"agent", 0}) == task_state::stopped);
  c.check_copies();
}

TEST_CASE("a stopped system job has no tasks on new nodes until it is wanted") {
  three_nodes c;
  c.submit(c.agent());
  c.all_started();
  c.done(stop_job{"agent"});
  c.stopped({"agent", 0});
  c.join(a_node("n4"));
  c.done(remove_node{"n1", {}});
  // It is asked for again before the last of them has ended.
  c.submit(c.agent());
  c.stopped({"agent", 1});
  c.stopped({"agent", 2});
  CHECK(c.members() == "n4 placed, n2 placed, n3 placed");
  c.done(stop_job{"agent"});
  for (uint32_t i = 0; i < 3; ++i)
    c.stopped({"agent", i});
  CHECK(c.is_over("agent"));
  c.submit(c.agent());
  CHECK(c.members() == "n2 placed, n3 placed, n4 placed");
  c.check_copies();
}

TEST_CASE("a task that a user stopped stays so, and starts again when asked") {
  three_nodes c;
  c.submit(c.agent());
  c.all_started();
  c.done(stop_task{{"agent", 1}});
  c.stopped({"agent", 1});
  c.join(a_node("n4"));
  CHECK(c.state_of({"agent", 1}) == task_state::stopped);
  CHECK(runtime::state_of(c.job()) == job_state::degraded);
  c.done(restart_task{{"agent", 1}});
  CHECK(c.node_of({"agent", 1}) == "n2");
  CHECK(c.state_of({"agent", 1}) == task_state::placed);
  // One without a node cannot.
  c.done(change_node_health{"n2", node_state::unhealthy});
  auto no = c.ask(restart_task{{"agent", 1}});
  REQUIRE_FALSE(no);
  CHECK(no.error().kind == refusal_kind::conflict);
  c.done(restart_job{"agent"});
}

TEST_CASE("a system job cannot be scaled, nor become another kind of job") {
  three_nodes c;
  c.submit(c.agent());
  auto scaled = c.ask(scale_job{"agent", 2});
  REQUIRE_FALSE(scaled);
  CHECK(scaled.error().problems.at(0).pointer == "/count");
  auto other = c.ask(submit_jobs{{a_job("agent").service()}, {}});
  REQUIRE_FALSE(other);
  CHECK(other.error().problems.at(0).pointer == "/kind");
  c.submit(a_job("web").service());
  CHECK_FALSE(c.ask(submit_jobs{{a_job("web").on_every_node()}, {}}));
}

TEST_CASE("no node that matches is a reason to wait, not an end") {
  cluster_fixture c;
  c.submit(a_job("agent").on_every_node());
  CHECK(runtime::state_of(*c.core.find_job("agent")) == job_state::pending);
  CHECK(!c.is_over("agent"));
  auto why = runtime::answer(c.core, {}, get_why{.job = "agent"}, c.now);
  REQUIRE(why.has_value());
  CHECK(why->at("message") == "no node takes tasks and has what it requires");
  c.join(a_node("n1"));
  CHECK(c.state_of({"agent", 0}) == task_state::placed);
}

TEST_CASE("a system job may wait for another job") {
  three_nodes c;
  c.submit(a_job("setup"));
  c.submit(c.agent().after("setup"));
  c.place();
  CHECK(c.members() == "n1 pending, n2 pending, n3 pending");
  auto why = c.ask_of(get_why{.job = "agent"});
  CHECK(why.at("reason") == "waitingForJob");
  c.started({"setup", 0});
  c.ended({"setup", 0});
  CHECK(c.members() == "n1 placed, n2 placed, n3 placed");
}

TEST_CASE("a system job comes before what waits in the queue") {
  cluster_fixture c;
  c.submit(a_job("many").tasks(10).priority(100));
  c.submit(a_job("agent").on_every_node());
  c.join(a_node("n1"));
  c.place();
  CHECK(c.state_of({"agent", 0}) == task_state::placed);
}

TEST_CASE("the second use of a key is answered like the first") {
  three_nodes c;
  auto first = c.submit(c.agent(), "k");
  auto second = c.submit(c.agent(), "k");
  CHECK(first.jobs == second.jobs);
  CHECK(first.jobs.at(0).tasks == 3);
}

} // namespace troupe
