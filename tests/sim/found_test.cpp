// What seeds have found, reduced to the few steps that it takes.

#include <doctest/doctest.h>

#include "tests/sim/simulation.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::sim;

namespace {

scenario a_scenario() {
  scenario result;
  result.seed = 1;
  result.length = 30s;
  result.strategy = "binpack";
  result.snapshot_after = 1'000;
  result.machines.push_back(
    {"m0", {4'000, int64_t{8} << 30, 0, {}}, {{"zone", "a"}}, 0ms});
  return result;
}

ask a_submission(job_spec x) {
  return {submit_jobs{{std::make_shared<const job_spec>(std::move(x))}, {}}};
}

void expect_well(scenario x) {
  auto plan = text_of(x);
  auto result = sim::simulation{std::move(x)}.run();
  CAPTURE(plan);
  for (auto& breach : result.breaches)
    FAIL_CHECK(breach);
}

} // namespace

TEST_CASE(
  "a machine that is switched on while old tasks still stop there joins "
  "when they have ended") {
  auto x = a_scenario();
  x.habits.stop_takes_max = 20s;
  auto many = test::service_job("many");
  many.request.cpu_millicores = 400;
  many.count = 10;
  x.moments.push_back({1s, 0, a_submission(many)});
  x.moments.push_back(
    {5s, 0, kill_machine{"m0", machine_fault::switched_off, 500ms}});
  expect_well(std::move(x));
}

TEST_CASE("an exit code that could not be told yet outlives a machine that is "
          "switched off") {
  auto x = a_scenario();
  x.moments.push_back({1s, 0, a_submission(test::batch_job("short", 3s, 7))});
  x.moments.push_back({3s, 0, spoil_disk{disk_fault::full, 8s}});
  x.moments.push_back(
    {5s, 0, kill_machine{"m0", machine_fault::switched_off, 1s}});
  expect_well(std::move(x));
}

TEST_CASE(
  "when the actor of all nodes fails, those of single nodes do not go on "
  "and take their machines for silent") {
  auto x = a_scenario();
  x.length = 60s;
  x.moments.push_back({1s, 0, a_submission(test::service_job("web"))});
  x.moments.push_back({3s, 0, kill_actor{"nodes", ""}});
  expect_well(std::move(x));
}

TEST_CASE("what has timed out is not started again by the next life of its "
          "machine") {
  auto x = a_scenario();
  auto slow = test::batch_job("slow", 20s);
  slow.timeout = 2s;
  slow.restart.attempts = 1;
  x.moments.push_back({1s, 0, a_submission(slow)});
  // Its end is known here, and the machine is not told so.
  x.moments.push_back({2s, 0, break_cable{"m0", cable_fault::to_machine, 20s}});
  x.moments.push_back({5s, 0, kill_machine{"m0", machine_fault::killed, 1s}});
  expect_well(std::move(x));
}
