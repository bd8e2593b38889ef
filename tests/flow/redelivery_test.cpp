#include <doctest/doctest.h>

#include "tests/flow/house.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::test;

namespace {

/// Runs a job of one second, and cuts its machine off once a line with `part` is
/// said. Returns how it all ended.
void lose_connection_at(house& h, std::string_view part) {
  h.start_controller();
  h.start_machine("a");
  h.world.settle();
  auto answer = h.world.ask<command_answer>(
    h.scheduler(),
    run_command{submit_jobs{
      {std::make_shared<const job_spec>(batch_job("hello", 1s))}, {}}});
  REQUIRE(h.world.pass_until_said(part, 10s));
  h.at("a").link.cut();
  h.world.pass(8s);
  h.at("a").link.snap();
  h.at("a").link.mend();
  h.world.pass(20s);
}

} // namespace

// Each line is one step of the first job's story, after which all that is on its
// way is lost.
TEST_CASE(
  "a job ends once, with its exit code, wherever the connection is cut") {
  for (std::string part :
       {"scheduler -> nodes: assigned_work",
        "nodes -> node: assigned_work",
        "session: work_batch",
        "agent: work_batch",
        "session: work_taken",
        "node: work_taken",
        "simulated: start_run",
        "task: run_event",
        "agent: task_report(hello.0 running)",
        "session: report_batch(hello.0 running)",
        "node: report_batch(hello.0 running)",
        "scheduler: run_command(take_reports of a: hello.0 running)",
        "agent: task_report(hello.0 succeeded",
        "session: report_batch(hello.0 succeeded",
        "node: report_batch(hello.0 succeeded",
        "scheduler: run_command(take_reports of a: hello.0 succeeded",
        "journal: append_events(6 taskEnded",
        "session: reports_taken(1)",
        "agent: reports_taken(1)",
        "agent: reports_taken(2)"}) {
    for (uint64_t seed = 0; seed < 4; ++seed) {
      CAPTURE(part);
      CAPTURE(seed);
      house h{seed};
      lose_connection_at(h, part);
      auto ends = h.all<task_ended>();
      REQUIRE(ends.size() == 1);
      CHECK(ends[0].state == task_state::succeeded);
      CHECK(ends[0].exit_code == 0);
      CHECK(h.all<task_placed>().size() == 1);
      auto starts = h.starts();
      REQUIRE(starts.size() == 1);
      CHECK(starts.begin()->second == 1);
      // In the end the machine knows that all is known.
      CHECK(h.world.count_said("simulated: forget_run") == 1);
    }
  }
}

TEST_CASE(
  "a report that was not acknowledged is told again by the next hello") {
  house h;
  lose_connection_at(h, "session: reports_taken(2)");
  CHECK(h.world.count_said("node_hello(a knows hello.0 succeeded") > 0);
}
