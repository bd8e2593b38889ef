#include <algorithm>

#include <doctest/doctest.h>

#include "tests/flow/house.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::test;

namespace {

/// Place of the first line at or after `from` that holds `part`.
size_t find_line(const house& h, std::string_view part, size_t from = 0) {
  auto& lines = h.world.lines();
  auto at = std::find_if(
    lines.begin() + static_cast<ptrdiff_t>(from), lines.end(),
    [&](const std::string& x) { return x.find(part) != std::string::npos; });
  return static_cast<size_t>(at - lines.begin());
}

/// Cuts a machine off; both ends notice after eight seconds.
void cut_off(house& h, const std::string& name) {
  h.at(name).link.cut();
  h.world.pass(8s);
  h.at(name).link.snap();
}

} // namespace

TEST_CASE("a machine is unhealthy after thirty seconds of silence") {
  house h;
  h.start_controller();
  h.start_machine("a");
  h.at("a").link.cut();
  auto cut = h.world.now();
  h.at("a").link.snap();
  REQUIRE(
    h.world.pass_until([&] { return !h.all<node_unhealthy>().empty(); }, 60s));
  CHECK(h.world.now() - cut >= 30s);
  CHECK(h.world.now() - cut <= 32s);
}

TEST_CASE("the tasks of a silent machine are lost and go to another one") {
  for (uint64_t seed = 0; seed < 5; ++seed) {
    CAPTURE(seed);
    house h{seed};
    h.start_controller();
    h.start_machine("a");
    h.submit(service_job("web"));
    REQUIRE(h.await({"web", 0}, task_state::running, 5s));
    h.start_machine("b");
    cut_off(h, "a");
    CHECK(h.state_of({"web", 0}) == task_state::running);
    h.world.pass(40s);
    auto ends = h.all<task_ended>();
    REQUIRE(ends.size() == 1);
    CHECK(ends[0].state == task_state::lost);
    CHECK(ends[0].why == reason::node_lost);
    auto placed = h.all<task_placed>();
    REQUIRE(placed.size() == 2);
    CHECK(placed[1].node == "b");
    CHECK(h.state_of({"web", 0}) == task_state::running);
  }
}

TEST_CASE("a machine that comes back stops what is not its own before it gets "
          "new work") {
  for (uint64_t seed = 0; seed < 5; ++seed) {
    CAPTURE(seed);
    house h{seed};
    h.start_controller();
    h.start_machine("a");
    h.submit(service_job("web"));
    REQUIRE(h.await({"web", 0}, task_state::running, 5s));
    h.start_machine("b");
    cut_off(h, "a");
    h.world.pass(40s);
    REQUIRE(h.all<task_placed>().size() == 2);
    h.submit(only_on("a", service_job("other")));
    auto back = h.world.lines().size();
    h.at("a").link.mend();
    REQUIRE(h.await({"other", 0}, task_state::running, 30s));
    // It runs in its first attempt, which nobody wants any more.
    auto stopped = find_line(h, "simulated -> task: run_event", back);
    auto given = find_line(h, "start other.0", back);
    CHECK(find_line(h, "stop web.0", back) < stopped);
    CHECK(find_line(h, "ended, exit code 143", back) < given);
    h.world.pass(60s);
    CHECK(h.state_of({"web", 0}) == task_state::running);
    CHECK(h.all<task_placed>().size() == 3);
    CHECK(h.all<node_ready>().size() == 1);
  }
}

TEST_CASE("a machine that is silent for minutes is removed, and joins anew") {
  house h;
  h.start_controller();
  h.start_machine("a");
  cut_off(h, "a");
  h.world.pass(330s);
  REQUIRE(h.all<node_removed>().size() == 1);
  h.at("a").link.mend();
  h.world.pass(30s);
  CHECK(h.all<node_joined>().size() == 2);
  h.submit(batch_job("hello", 1s));
  CHECK(h.await({"hello", 0}, task_state::succeeded, 10s));
}

TEST_CASE("a short cut loses nothing and starts nothing twice") {
  for (uint64_t seed = 0; seed < 10; ++seed) {
    CAPTURE(seed);
    house h{seed};
    h.start_controller();
    h.start_machine("a");
    auto many = batch_job("many", 3s);
    many.count = 30;
    h.submit(many);
    h.world.pass(1s);
    cut_off(h, "a");
    h.at("a").link.mend();
    h.world.pass(20s);
    CHECK(h.all<node_unhealthy>().empty());
    CHECK(h.all<task_ended>().size() == 30);
    auto starts = h.starts();
    CHECK(starts.size() == 30);
    CHECK(std::all_of(starts.begin(), starts.end(),
                      [](auto& x) { return x.second == 1; }));
  }
}
