#include <doctest/doctest.h>

#include "tests/flow/whole_machine.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::test;

namespace {

job_spec member(std::string name) {
  auto result = whole_machine(std::move(name), 20s, 50);
  result.gang = gang_request{"gang-a", 3, 3};
  return result;
}

size_t running(const house& h, std::initializer_list<const char*> jobs) {
  size_t result = 0;
  for (auto* job : jobs)
    result += h.state_of({job, 0}) == task_state::running ? 1 : 0;
  return result;
}

} // namespace

TEST_CASE("100 preempts 10, and a gang of three at 50 starts when all fit") {
  house h;
  h.start_controller();
  for (auto name : {"a", "b", "c"})
    h.start_machine(name);
  h.submit(whole_machine("low", 300s, 10));
  REQUIRE(h.await({"low", 0}, task_state::running, 5s));
  for (auto name : {"x", "y"})
    h.submit(whole_machine(name, 600s, 100));
  REQUIRE(h.await({"x", 0}, task_state::running, 5s));
  REQUIRE(h.await({"y", 0}, task_state::running, 5s));
  h.submit(whole_machine("high", 30s, 100));
  REQUIRE(h.await({"high", 0}, task_state::running, 5s));
  CHECK(h.all<task_preempted>().size() == 1);
  // Members come one by one; there is room for none of them.
  for (auto name : {"m0", "m1", "m2"})
    h.submit(member(name));
  h.world.pass(40s);
  CHECK(h.state_of({"high", 0}) == task_state::succeeded);
  // The lower one has the place that came free: the gang needs three.
  CHECK(h.state_of({"low", 0}) == task_state::running);
  CHECK(running(h, {"m0", "m1", "m2"}) == 0);
  h.start_machine("d");
  h.world.pass(5s);
  CHECK(running(h, {"m0", "m1", "m2"}) == 0);
  CHECK(h.all<task_preempted>().size() == 1);
  // With the next machine there is room for three, one of them made by the low.
  h.start_machine("e");
  for (auto i = 0; i < 200 && running(h, {"m0", "m1", "m2"}) == 0; ++i)
    h.world.pass(100ms);
  h.world.pass(1s);
  CHECK(running(h, {"m0", "m1", "m2"}) == 3);
  CHECK(h.all<task_preempted>().size() == 2);
  CHECK(h.all<gang_committed>().size() == 1);
}

TEST_CASE("a gang runs together and ends together") {
  house h;
  h.start_controller();
  for (auto name : {"a", "b", "c"})
    h.start_machine(name);
  auto mpi = whole_machine("mpi", 10s, 0);
  mpi.count = 3;
  mpi.gang.emplace();
  h.submit(mpi);
  for (uint32_t i = 0; i < 3; ++i)
    REQUIRE(h.await({"mpi", i}, task_state::running, 5s));
  auto facts = h.facts();
  auto committed = std::find_if(facts.begin(), facts.end(), [](const event& x) {
    return std::holds_alternative<gang_committed>(x.what);
  });
  REQUIRE(committed != facts.end());
  // Nothing is placed before all nodes have confirmed, and then all is.
  CHECK(std::none_of(facts.begin(), committed, [](const event& x) {
    return std::holds_alternative<task_placed>(x.what);
  }));
  for (auto i = 1; i <= 3; ++i)
    CHECK(std::holds_alternative<task_placed>((committed + i)->what));
  for (uint32_t i = 0; i < 3; ++i)
    REQUIRE(h.await({"mpi", i}, task_state::succeeded, 20s));
}

TEST_CASE("a gang on too few machines runs nobody, until there are enough") {
  house h;
  h.start_controller();
  h.start_machine("a");
  h.start_machine("b");
  auto mpi = whole_machine("mpi", 10s, 100);
  mpi.count = 3;
  mpi.gang.emplace();
  h.submit(whole_machine("low", 600s, 0));
  REQUIRE(h.await({"low", 0}, task_state::running, 5s));
  h.submit(mpi);
  h.world.pass(60s);
  CHECK(h.all<task_placed>().size() == 1);
  CHECK(h.all<task_preempted>().empty());
  CHECK(h.all<gang_reserved>().empty());
  h.start_machine("c");
  for (uint32_t i = 0; i < 3; ++i)
    REQUIRE(h.await({"mpi", i}, task_state::running, 30s));
  CHECK(h.all<task_preempted>().size() == 1);
}

TEST_CASE("a controller that is killed while it reserves starts the gang "
          "afterwards") {
  house h;
  h.start_controller();
  for (auto name : {"a", "b", "c"})
    h.start_machine(name);
  h.world.pass(1s);
  auto mpi = whole_machine("mpi", 30s, 0);
  mpi.count = 3;
  mpi.gang.emplace();
  h.submit(mpi);
  for (auto i = 0; i < 1'000 && h.all<gang_reserved>().empty(); ++i)
    h.world.pass(1ms);
  h.kill_controller();
  h.world.pass(2s);
  h.start_controller();
  for (uint32_t i = 0; i < 3; ++i)
    REQUIRE(h.await({"mpi", i}, task_state::running, 60s));
  CHECK(h.starts().size() == 3);
}
