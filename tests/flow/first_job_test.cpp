#include <cstdlib>
#include <fstream>
#include <sstream>

#include <doctest/doctest.h>

#include "tests/flow/house.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::test;

namespace {

constexpr auto golden_file = TROUPE_GOLDEN "/first_job.golden";

/// A controller, a machine, and a batch job that takes two seconds.
void run_first_job(house& h) {
  h.start_controller();
  h.start_machine("a");
  h.submit(batch_job("hello", 2s));
  h.world.pass(5s);
}

std::string read_golden() {
  std::ostringstream result;
  result << std::ifstream{golden_file}.rdbuf();
  return result.str();
}

} // namespace

// The story of the first job, from the first word to the last. After a change of
// who says what to whom, look at it again, and write it anew with
//   TROUPE_WRITE_GOLDEN=1 build/tests/flow_tests -tc="*golden*"
TEST_CASE("the first job is told as its golden transcript tells it") {
  house h;
  run_first_job(h);
  if (std::getenv("TROUPE_WRITE_GOLDEN") != nullptr)
    std::ofstream{golden_file} << h.world.transcript();
  CHECK(h.world.transcript() == read_golden());
}

TEST_CASE("the same facts come about in whatever order actors are heard") {
  house first;
  run_first_job(first);
  auto story = first.story();
  CHECK(first.state_of({"hello", 0}) == task_state::succeeded);
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    house h{seed};
    run_first_job(h);
    CHECK(h.story() == story);
    CHECK(h.starts().size() == 1);
    CHECK(h.starts().begin()->second == 1);
  }
}

TEST_CASE("the same seed tells the same story word for word") {
  for (uint64_t seed : {0U, 7U, 99U}) {
    CAPTURE(seed);
    house x{seed};
    run_first_job(x);
    house y{seed};
    run_first_job(y);
    CHECK(x.world.transcript() == y.world.transcript());
  }
}

TEST_CASE("a job's exit code is the one that its task had") {
  house h;
  h.start_controller();
  h.start_machine("a");
  h.submit(batch_job("bad", 1s, 42));
  CHECK(h.await({"bad", 0}, task_state::failed, 10s));
  auto ends = h.all<task_ended>();
  REQUIRE(ends.size() == 1);
  CHECK(ends.front().exit_code == 42);
  CHECK(ends.front().why == reason::exit_code);
}

TEST_CASE("a batch job of many tasks runs each of them once") {
  house h{3};
  h.start_controller();
  h.start_machine("a");
  h.start_machine("b");
  auto many = batch_job("many", 500ms);
  many.count = 200;
  h.submit(many);
  h.world.pass(60s);
  CHECK(h.all<task_ended>().size() == 200);
  auto starts = h.starts();
  CHECK(starts.size() == 200);
  for (auto& x : starts) {
    CAPTURE(x.first);
    CHECK(x.second == 1);
  }
}

TEST_CASE("a job waits for its machine to be switched on") {
  house h;
  h.start_controller();
  h.submit(batch_job("early", 1s));
  h.world.pass(20s);
  CHECK(h.state_of({"early", 0}) == task_state::pending);
  h.start_machine("a");
  CHECK(h.await({"early", 0}, task_state::succeeded, 20s));
}
