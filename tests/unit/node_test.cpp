#include <doctest/doctest.h>

#include "runtime/node.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;
using runtime::time_point;

runtime::node a_silent_node(time_point t0) {
  return runtime::node{{.unhealthy_after = 30s, .removed_after = 5min}, t0};
}

} // namespace

TEST_CASE("silence makes a node unhealthy and then removes it") {
  time_point t0{};
  auto x = a_silent_node(t0);
  CHECK(x.tick(t0 + 30s) == std::nullopt);
  CHECK(x.tick(t0 + 30s + 1ms) == node_state::unhealthy);
  CHECK(x.tick(t0 + 1min) == std::nullopt);
  CHECK(x.tick(t0 + 330s) == std::nullopt);
  CHECK(x.tick(t0 + 330s + 1ms) == node_state::removed);
  CHECK(x.tick(t0 + 1h) == std::nullopt);
  CHECK(x.beat(t0 + 1h) == std::nullopt);
  CHECK(x.state() == node_state::removed);
}

TEST_CASE("a heartbeat makes an unhealthy node ready") {
  time_point t0{};
  auto x = a_silent_node(t0);
  CHECK(x.beat(t0 + 10s) == std::nullopt);
  CHECK(x.tick(t0 + 40s) == std::nullopt);
  CHECK(x.tick(t0 + 41s) == node_state::unhealthy);
  CHECK(x.beat(t0 + 42s) == node_state::ready);
  CHECK(x.last_beat() == t0 + 42s);
}

TEST_CASE("one late tick removes a node that was silent for too long") {
  time_point t0{};
  auto x = a_silent_node(t0);
  CHECK(x.tick(t0 + 10min) == node_state::removed);
}

} // namespace troupe
