#include <doctest/doctest.h>

#include "tests/flow/house.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::test;

namespace {

job_spec every_minute(job_spec x, overlap_rule overlap = overlap_rule::skip) {
  x.schedule = schedule_rule{"* * * * *", "UTC", overlap};
  return x;
}

bool began_a_run(const job_ticked& x) {
  return x.outcome == tick_outcome::started
         || x.outcome == tick_outcome::replaced;
}

/// Moments of the ticks in `xs`, in their order; those missed count as one.
std::vector<timestamp> moments(const std::vector<job_ticked>& xs) {
  std::vector<timestamp> result;
  for (auto& x : xs)
    result.push_back(x.at);
  return result;
}

} // namespace

TEST_CASE("a job with a schedule runs at every full minute") {
  house h;
  h.start_controller();
  h.start_machine("a");
  h.submit(every_minute(batch_job("nightly", 2s)));
  h.world.pass(5min);
  auto ticks = h.all<job_ticked>();
  REQUIRE(ticks.size() == 5);
  for (auto& x : ticks) {
    CHECK(x.at.ms % 60'000 == 0);
    CHECK(x.outcome == tick_outcome::started);
  }
  auto placed = h.all<task_placed>();
  REQUIRE(placed.size() == 5);
  CHECK(placed.back().attempt == 5);
  // Within a tick of the scheduler.
  for (auto& x : h.facts())
    if (auto* y = std::get_if<job_ticked>(&x.what))
      CHECK(x.time - y->at <= 1s);
}

TEST_CASE("a run that takes longer than a minute is replaced, if so wished") {
  house h;
  h.start_controller();
  h.start_machine("a");
  h.submit(every_minute(batch_job("nightly", 90s), overlap_rule::replace));
  h.world.pass(5min);
  auto ends = h.all<task_ended>();
  REQUIRE(ends.size() == 4);
  for (auto& x : ends)
    CHECK(x.state == task_state::stopped);
  CHECK(h.starts().size() == 5);
}

TEST_CASE("each tick is decided once, however often the controller is killed") {
  for (uint64_t seed = 1; seed <= 8; ++seed) {
    CAPTURE(seed);
    house h{seed};
    h.start_controller();
    h.start_machine("a");
    h.submit(every_minute(batch_job("nightly", 2s)));
    for (uint64_t life = 0; life < 6; ++life) {
      // It dies anywhere around a full minute.
      h.world.pass(40s + std::chrono::milliseconds{seed * 977 + life * 3'331});
      for (size_t i = 0; i < seed * 5; ++i)
        static_cast<void>(h.world.step());
      h.kill_controller();
      h.start_controller();
    }
    h.world.pass(2min);
    auto at = moments(h.all<job_ticked>());
    REQUIRE(at.size() >= 4);
    for (size_t i = 1; i < at.size(); ++i)
      CHECK(at[i] - at[i - 1] == 1min);
    auto runs = size_t{0};
    for (auto& x : h.all<job_ticked>())
      runs += began_a_run(x) ? 1 : 0;
    CHECK(h.all<task_placed>().size() == runs);
    CHECK(h.starts().size() == runs);
  }
}

TEST_CASE(
  "a controller that was away makes up for one run and tells the rest") {
  house h;
  h.start_controller();
  h.start_machine("a");
  h.submit(every_minute(batch_job("nightly", 2s)));
  h.world.pass(90s);
  h.kill_controller();
  auto before = h.all<job_ticked>().size();
  h.world.pass(10min);
  h.start_controller();
  h.world.pass(5s);
  auto ticks = h.all<job_ticked>();
  REQUIRE(ticks.size() == before + 2);
  CHECK(ticks[before].outcome == tick_outcome::missed);
  CHECK(ticks[before].count >= 8);
  CHECK(ticks[before + 1].outcome == tick_outcome::started);
  CHECK(ticks[before + 1].at - ticks[before].at == 1min);
}
