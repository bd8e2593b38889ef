#include <doctest/doctest.h>

#include "tests/flow/house.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::test;

namespace {

job_spec system_job(std::string name) {
  auto result = service_job(std::move(name));
  result.kind = job_kind::system;
  return result;
}

} // namespace

TEST_CASE("a system job runs on every machine, those that come later as well") {
  for (uint64_t seed = 0; seed < 5; ++seed) {
    CAPTURE(seed);
    house h{seed};
    h.start_controller();
    h.start_machine("a");
    h.submit(system_job("agent"));
    REQUIRE(h.await({"agent", 0}, task_state::running, 5s));
    h.start_machine("b");
    REQUIRE(h.await({"agent", 1}, task_state::running, 5s));
    h.kill_controller();
    h.start_controller();
    h.start_machine("c");
    REQUIRE(h.await({"agent", 2}, task_state::running, 20s));
    CHECK(h.starts().size() == 3);
  }
}

TEST_CASE("a machine that is silent loses its task and has it again later") {
  house h;
  h.start_controller();
  h.start_machine("a");
  h.start_machine("b");
  h.submit(system_job("agent"));
  REQUIRE(h.await({"agent", 0}, task_state::running, 5s));
  REQUIRE(h.await({"agent", 1}, task_state::running, 5s));
  h.at("b").link.cut();
  REQUIRE(h.await({"agent", 1}, task_state::stopped, 60s));
  // Nobody else has it.
  CHECK(h.all<task_placed>().size() == 2);
  h.at("b").link.mend();
  REQUIRE(h.await({"agent", 1}, task_state::running, 60s));
  CHECK(h.all<task_placed>().back().node == "b");
}
