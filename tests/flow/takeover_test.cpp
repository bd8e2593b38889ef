#include <algorithm>

#include <doctest/doctest.h>

#include "tests/flow/house.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::test;

TEST_CASE("running tasks go on when the controller is killed and comes back") {
  for (uint64_t seed = 0; seed < 5; ++seed) {
    CAPTURE(seed);
    house h{seed};
    h.start_controller();
    h.start_machine("a");
    h.submit(service_job("web"));
    h.submit(batch_job("short", 5s, 3));
    h.submit(only_on("b", batch_job("waiting", 1s)));
    REQUIRE(h.await({"short", 0}, task_state::running, 5s));
    REQUIRE(h.await({"web", 0}, task_state::running, 5s));
    h.kill_controller();
    // The batch job ends while nobody is there to hear it.
    h.world.pass(10s);
    h.start_controller();
    h.world.pass(20s);
    CHECK(h.state_of({"web", 0}) == task_state::running);
    CHECK(h.state_of({"waiting", 0}) == task_state::pending);
    auto ends = h.all<task_ended>();
    REQUIRE(ends.size() == 1);
    CHECK(ends[0].task == task_ref{"short", 0});
    CHECK(ends[0].exit_code == 3);
    auto starts = h.starts();
    CHECK(starts.size() == 2);
    CHECK(std::all_of(starts.begin(), starts.end(),
                      [](auto& x) { return x.second == 1; }));
    h.start_machine("b");
    CHECK(h.await({"waiting", 0}, task_state::succeeded, 20s));
  }
}

TEST_CASE(
  "each life of the controller has a term of its own, and machines take "
  "work of the newest") {
  house h;
  h.start_controller();
  h.start_machine("a");
  for (int life = 0; life < 3; ++life) {
    h.kill_controller();
    h.start_controller();
    h.world.pass(10s);
  }
  CHECK(h.all<leader_elected>().size() == 4);
  // What was decided once is not decided again.
  CHECK(h.all<node_joined>().size() == 1);
  CHECK(h.world.count_said("session -> agent: attach_session") == 4);
  h.submit(batch_job("hello", 1s));
  CHECK(h.await({"hello", 0}, task_state::succeeded, 10s));
}

// What is durable, and only that, survives: whatever step the controller was at.
TEST_CASE("no task is lost or runs twice whenever the controller is killed") {
  for (size_t steps = 1; steps < 240; steps += 6) {
    CAPTURE(steps);
    house h{steps};
    h.start_controller();
    h.start_machine("a");
    auto many = batch_job("many", 300ms);
    many.count = 8;
    h.submit(many);
    for (size_t i = 0; i < steps; ++i)
      if (!h.world.step())
        h.world.pass(10ms);
    h.kill_controller();
    h.start_controller();
    h.world.pass(60s);
    CHECK(h.all<task_ended>().size() == 8);
    auto starts = h.starts();
    CHECK(starts.size() == 8);
    CHECK(std::all_of(starts.begin(), starts.end(),
                      [](auto& x) { return x.second == 1; }));
  }
}

TEST_CASE("a machine that is gone while the controller is away is noticed") {
  house h;
  h.start_controller();
  h.start_machine("a");
  h.submit(service_job("web"));
  REQUIRE(h.await({"web", 0}, task_state::running, 5s));
  h.kill_controller();
  h.at("a").link.cut();
  h.start_controller();
  h.start_machine("b");
  h.world.pass(40s);
  CHECK(h.all<node_unhealthy>().size() == 1);
  auto placed = h.all<task_placed>();
  REQUIRE(placed.size() == 2);
  CHECK(placed[1].node == "b");
}
