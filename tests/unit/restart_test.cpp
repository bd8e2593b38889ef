#include <doctest/doctest.h>

#include "runtime/restart.hpp"

namespace troupe {

using namespace std::chrono_literals;

namespace {

constexpr timestamp t0{1'000'000};
constexpr restart_policy thrice{
  .attempts = 3, .window = 10min, .delay = 1s, .backoff = 2};

} // namespace

TEST_CASE("so many restarts lie within a window and no more") {
  std::vector<timestamp> past;
  for (auto i = 0; i < 3; ++i) {
    auto plan = runtime::plan_restart(thrice, past, t0 + i * 1min);
    REQUIRE(plan);
    past = *plan;
  }
  CHECK(past == std::vector<timestamp>{t0, t0 + 1min, t0 + 2min});
  CHECK_FALSE(runtime::plan_restart(thrice, past, t0 + 9min + 59s));
  auto later = runtime::plan_restart(thrice, past, t0 + 10min);
  REQUIRE(later);
  CHECK(later->front() == t0 + 1min);
  CHECK(later->size() == 3);
}

TEST_CASE("without attempts nothing is started again") {
  CHECK_FALSE(runtime::plan_restart({.attempts = 0}, {}, t0));
}

TEST_CASE("restarts from before the clock was set back do not count") {
  CHECK(runtime::plan_restart({.attempts = 1}, {t0 + 1h}, t0)->size() == 1);
}

TEST_CASE("a rule without a practical limit remembers only so many") {
  restart_policy rule{.attempts = 1'000'000, .window = 36'500 * 24h};
  std::vector<timestamp> past;
  for (auto i = 0; i < 1'500; ++i) {
    auto plan = runtime::plan_restart(rule, std::move(past), t0 + i * 1s);
    REQUIRE(plan);
    past = std::move(*plan);
  }
  CHECK(past.size() == runtime::restarts_known_max);
}

TEST_CASE("each restart waits longer than the one before, up to a limit") {
  CHECK(runtime::restart_delay(thrice, 1) == 1s);
  CHECK(runtime::restart_delay(thrice, 2) == 2s);
  CHECK(runtime::restart_delay(thrice, 3) == 4s);
  CHECK(runtime::restart_delay(thrice, 1'000) == 5min);
  CHECK(runtime::restart_delay({.delay = 1h, .backoff = 1}, 3) == 1h);
  CHECK(runtime::restart_delay({.delay = 0s}, 3) == 0s);
}

} // namespace troupe
