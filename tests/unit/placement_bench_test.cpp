#include <doctest/doctest.h>

#include "runtime/placement/bench.hpp"

using namespace troupe::runtime::placement;

TEST_CASE("every bench scenario proposes only what the table accepts") {
  for (auto& scenario : bench_scenarios()) {
    CAPTURE(scenario);
    bench_options options;
    options.nodes = 200;
    options.tasks = 2000;
    options.batch = 100;
    options.scenario = scenario;
    auto result = run_placement_bench(options);
    REQUIRE(result.has_value());
    CHECK(result->conflicts == 0);
    auto searches = scenario == "preemption" || scenario == "gang";
    CHECK(result->placed + result->refused == (searches ? 1000 : 2000));
    if (searches) {
      CHECK(result->placed >= 100);
      continue;
    }
    CHECK(result->placed >= 900);
    if (scenario == "unschedulable")
      CHECK(result->refused >= 900);
    if (scenario == "basic" || scenario == "spread" || scenario == "unique")
      CHECK(result->refused == 0);
    auto again = run_placement_bench(options);
    CHECK(again->placed == result->placed);
  }
}

TEST_CASE("an unknown bench scenario or strategy is refused") {
  bench_options options;
  options.scenario = "luck";
  CHECK(run_placement_bench(options).error() == "unknown scenario luck");
  options.scenario = "mixed";
  options.strategy = "luck";
  CHECK(run_placement_bench(options).error() == "unknown strategy luck");
}
