#include <algorithm>
#include <array>

#include <doctest/doctest.h>

#include "runtime/retry.hpp"

namespace troupe {

using runtime::circuit_breaker;
using runtime::pause_before;

TEST_CASE("pauses between tries double, and after five there are none") {
  auto base = std::chrono::milliseconds{1'000};
  for (uint32_t tries = 0; tries < 5; ++tries, base *= 2)
    for (uint64_t seed = 0; seed < 100; ++seed) {
      auto pause = pause_before({}, tries, seed);
      REQUIRE(pause.has_value());
      CHECK(*pause >= base);
      CHECK(*pause <= base + base / 10);
    }
  CHECK(!pause_before({}, 5, 0));
}

TEST_CASE("what is added to a pause is spread evenly") {
  std::array<uint32_t, 10> buckets{};
  constexpr uint64_t seeds = 10'000;
  for (uint64_t seed = 0; seed < seeds; ++seed) {
    auto more = (*pause_before({}, 4, seed) - std::chrono::milliseconds{16'000})
                  .count();
    ++buckets[std::min<size_t>(static_cast<size_t>(more / 160), 9)];
  }
  for (auto n : buckets) {
    CHECK(n > 850);
    CHECK(n < 1'150);
  }
}

TEST_CASE("tries are slowed down while they help nobody") {
  circuit_breaker x;
  timestamp now{1'000'000};
  for (uint32_t i = 0; i < circuit_breaker::rounds_max; ++i) {
    CHECK(!x.is_open());
    CHECK(x.next_round(now) == now);
    x.note_round(now);
  }
  CHECK(x.is_open());
  CHECK(x.next_round(now) == now + circuit_breaker::pause);
  SUBCASE("until something happens that could help") {
    x.note_help();
    CHECK(!x.is_open());
    CHECK(x.next_round(now) == now);
  }
  SUBCASE("and are made again after a while") {
    now = now + circuit_breaker::pause;
    x.note_round(now);
    CHECK(x.is_open());
    CHECK(x.next_round(now) == now + circuit_breaker::pause);
  }
}

} // namespace troupe
