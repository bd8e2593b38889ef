#include <doctest/doctest.h>

#include "tests/flow/house.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::test;

TEST_CASE("a service that ends is started again, a little later each time") {
  house h;
  h.start_controller();
  h.start_machine("a");
  auto web = service_job("web");
  web.simulate = {1s, 1};
  web.restart = {.attempts = 3, .window = 600s, .delay = 2s, .backoff = 2};
  h.submit(web);
  h.world.pass(30s);
  std::vector<timestamp> ended;
  std::vector<timestamp> placed;
  for (auto& x : h.facts()) {
    if (std::holds_alternative<task_ended>(x.what))
      ended.push_back(x.time);
    if (std::holds_alternative<task_placed>(x.what))
      placed.push_back(x.time);
  }
  REQUIRE(placed.size() >= 4);
  // Delays of 2 s and 4 s, and at most one tick of the scheduler on top.
  CHECK(placed[1] - ended[0] >= 2s);
  CHECK(placed[1] - ended[0] <= 3s);
  CHECK(placed[2] - ended[1] >= 4s);
  CHECK(placed[2] - ended[1] <= 5s);
  auto starts = h.starts();
  CHECK(starts.size() == placed.size());
}

TEST_CASE("a service that is stopped stays so") {
  house h;
  h.start_controller();
  h.start_machine("a");
  h.submit(service_job("web"));
  REQUIRE(h.await({"web", 0}, task_state::running, 5s));
  h.decide(stop_job{"web"});
  REQUIRE(h.await({"web", 0}, task_state::stopped, 5s));
  h.world.pass(60s);
  CHECK(h.all<task_placed>().size() == 1);
}
