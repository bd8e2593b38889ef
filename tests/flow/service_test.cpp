#include <doctest/doctest.h>

#include "runtime/cluster/cluster.hpp"

#include "tests/flow/house.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::test;

namespace {

/// A service that fails after a second, each time.
job_spec a_crashing_service(uint32_t attempts) {
  auto result = service_job("web");
  result.simulate = {1s, 1};
  result.restart
    = {.attempts = attempts, .window = 600s, .delay = 2s, .backoff = 2};
  return result;
}

} // namespace

TEST_CASE("a service that fails starts again on its node, a little later each "
          "time, and is then placed anew") {
  house h;
  h.start_controller();
  h.start_machine("a");
  h.submit(a_crashing_service(3));
  REQUIRE(
    h.world.pass_until([&] { return h.all<task_placed>().size() == 2; }, 60s));
  std::vector<timestamp> ended;
  std::vector<timestamp> started;
  std::vector<bool> restarts;
  for (auto& x : h.facts()) {
    if (auto* y = std::get_if<task_ended>(&x.what)) {
      ended.push_back(x.time);
      restarts.push_back(y->restarts);
      CHECK(y->attempt == ended.size());
      CHECK(y->node == "a");
      CHECK(y->exit_code == 1);
    }
    if (std::holds_alternative<task_started>(x.what))
      started.push_back(x.time);
  }
  CHECK(restarts == std::vector<bool>{true, true, true, false});
  REQUIRE(started.size() >= 4);
  auto delay = 2s;
  for (size_t i = 0; i < 3; ++i, delay *= 2) {
    CHECK(started[i + 1] - ended[i] >= delay);
    CHECK(started[i + 1] - ended[i] <= delay + 10ms);
  }
  // Each run once, of one allocation and then of another.
  for (auto& [run, times] : h.starts())
    CHECK(times == 1);
  CHECK(h.all<task_placed>()[1].attempt == 5);
}

TEST_CASE("a run that ends while the controller is away starts again, and is "
          "told exactly once") {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    house h{seed};
    h.start_controller();
    h.start_machine("a");
    h.submit(a_crashing_service(3));
    REQUIRE(h.await({"web", 0}, task_state::running, 5s));
    h.kill_controller();
    h.world.pass(8s);
    h.start_controller();
    REQUIRE(h.world.pass_until([&] { return h.all<task_placed>().size() == 2; },
                               60s));
    auto ends = h.all<task_ended>();
    REQUIRE(ends.size() == 4);
    for (uint32_t i = 0; i < 4; ++i) {
      CHECK(ends[i].attempt == i + 1);
      CHECK(ends[i].restarts == (i < 3));
      CHECK(ends[i].exit_code == 1);
    }
    CHECK(h.cluster()->check_invariants() == "");
  }
}

TEST_CASE("a task that is stopped while it waits to start again has stopped") {
  house h;
  h.start_controller();
  h.start_machine("a");
  auto web = a_crashing_service(3);
  web.restart.delay = 30s;
  h.submit(web);
  REQUIRE(
    h.world.pass_until([&] { return h.all<task_ended>().size() == 1; }, 10s));
  h.decide(stop_job{"web"});
  REQUIRE(h.await({"web", 0}, task_state::stopped, 5s));
  h.world.pass(60s);
  CHECK(h.all<task_started>().size() == 1);
  auto ends = h.all<task_ended>();
  REQUIRE(ends.size() == 2);
  CHECK(ends[1].attempt == 2);
  CHECK(ends[1].state == task_state::stopped);
}

TEST_CASE("an unhealthy service is restarted on its node, and past its limit "
          "placed anew") {
  house h;
  h.start_controller();
  h.start_machine("a");
  auto web = service_job("web");
  web.restart = {.attempts = 1, .window = 600s, .delay = 1s, .backoff = 1};
  web.health = health_check{.kind = check_kind::command,
                            .command = {"false"},
                            .interval = 5s,
                            .failures = 2};
  h.submit(web);
  REQUIRE(
    h.world.pass_until([&] { return h.all<task_placed>().size() == 2; }, 60s));
  auto ends = h.all<task_ended>();
  REQUIRE(ends.size() == 2);
  CHECK(ends[0].restarts);
  CHECK(ends[0].why == reason::unhealthy);
  CHECK(ends[0].state == task_state::failed);
  CHECK_FALSE(ends[1].restarts);
  CHECK(ends[1].why == reason::unhealthy);
  std::vector<task_health> health;
  for (auto& x : h.all<task_health_changed>())
    health.push_back(x.health);
  CHECK(health == std::vector{task_health::unhealthy, task_health::unhealthy});
}

TEST_CASE("a service that passes its checks is healthy and left alone") {
  house h;
  h.start_controller();
  h.start_machine("a");
  auto web = service_job("web");
  web.health = health_check{.kind = check_kind::command, .command = {"true"}};
  h.submit(web);
  h.world.pass(5min);
  CHECK(h.all<task_ended>().empty());
  auto changes = h.all<task_health_changed>();
  REQUIRE(changes.size() == 1);
  CHECK(changes[0].health == task_health::healthy);
  CHECK(h.cluster()->find_task({"web", 0})->health == task_health::healthy);
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
