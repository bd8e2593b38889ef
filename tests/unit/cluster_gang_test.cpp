// Gangs: their members start together or not at all.

#include "tests/unit/cluster_fixture.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

/// Machines of one core each.
void join_small(cluster_fixture& c, int first, int last) {
  for (auto i = first; i <= last; ++i)
    c.join(a_node("n" + std::to_string(i)).cpu(1));
}

const runtime::gang_record& gang_of(const cluster_fixture& c) {
  REQUIRE(c.core.gangs().size() == 1);
  return c.core.gangs().begin()->second;
}

uint32_t live(const cluster_fixture& c, const std::string& job) {
  return c.core.find_job(job)->live();
}

size_t count(const cluster_fixture& c, std::string_view type) {
  return static_cast<size_t>(
    std::count_if(c.events.begin(), c.events.end(),
                  [&](auto& x) { return type_of(x.what) == type; }));
}

} // namespace

TEST_CASE("a gang reserves all its places, asks all its nodes, and starts") {
  cluster_fixture c;
  join_small(c, 1, 3);
  c.submit(a_job("mpi").tasks(3).gang());
  c.forget_said();
  c.place();
  CHECK(gang_of(c).state == runtime::gang_state::reserving);
  CHECK(count(c, "gangReserved") == 1);
  CHECK(count(c, "taskPlaced") == 0);
  CHECK(c.given()
        == "n1: reserve mpi.0\nn2: reserve mpi.1\nn3: reserve mpi.2\n");
  // Nobody else gets the places meanwhile.
  c.submit(a_job("other").priority(-1));
  c.place();
  CHECK(live(c, "other") == 0);
  c.check_copies();
  c.agree(2);
  CHECK(live(c, "mpi") == 0);
  CHECK(c.core.work_for("n3").size() == 1);
  CHECK(c.core.work_for("n1").empty());
  c.forget_said();
  c.agree();
  CHECK(c.said() == R"~(gangCommitted {"gang":"mpi"}
taskPlaced {"task":"mpi.0","attempt":1,"node":"n1"}
taskPlaced {"task":"mpi.1","attempt":1,"node":"n2"}
taskPlaced {"task":"mpi.2","attempt":1,"node":"n3"}
)~");
  CHECK(gang_of(c).state == runtime::gang_state::running);
  c.check_copies();
  for (uint32_t i = 0; i < 3; ++i) {
    c.started({"mpi", i});
    c.ended({"mpi", i});
  }
  CHECK(runtime::state_of(*c.core.find_job("mpi")) == job_state::succeeded);
  c.check_copies();
}

TEST_CASE("a gang does not start where a driver has stopped working") {
  cluster_fixture c;
  c.join(a_node("n1").cpu(1));
  c.join(a_node("n2").cpu(1));
  c.submit(a_job("g").tasks(2).gang());
  c.place();
  c.done(note_troubles{"n2", {{"simulated", "its engine hangs"}}});
  c.agree();
  CHECK(c.core.find_job("g")->live() == 0);
  CHECK(c.core.find_job("g")->holds.empty());
  c.done(note_troubles{"n2", {}});
  c.pass(10s);
  c.place();
  c.agree();
  CHECK(c.core.find_job("g")->live() == 2);
  c.check_copies();
}

TEST_CASE("a gang of three on two places runs nobody and drives out nobody") {
  cluster_fixture c;
  join_small(c, 1, 2);
  c.submit(a_job("low").tasks(2).priority(-5));
  c.place();
  c.submit(a_job("mpi").tasks(3).gang());
  c.place();
  CHECK(count(c, "gangReserved") == 0);
  CHECK(count(c, "taskPreempted") == 0);
  CHECK(gang_of(c).why == reason::never_fits);
  CHECK(gang_of(c).message
        == "it needs 3 members at once, and all nodes together would hold 2 if "
           "they were empty");
  CHECK(c.place() == 0);
  // A node wakes it, and now the low ones go.
  join_small(c, 3, 3);
  c.pass(1s);
  c.place();
  CHECK(count(c, "taskPreempted") == 2);
  CHECK(count(c, "gangReserved") == 1);
  c.check_copies();
  c.stopped({"low", 0});
  CHECK(c.core.work_for("n3").empty());
  c.stopped({"low", 1});
  c.agree();
  CHECK(live(c, "mpi") == 3);
  c.place();
  CHECK(live(c, "low") == 0);
  CHECK(c.core.find_job("mpi")->receipts.size() == 1);
  c.check_copies();
}

TEST_CASE("a gang drives out whoever counts less than the highest of it") {
  cluster_fixture c;
  c.join(a_node("n1").cpu(3));
  c.submit(a_job("ten").priority(10));
  c.submit(a_job("twenty").priority(20));
  c.submit(a_job("thirty").priority(30));
  c.place();
  c.done(submit_jobs{{a_job("a").priority(5).gang("g", 2, 2),
                      a_job("b").priority(25).gang("g", 2, 2)},
                     {}});
  c.place();
  CHECK(c.core.find_task({"ten", 0})->why == reason::preempted);
  CHECK(c.core.find_task({"twenty", 0})->why == reason::preempted);
  CHECK(c.core.find_task({"thirty", 0})->why == reason::none);
  c.stopped({"ten", 0});
  c.stopped({"twenty", 0});
  c.agree();
  CHECK(live(c, "a") == 1);
  CHECK(live(c, "b") == 1);
  // Each of the gang counts as the highest of it.
  c.submit(a_job("high").priority(25));
  c.place();
  CHECK(c.core.find_job("high")->holds.empty());
  c.check_copies();
}

TEST_CASE("a gang whose members share a name waits until all are there") {
  cluster_fixture c;
  join_small(c, 1, 5);
  SUBCASE("as many as it says") {
    c.submit(a_job("a").gang("g", 3, 3));
    c.submit(a_job("b").gang("g", 3, 3));
    c.pass(1h);
    CHECK(c.place() == 0);
    c.submit(a_job("d").gang("g", 3, 3));
    c.place();
  }
  SUBCASE("or a moment, if nobody says how many") {
    c.submit(a_job("a").gang("g"));
    c.submit(a_job("b").gang("g"));
    CHECK(c.place() == 0);
    c.pass(1s);
    c.submit(a_job("d").label_of("pod-group", "g"));
    CHECK(c.core.next_wake() == c.now + 2s);
    c.pass(2s);
    c.place();
  }
  CHECK(gang_of(c).state == runtime::gang_state::reserving);
  c.agree();
  CHECK(live(c, "a") + live(c, "b") + live(c, "d") == 3);
  c.check_copies();
}

TEST_CASE(
  "what a node refuses, or does not confirm in time, is given up whole") {
  cluster_fixture c;
  join_small(c, 1, 3);
  c.submit(a_job("mpi").tasks(3).gang());
  c.place();
  c.agree(2);
  c.forget_said();
  SUBCASE("refused") {
    c.refuse({"mpi", 2}, "no room");
    CHECK(
      c.said()
      == R"~(gangReleased {"gang":"mpi","reason":"driverError","message":"node n3 refuses mpi.2: no room"}
)~");
  }
  SUBCASE("late") {
    c.pass(10s);
    CHECK(
      c.said()
      == R"~(gangReleased {"gang":"mpi","reason":"backoff","message":"node n3 did not confirm the place of mpi.2 in time"}
)~");
  }
  SUBCASE("gone") {
    c.done(change_node_health{"n3", node_state::unhealthy});
    CHECK(count(c, "gangReleased") == 1);
    join_small(c, 4, 4);
  }
  SUBCASE("not wanted any more") {
    c.done(stop_task{{"mpi", 1}});
    CHECK(count(c, "gangReleased") == 1);
    CHECK(c.is_over("mpi"));
    return;
  }
  CHECK(c.core.find_job("mpi")->holds.empty());
  CHECK(c.given().find("n1: release mpi.0\n") != std::string::npos);
  c.check_copies();
  c.pass(5s);
  c.place();
  c.agree();
  CHECK(live(c, "mpi") == 3);
  c.check_copies();
}

TEST_CASE("a gang starts with its minimum, grows, and shrinks to it") {
  cluster_fixture c;
  join_small(c, 1, 3);
  c.submit(a_job("mpi").service().tasks(6).gang("", 3, 5));
  c.place();
  c.agree();
  CHECK(live(c, "mpi") == 3);
  join_small(c, 4, 9);
  c.place();
  CHECK(live(c, "mpi") == 5);
  CHECK(c.place() == 0);
  c.check_copies();
  // Two of five may go: the others go on, and those are replaced.
  c.done(change_node_health{"n4", node_state::unhealthy});
  c.done(change_node_health{"n5", node_state::unhealthy});
  CHECK(count(c, "gangBroken") == 0);
  c.place();
  CHECK(live(c, "mpi") == 5);
  c.check_copies();
}

TEST_CASE("members beyond the minimum run when the others have succeeded") {
  cluster_fixture c;
  join_small(c, 1, 1);
  c.submit(a_job("mpi").tasks(3).gang("", 1));
  c.place();
  c.agree();
  for (uint32_t i = 0; i < 3; ++i) {
    REQUIRE(live(c, "mpi") == 1);
    c.started({"mpi", i});
    c.ended({"mpi", i});
    c.check_copies();
    c.place();
  }
  CHECK(c.is_over("mpi"));
  CHECK(runtime::state_of(*c.core.find_job("mpi")) == job_state::succeeded);
}

TEST_CASE("a place that was kept for a member is of no use to one alone") {
  cluster_fixture c;
  join_small(c, 1, 2);
  c.submit(a_job("low").tasks(1));
  c.place();
  c.submit(a_job("mpi").tasks(2).gang("", 1).priority(5));
  c.place();
  c.agree();
  REQUIRE(live(c, "mpi") == 1);
  c.place();
  REQUIRE(c.core.find_job("mpi")->holds.size() == 1);
  // It ends for good while its second member still waits for its place.
  c.started({"mpi", 0});
  c.done(scale_job{"mpi", 2});
  c.done(stop_task{{"mpi", 0}});
  c.stopped({"mpi", 0});
  c.stopped({"low", 0});
  c.check_copies();
  c.place();
  c.agree();
  CHECK(live(c, "mpi") == 1);
  CHECK(gang_of(c).state == runtime::gang_state::running);
}

TEST_CASE("a gang that loses a member which it needs starts again whole") {
  cluster_fixture c;
  join_small(c, 1, 4);
  c.submit(a_job("mpi").tasks(3).gang());
  c.place();
  c.agree();
  for (uint32_t i = 0; i < 3; ++i)
    c.started({"mpi", i});
  c.forget_said();
  c.done(change_node_health{"n2", node_state::unhealthy});
  CHECK(gang_of(c).state == runtime::gang_state::broken);
  CHECK(c.given() == "n2: stop mpi.1\nn1: stop mpi.0\nn3: stop mpi.2\n");
  c.place();
  c.stopped({"mpi", 0});
  c.place();
  CHECK(gang_of(c).state == runtime::gang_state::broken);
  c.check_copies();
  c.stopped({"mpi", 2});
  c.place();
  c.agree();
  CHECK(live(c, "mpi") == 3);
  CHECK(c.core.find_task({"mpi", 0})->failures == 0);
  CHECK(c.core.find_job("mpi")->past.at(0).at(0).why
        == reason::gang_incomplete);
  c.check_copies();
}

TEST_CASE("of equals, one alone is preempted rather than a gang") {
  cluster_fixture c;
  join_small(c, 1, 3);
  c.submit(a_job("mpi").tasks(2).gang());
  c.place();
  c.agree();
  c.submit(a_job("alone"));
  c.place();
  c.pass(1h);
  c.submit(a_job("high").priority(1));
  c.place();
  CHECK(c.core.find_task({"alone", 0})->stopping);
  CHECK(gang_of(c).state == runtime::gang_state::running);
}

TEST_CASE("a gang is preempted whole") {
  cluster_fixture c;
  join_small(c, 1, 3);
  c.submit(a_job("mpi").tasks(3).gang());
  c.place();
  c.agree();
  c.submit(a_job("high").priority(1));
  c.place();
  CHECK(count(c, "taskPreempted") == 1);
  CHECK(gang_of(c).state == runtime::gang_state::broken);
  for (uint32_t i = 0; i < 3; ++i)
    CHECK(c.core.find_task({"mpi", i})->stopping);
  for (uint32_t i = 0; i < 3; ++i)
    c.stopped({"mpi", i});
  c.place();
  CHECK(live(c, "high") == 1);
  CHECK(live(c, "mpi") == 0);
  c.ended({"high", 0});
  c.pass(1s);
  c.place();
  c.agree();
  CHECK(live(c, "mpi") == 3);
  c.check_copies();
}

TEST_CASE("a gang with a member that failed for good is ended") {
  cluster_fixture c;
  join_small(c, 1, 3);
  c.submit(a_job("mpi").tasks(3).gang());
  c.place();
  c.agree();
  c.started({"mpi", 0});
  c.ended({"mpi", 0}, 3);
  CHECK(c.core.find_task({"mpi", 1})->stopping);
  c.stopped({"mpi", 1});
  c.stopped({"mpi", 2});
  CHECK(c.is_over("mpi"));
  CHECK(runtime::state_of(*c.core.find_job("mpi")) == job_state::failed);
  c.check_copies();
}

TEST_CASE("two gangs that do not fit both start one after the other") {
  cluster_fixture c;
  join_small(c, 1, 3);
  c.submit(a_job("a").tasks(2).gang());
  c.submit(a_job("b").tasks(2).gang());
  c.submit(a_job("single"));
  c.place();
  c.agree();
  CHECK(live(c, "a") == 2);
  CHECK(live(c, "b") == 0);
  // A gang that waits is in nobody's way.
  CHECK(live(c, "single") == 1);
  c.ended({"a", 0});
  c.ended({"a", 1});
  c.pass(1s);
  c.place();
  c.agree();
  CHECK(live(c, "b") == 2);
  c.check_copies();
}

TEST_CASE("a gang that waits costs nothing but a few tries") {
  cluster_fixture c;
  join_small(c, 1, 2);
  size_t most = 6;
  SUBCASE("for room") {
    c.submit(a_job("other"));
    c.place();
    c.submit(a_job("mpi").tasks(2).gang());
  }
  SUBCASE("for nodes that there are not") {
    c.submit(a_job("mpi").tasks(3).gang());
    most = 1;
  }
  size_t tries = c.place();
  while (auto wake = c.core.next_wake()) {
    c.pass(*wake - c.now);
    tries += c.place();
    REQUIRE(tries < 100);
  }
  CHECK(tries == most);
}

TEST_CASE("a gang that is made to fit is looked at again") {
  cluster_fixture c;
  join_small(c, 1, 2);
  c.submit(a_job("mpi").tasks(3).gang());
  c.place();
  c.agree();
  REQUIRE(c.core.find_job("mpi")->live() == 0);
  SUBCASE("by fewer members") {
    c.done(scale_job{"mpi", 2});
  }
  SUBCASE("by smaller members") {
    c.submit(a_job("mpi").tasks(3).cpu(0.5).gang());
  }
  c.place();
  c.agree();
  CHECK(c.core.find_job("mpi")->live() >= 2);
  c.check_copies();
}

TEST_CASE("a gang does not wait for a job that no policy places") {
  cluster_fixture c;
  join_small(c, 1, 2);
  c.submit(a_job("a").scheduler("nobody").priority(5));
  c.submit(a_job("b").tasks(2).gang());
  // Found at the first look, also behind what is passed over for good.
  auto batch = c.core.next_batch(100);
  REQUIRE(batch.has_value());
  CHECK_FALSE(batch->gang.empty());
}

TEST_CASE("gangs do not gather anew when a controller takes over") {
  cluster_fixture c;
  join_small(c, 1, 2);
  c.submit(a_job("a").gang("g"));
  c.submit(a_job("b").gang("g"));
  c.pass(1500ms);
  CHECK(c.place() == 0);
  cluster_fixture next;
  next.begin_with(c);
  next.done(take_lead{"next", "1"});
  next.pass(600ms);
  next.place();
  CHECK(next.core.gangs().at("g").state == runtime::gang_state::reserving);
}

} // namespace troupe
