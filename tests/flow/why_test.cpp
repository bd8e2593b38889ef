// What `why` tells of decisions that were taken long ago.

#include <boost/json/value.hpp>
#include <doctest/doctest.h>

#include "tests/flow/house.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::test;

namespace {

boost::json::value why(house& h, const task_ref& x) {
  auto answer
    = h.world.ask<query_answer>(h.scheduler(), run_query{get_why{x, "", ""}});
  h.world.pass(1s);
  REQUIRE(answer->value);
  REQUIRE(answer->value->view);
  return *answer->value->view;
}

job_spec job(std::string name, int32_t priority, int64_t cpu) {
  auto result = batch_job(std::move(name), 600s);
  result.priority = priority;
  result.request.cpu_millicores = cpu;
  return result;
}

} // namespace

TEST_CASE("why a task is where it is tells the nodes as they were then") {
  house h;
  h.start_controller();
  h.start_machine("a");
  h.submit(job("web", 0, 1'000));
  REQUIRE(h.await({"web", 0}, task_state::running, 5s));
  auto before = why(h, {"web", 0});
  CHECK(before.at_pointer("/decision/node") == "a");
  CHECK(before.at_pointer("/decision/policy") == "binpack");
  CHECK(before.at_pointer("/decision/placed") == 1);
  CHECK(before.at_pointer("/nodes/0/verdict") == "chosen");
  CHECK(before.at_pointer("/nodes").as_array().size() == 1);
  // Much changes: another machine, and other work on the first.
  h.start_machine("b");
  h.submit(job("other", 0, 2'000));
  REQUIRE(h.await({"other", 0}, task_state::running, 5s));
  auto after = why(h, {"web", 0});
  CHECK(after.at("decision") == before.at("decision"));
  CHECK(after.at("nodes") == before.at("nodes"));
  h.decide(stop_job{"web"});
  REQUIRE(h.await({"web", 0}, task_state::stopped, 30s));
  CHECK(why(h, {"web", 0}).at("decision") == before.at("decision"));
  // Decisions are not in the journal, and nobody keeps them here: who takes over
  // tells of the present.
  h.kill_controller();
  h.world.pass(2s);
  h.start_controller();
  h.world.pass(30s);
  auto anew = why(h, {"other", 0});
  CHECK_FALSE(anew.as_object().contains("decision"));
  CHECK(anew.at_pointer("/nodes/0/verdict") == "chosen");
}

TEST_CASE("a decision accounts for all nodes, also those that are not named") {
  house h;
  h.start_controller();
  for (auto name : {"a", "b", "c", "d", "e", "f"})
    h.start_machine(name);
  h.submit(job("web", 0, 1'000));
  REQUIRE(h.await({"web", 0}, task_state::running, 5s));
  auto told = why(h, {"web", 0});
  REQUIRE(told.at_pointer("/nodes").as_array().size() == 5);
  CHECK(told.at_pointer("/nodes/0/verdict") == "chosen");
  CHECK(told.at_pointer("/nodes/4/verdict") == "feasible");
  CHECK(told.at_pointer("/nodes/4/nodes") == 2);
}

TEST_CASE("why a task has moved names the node that is silent") {
  house h;
  h.start_controller();
  h.start_machine("a");
  auto web = job("web", 0, 1'000);
  web.kind = job_kind::service;
  h.submit(web);
  REQUIRE(h.await({"web", 0}, task_state::running, 5s));
  h.start_machine("b");
  h.kill_machine("a");
  h.world.pass(35s);
  REQUIRE(h.await({"web", 0}, task_state::running, 60s));
  auto told = why(h, {"web", 0});
  CHECK(told.at_pointer("/nodes/0/node") == "b");
  CHECK(told.at_pointer("/nodes/1/node") == "a");
  CHECK(told.at_pointer("/nodes/1/verdict") == "unhealthy");
  CHECK(told.at_pointer("/nodes/1/message") == "it has not been heard");
}

TEST_CASE("why a task waits tells its last try, and later whom it drove out") {
  house h;
  h.start_controller();
  h.start_machine("a");
  h.submit(job("low", 10, 4'000));
  REQUIRE(h.await({"low", 0}, task_state::running, 5s));
  h.submit(job("same", 10, 4'000));
  h.world.pass(1s);
  auto waits = why(h, {"same", 0});
  CHECK(waits.at_pointer("/lastTry/refused/insufficientCpu") == 1);
  CHECK(waits.at_pointer("/lastTry/placed") == 0);
  h.submit(job("high", 100, 4'000));
  REQUIRE(h.await({"high", 0}, task_state::running, 30s));
  auto runs = why(h, {"high", 0});
  CHECK(runs.at_pointer("/decision/preempted/0/task") == "low.0");
  CHECK(runs.at_pointer("/decision/preempted/0/priority") == 10);
  CHECK(runs.at_pointer("/nodes/0/message")
        == "room was made there: low.0 (priority 10) had to go");
}
