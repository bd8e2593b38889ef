#include <doctest/doctest.h>

#include "runtime/cluster/cluster.hpp"

#include "tests/flow/house.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::test;

namespace {

job_spec a_build(std::string name, std::chrono::milliseconds duration = 10s) {
  auto result = batch_job(std::move(name), duration);
  result.command = {"make"};
  result.cache = cache_rule{};
  return result;
}

} // namespace

TEST_CASE("the second of two identical tasks ends without a start") {
  house h;
  h.start_controller();
  h.start_machine("a");
  h.submit(a_build("first"));
  REQUIRE(h.await({"first", 0}, task_state::succeeded, 20s));
  h.submit(a_build("second"));
  CHECK(h.state_of({"second", 0}) == task_state::cached);
  CHECK(h.starts().size() == 1);
  auto hits = h.all<cache_hit>();
  REQUIRE(hits.size() == 1);
  CHECK(hits[0].result.task == task_ref{"first", 0});
  CHECK(hits[0].result.node == "a");
  CHECK(hits[0].result.took == 10s);
  CHECK_FALSE(hits[0].joined);
}

TEST_CASE("identical tasks at once start once, over a change of controllers") {
  house h;
  h.start_controller();
  h.start_machine("a");
  for (auto name : {"first", "second", "third"})
    h.submit(a_build(name));
  REQUIRE(h.await({"first", 0}, task_state::running, 5s));
  h.world.pass(2s);
  h.kill_controller();
  h.world.pass(2s);
  h.start_controller();
  // Who waits for whom is found out anew.
  h.world.pass(2s);
  CHECK(h.state_of({"second", 0}) == task_state::pending);
  REQUIRE(h.await({"third", 0}, task_state::cached, 60s));
  CHECK(h.state_of({"first", 0}) == task_state::succeeded);
  CHECK(h.state_of({"second", 0}) == task_state::cached);
  CHECK(h.starts().size() == 1);
  // What is kept is known to the next one, too.
  h.kill_controller();
  h.start_controller();
  h.submit(a_build("fourth"));
  CHECK(h.state_of({"fourth", 0}) == task_state::cached);
  CHECK(h.cluster()->results().statistics().hits == 3);
}

TEST_CASE("whoever waits for a task that fails runs") {
  house h;
  h.start_controller();
  h.start_machine("a");
  auto failing = a_build("first");
  failing.simulate.exit_code = 3;
  auto twin = failing;
  twin.name = "second";
  h.submit(failing);
  h.submit(twin);
  REQUIRE(h.await({"second", 0}, task_state::failed, 40s));
  CHECK(h.state_of({"first", 0}) == task_state::failed);
  CHECK(h.starts().size() == 2);
  CHECK(h.all<cache_hit>().empty());
}
