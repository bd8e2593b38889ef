// What is kept of decisions, and found again by the facts that they led to.

#include <doctest/doctest.h>

#include "runtime/decisions/decisions.hpp"

#include "tests/unit/cluster_fixture.hpp"

namespace troupe {

namespace {

using runtime::decided_round;
using runtime::decisions;
using namespace runtime::placement;

std::shared_ptr<const task_class> a_class(int64_t cpu) {
  task_class result;
  result.request.cpu_millicores = cpu;
  return std::make_shared<const task_class>(result);
}

weighed_ask asked(version_number job, std::shared_ptr<const task_class> of,
                  uint32_t placed = 1) {
  weighed_ask result;
  result.id = job;
  result.of = std::move(of);
  result.asked = 1;
  result.placed = placed;
  return result;
}

/// Round `n` led to facts 10 n to 10 n + 9.
void decide(decisions& to, uint64_t n, std::vector<weighed_ask> asks) {
  to.note_round({"binpack", {}, n * 10, n * 10 + 9}, asks);
}

/// A cluster with a scheduler that keeps its decisions.
struct remembering : cluster_fixture {
  decisions decided;
  size_t heard = 0;

  void settle() {
    auto policy = make_policy("binpack");
    while (auto batch = core.next_batch(1'000)) {
      auto snapshot = core.nodes_for(*batch);
      auto proposal = policy->propose(snapshot, batch->asks);
      auto before = core.version();
      core.commit(proposal, now);
      decided.note_round({"binpack", now, before + 1, core.version()},
                         weigh(*policy, snapshot, batch->asks, proposal));
      pass(milliseconds{0});
      hear();
    }
  }
  void hear() {
    for (; heard < events.size(); ++heard)
      decided.take(events[heard]);
  }
  std::optional<decisions::decision> about(const task_ref& x) {
    hear();
    auto& job = *core.find_job(x.job);
    auto& task = job.tasks.at(x.index);
    return decided.about(task.allocation.value, job.born,
                         *job.classes.at(task.job_version));
  }
};

} // namespace

TEST_CASE("a decision is found by the fact that it led to") {
  decisions kept;
  auto small = a_class(1);
  auto large = a_class(2);
  decide(kept, 1, {asked(3, small)});
  decide(kept, 2, {asked(4, large)});
  REQUIRE(kept.about(25, 4, *large));
  CHECK(kept.about(25, 4, *large)->round->first == 20);
  // Of equal tasks that were placed together, one was weighed.
  CHECK(kept.about(12, 99, *small)->what->id == 3);
  CHECK_FALSE(kept.about(12, 99, *large));
  CHECK_FALSE(kept.about(31, 3, *small));
  CHECK_FALSE(kept.about(9, 3, *small));
}

TEST_CASE(
  "a round that led to nothing is told of until the next at its place") {
  decisions kept;
  auto of = a_class(1);
  kept.note_round({"binpack", {}, 10, 9}, {asked(4, of, 0)});
  REQUIRE(kept.last_try(*of));
  CHECK_FALSE(kept.about(10, 4, *of));
  kept.note_round({"binpack", {}, 10, 12}, {asked(4, of)});
  CHECK(kept.about(10, 4, *of));
  CHECK_FALSE(kept.last_try(*of));
  CHECK(kept.size() == 1);
}

TEST_CASE("a flood of equal tasks washes away its own decisions") {
  decisions kept{100};
  auto service = a_class(1);
  auto flood = a_class(2);
  decide(kept, 1, {asked(1, service)});
  for (uint64_t n = 2; n < 1'000; ++n)
    decide(kept, n, {asked(2, flood)});
  CHECK(kept.size() == 100);
  CHECK(kept.about(10, 1, *service));
  CHECK_FALSE(kept.about(20, 2, *flood));
  CHECK(kept.about(9'990, 2, *flood));
  // One class each: then the oldest goes.
  for (int64_t cpu = 0; cpu < 200; ++cpu)
    decide(kept, 2'000 + static_cast<uint64_t>(cpu),
           {asked(3, a_class(9 + cpu))});
  CHECK(kept.size() == 100);
  CHECK_FALSE(kept.about(10, 1, *service));
}

TEST_CASE("of tries that fail the last one is told") {
  decisions kept;
  auto of = a_class(1);
  for (uint64_t n = 1; n <= 50; ++n)
    decide(kept, n, {asked(1, of, 0)});
  CHECK(kept.size() == 1);
  REQUIRE(kept.last_try(*of));
  CHECK(kept.last_try(*of)->round->first == 500);
  decide(kept, 51, {asked(1, of, 1)});
  CHECK_FALSE(kept.last_try(*of));
}

TEST_CASE("a try that fails does not make forget who was placed before") {
  decisions kept;
  auto of = a_class(1);
  decide(kept, 1, {asked(1, of), asked(2, of, 0)});
  for (uint64_t n = 2; n < 9; ++n)
    decide(kept, n, {asked(2, of, 0)});
  CHECK(kept.size() == 2);
  REQUIRE(kept.about(15, 1, *of));
  CHECK(kept.about(15, 1, *of)->what->placed == 1);
  CHECK(kept.last_try(*of)->round->first == 80);
}

TEST_CASE("a task's decision tells the nodes as they were") {
  remembering c;
  c.join(a_node("a").cpu(4));
  c.join(a_node("b").cpu(8));
  c.submit(a_job("first").cpu(1));
  c.settle();
  auto first = c.about({"first", 0});
  REQUIRE(first);
  CHECK(first->what->fit == 2);
  REQUIRE(first->what->best.size() == 2);
  CHECK(first->what->best[0].node == c.node_of({"first", 0}));
  CHECK(first->what->best[0].score > first->what->best[1].score);
  CHECK_FALSE(first->what->best[0].parts.empty());
  auto score = first->what->best[0].score;
  c.submit(a_job("second").cpu(3));
  c.settle();
  CHECK(c.about({"first", 0})->what->best[0].score == score);
  CHECK(c.about({"second", 0})->what->best[0].score != score);
}

TEST_CASE("who had to go stays known after the place was given") {
  remembering c;
  c.join(a_node("n").cpu(4));
  c.submit(a_job("low").cpu(3).priority(10));
  c.settle();
  c.started({"low", 0});
  c.submit(a_job("high").cpu(4).priority(100));
  c.settle();
  c.stopped({"low", 0});
  c.settle();
  REQUIRE(c.node_of({"high", 0}) == "n");
  auto found = c.about({"high", 0});
  REQUIRE(found);
  REQUIRE(found->room != nullptr);
  REQUIRE(found->room->victims.size() == 1);
  CHECK(found->room->victims[0] == runtime::made_room::victim{{"low", 0}, 10});
  CHECK(found->what->placed == 0);
  CHECK(found->what->refused.nodes.front().first == reason::insufficient_cpu);
  auto low = c.about({"low", 0});
  REQUIRE(low);
  CHECK(low->room == nullptr);
}

TEST_CASE("each member of a gang has the decision about all of them") {
  remembering c;
  c.join(a_node("a").cpu(2));
  c.join(a_node("b").cpu(2));
  c.submit(a_job("mpi").cpu(2).tasks(2).gang("", 2, 2));
  c.settle();
  c.agree();
  REQUIRE(c.node_of({"mpi", 1}) != "");
  for (uint32_t i = 0; i < 2; ++i) {
    auto found = c.about({"mpi", i});
    REQUIRE(found);
    CHECK(found->what->placed == 2);
  }
}

TEST_CASE("members of an array share one decision") {
  remembering c;
  c.join(a_node("n").cpu(400).memory(int64_t{64} << 30));
  c.submit(a_job("array").tasks(300).cpu(1));
  c.settle();
  CHECK(c.decided.size() == 1);
  CHECK(c.about({"array", 299})->what->placed == 300);
}

} // namespace troupe
