#include <doctest/doctest.h>

#include "tests/flow/whole_machine.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::test;

TEST_CASE("a task of priority 100 takes the place of one of 10, which comes "
          "back") {
  house h;
  h.start_controller();
  h.start_machine("a");
  h.submit(whole_machine("low", 60s, 10));
  REQUIRE(h.await({"low", 0}, task_state::running, 5s));
  h.submit(whole_machine("equal", 60s, 10));
  h.submit(whole_machine("high", 20s, 100));
  REQUIRE(h.await({"high", 0}, task_state::running, 5s));
  CHECK(h.state_of({"low", 0}) == task_state::pending);
  REQUIRE(h.await({"high", 0}, task_state::succeeded, 30s));
  // Its place in the queue is the one that it had.
  REQUIRE(h.await({"low", 0}, task_state::succeeded, 90s));
  REQUIRE(h.await({"equal", 0}, task_state::succeeded, 90s));
  auto preempted = h.all<task_preempted>();
  REQUIRE(preempted.size() == 1);
  CHECK(preempted[0].message == "preempted by high.0 (priority 100 over 10)");
  CHECK(h.starts().size() == 4);
}

TEST_CASE("a controller that is killed keeps a place for whom it was decided") {
  house h;
  h.start_controller();
  h.start_machine("a");
  h.submit(whole_machine("low", 600s, 10));
  REQUIRE(h.await({"low", 0}, task_state::running, 5s));
  h.submit(whole_machine("high", 600s, 100));
  for (auto i = 0; i < 100 && h.all<place_held>().empty(); ++i)
    h.world.pass(1ms);
  REQUIRE(h.all<place_held>().size() == 1);
  h.kill_controller();
  h.world.pass(3s);
  h.start_controller();
  h.submit(whole_machine("other", 600s, 50));
  REQUIRE(h.await({"high", 0}, task_state::running, 60s));
  CHECK(h.all<task_preempted>().size() == 1);
  CHECK(h.state_of({"other", 0}) == task_state::pending);
}
