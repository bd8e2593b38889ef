#include <doctest/doctest.h>

#include "runtime/health.hpp"

namespace troupe {

using namespace std::chrono_literals;

namespace {

constexpr timestamp t0{1'000'000};
constexpr auto passed = check_result::passed;
constexpr auto failed = check_result::failed;
constexpr auto unknown = check_result::unknown;

health_check a_rule(uint32_t failures = 3, milliseconds grace = 0ms) {
  return {.interval = 10s, .failures = failures, .grace = grace};
}

} // namespace

TEST_CASE("the first check that passes makes a run healthy") {
  runtime::health x{a_rule(), t0};
  CHECK(x.state() == task_health::unknown);
  CHECK(x.note(failed, t0 + 1s) == std::nullopt);
  CHECK(x.note(passed, t0 + 2s) == task_health::healthy);
  CHECK(x.note(passed, t0 + 3s) == std::nullopt);
}

TEST_CASE("so many failures in a row make a run unhealthy") {
  runtime::health x{a_rule(), t0};
  CHECK(x.note(passed, t0) == task_health::healthy);
  for (auto i = 0; i < 5; ++i) {
    CHECK_FALSE(x.note(failed, t0));
    CHECK_FALSE(x.note(failed, t0));
    CHECK_FALSE(x.note(passed, t0));
  }
  CHECK_FALSE(x.note(failed, t0));
  CHECK_FALSE(x.note(failed, t0));
  CHECK(x.note(failed, t0) == task_health::unhealthy);
  CHECK_FALSE(x.note(failed, t0));
  CHECK(x.note(passed, t0) == task_health::healthy);
}

TEST_CASE("one failure is enough if the rule says so, also from the start") {
  runtime::health x{a_rule(1), t0};
  CHECK(x.note(failed, t0) == task_health::unhealthy);
}

TEST_CASE("what fails within the grace does not count, what passes does") {
  runtime::health x{a_rule(1, 30s), t0};
  CHECK_FALSE(x.note(failed, t0 + 29s));
  CHECK(x.note(passed, t0 + 29s) == task_health::healthy);
  CHECK_FALSE(x.note(failed, t0 + 29s + 999ms));
  CHECK(x.note(failed, t0 + 30s) == task_health::unhealthy);
}

TEST_CASE("a check that could not be made says nothing") {
  runtime::health x{a_rule(2), t0};
  CHECK_FALSE(x.note(unknown, t0));
  CHECK(x.state() == task_health::unknown);
  CHECK_FALSE(x.note(failed, t0));
  CHECK_FALSE(x.note(unknown, t0));
  CHECK(x.note(failed, t0) == task_health::unhealthy);
}

TEST_CASE("the first check comes soon") {
  CHECK(runtime::health{a_rule(), t0}.first_pause() == 1s);
  CHECK(runtime::health{{.interval = 200ms}, t0}.first_pause() == 200ms);
}

TEST_CASE("results are counted by kind and result") {
  runtime::check_counts x;
  x.add(check_kind::http, passed);
  x.add(check_kind::http, passed);
  x.add(check_kind::command, unknown);
  CHECK(x.take()
        == std::vector<check_count>{{check_kind::http, passed, 2},
                                    {check_kind::command, unknown, 1}});
  CHECK(x.take().empty());
}

} // namespace troupe
