#include <doctest/doctest.h>

#include "runtime/cluster/agenda.hpp"

namespace troupe {

using runtime::agenda;
using runtime::gang_record;
using runtime::job_record;
using runtime::node_record;
using runtime::task_number;

namespace {

constexpr timestamp t1{1'000};
constexpr timestamp t2{2'000};
constexpr timestamp t3{3'000};

} // namespace

TEST_CASE("what comes first is next, of whatever kind it is") {
  agenda aut;
  CHECK(!aut.next());
  job_record job;
  job.born = 7;
  job.tasks.resize(1);
  node_record node;
  node.profile.name = "n";
  gang_record gang;
  gang.name = "g";
  aut.visit(job, t3);
  CHECK(aut.next() == t3);
  aut.visit(node, t2);
  CHECK(aut.next() == t2);
  aut.delay(job, 0, t1);
  CHECK(aut.next() == t1);
  aut.visit(gang, timestamp{500});
  CHECK(aut.gang_due(t1) == "g");
  aut.forget_visit(gang);
  CHECK(!gang.listed_time);
  CHECK(aut.next() == t1);
  CHECK(!aut.job_due(t2));
  CHECK(aut.node_due(t2) == "n");
}

TEST_CASE(
  "a job is looked at at the earliest of the times that were asked for") {
  agenda aut;
  job_record job;
  job.born = 7;
  aut.visit(job, t2);
  aut.visit(job, t3);
  CHECK(job.visit_at == t2);
  aut.visit(job, t1);
  CHECK(aut.job_due(t1) == 7);
  aut.forget_visit(job);
  CHECK(!aut.job_due(t3));
  CHECK(!aut.next());
}

TEST_CASE("a delay that is over is told once, and stays in the record") {
  agenda aut;
  job_record job;
  job.born = 7;
  job.tasks.resize(2);
  aut.delay(job, 1, t2);
  CHECK(aut.is_delayed(job, 1));
  CHECK(!aut.take_delayed(t1));
  CHECK(aut.take_delayed(t3) == task_number{7, 1});
  CHECK(!aut.take_delayed(t3));
  CHECK(job.tasks[1].not_before == t2);
  aut.forget_delay(job, 1);
  CHECK(!job.tasks[1].not_before);
  CHECK(aut.delays() == 0);
}

TEST_CASE("a job without a next tick waits for none") {
  agenda aut;
  job_record job;
  job.born = 7;
  aut.forget_tick(job);
  job.schedule.emplace();
  aut.await_tick(job);
  CHECK(aut.ticks() == 0);
  job.schedule->next_tick = t2;
  aut.await_tick(job);
  CHECK(aut.tick_due(t2) == 7);
  aut.forget_tick(job);
  CHECK(aut.ticks() == 0);
  CHECK(!job.schedule->next_tick);
}

} // namespace troupe
