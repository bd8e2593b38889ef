// How the members of a service are replaced, and what takes them back.

#include "runtime/cluster/versions.hpp"

#include "tests/unit/cluster_fixture.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

/// Places what waits and says that all that is placed runs; stops what shall
/// stop. Goes on until nothing more follows.
void obey(cluster_fixture& c) {
  for (auto more = true; more;) {
    more = c.place() > 0;
    std::vector<task_ref> starting;
    std::vector<task_ref> stopping;
    for (auto& [name, job] : c.core.jobs())
      for (uint32_t i = 0; i < job.tasks.size(); ++i) {
        auto& task = job.tasks[i];
        if (holds_capacity(task.state) && task.stopping)
          stopping.push_back({name, i});
        else if (task.state == task_state::placed)
          starting.push_back({name, i});
      }
    for (auto& x : stopping)
      c.stopped(x);
    for (auto& x : starting)
      c.started(x);
    more = more || !starting.empty() || !stopping.empty();
  }
}

uint32_t serving(const cluster_fixture& c, const char* job) {
  return c.core.find_job(job)->serving();
}

void healthy(cluster_fixture& c, const task_ref& x,
             task_health health = task_health::healthy) {
  auto report = a_report{c.item_of(x), task_state::running};
  task_report y = report;
  y.health = health;
  c.report(c.node_of(x), y);
}

uint32_t version_of(const cluster_fixture& c, const task_ref& x) {
  return c.core.find_task(x)->job_version;
}

/// A service of version 1 that runs well.
cluster_fixture& settled(cluster_fixture& c, const job_spec_ptr& x) {
  c.join(a_node("n1").cpu(8));
  c.join(a_node("n2").cpu(8));
  c.submit(x);
  obey(c);
  c.pass(10s);
  CHECK(c.core.find_job(x->name)->settled_version == 1);
  return c;
}

} // namespace

TEST_CASE(
  "a service is settled once all its members have run for long enough") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("web").service().tasks(2));
  c.place();
  c.started({"web", 0});
  c.pass(10s);
  c.started({"web", 1});
  c.pass(9s);
  CHECK(c.core.find_job("web")->settled_version == 0);
  c.forget_said();
  c.pass(1s);
  CHECK(c.said() == "jobSettled {\"job\":\"web\",\"jobVersion\":1}\n");
  c.check_copies();
}

TEST_CASE("a single member is replaced only once another one stands in") {
  cluster_fixture c;
  settled(c, a_job("web").service());
  c.submit(a_job("web").service().command({"new"}));
  CHECK(c.core.find_job("web")->extra == 1);
  c.place();
  CHECK_FALSE(c.core.find_task({"web", 0})->stopping);
  c.started({"web", 1});
  c.pass(9s);
  CHECK_FALSE(c.core.find_task({"web", 0})->stopping);
  c.check_copies();
  c.pass(1s);
  CHECK(c.core.find_task({"web", 0})->stopping);
  obey(c);
  CHECK(version_of(c, {"web", 0}) == 2);
  CHECK(serving(c, "web") == 2);
  c.pass(10s);
  obey(c);
  CHECK(c.core.find_job("web")->tasks.size() == 1);
  CHECK(c.core.find_job("web")->extra == 0);
  CHECK(c.core.find_job("web")->settled_version == 2);
  c.check_copies();
}

TEST_CASE("a member that cannot be stood in for is replaced without") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("web").service().port("http", 80, 8'080));
  obey(c);
  c.pass(10s);
  c.submit(a_job("web").service().port("http", 80, 8'080).command({"new"}));
  c.place();
  CHECK(c.core.find_task({"web", 0})->stopping);
  obey(c);
  c.pass(10s);
  obey(c);
  CHECK(version_of(c, {"web", 0}) == 2);
  CHECK(c.core.find_job("web")->extra == 0);
  CHECK(c.core.find_job("web")->tasks.size() == 1);
  c.check_copies();
}

TEST_CASE("a member is not stopped for one that fits nowhere") {
  cluster_fixture c;
  c.join(a_node("n1").cpu(2));
  c.submit(a_job("web").service().cpu(1));
  obey(c);
  c.pass(10s);
  SUBCASE("since it needs too much") {
    c.submit(a_job("web").service().cpu(3));
  }
  SUBCASE("since its node is closed") {
    c.done(cordon_node{"n1", true});
    c.submit(a_job("web").service().cpu(1).command({"new"}));
  }
  obey(c);
  c.pass(60s);
  obey(c);
  CHECK(serving(c, "web") == 1);
  CHECK(version_of(c, {"web", 0}) == 1);
  c.check_copies();
}

TEST_CASE("who may never be missed is not stopped before somebody stands in") {
  cluster_fixture c;
  c.join(a_node("n1").cpu(2));
  c.submit(a_job("web").service().tasks(4).cpu(0.5).at_once(0));
  obey(c);
  c.pass(10s);
  c.submit(
    a_job("web").service().tasks(4).cpu(0.5).at_once(0).command({"new"}));
  obey(c);
  c.pass(60s);
  obey(c);
  CHECK(serving(c, "web") == 4);
  for (uint32_t i = 0; i < 4; ++i)
    CHECK(version_of(c, {"web", i}) == 1);
  c.join(a_node("n2").cpu(2));
  auto least = serving(c, "web");
  for (auto i = 0; i < 30; ++i) {
    c.pass(5s);
    obey(c);
    least = std::min(least, serving(c, "web"));
  }
  CHECK(least == 4);
  CHECK(c.core.find_job("web")->settled_version == 2);
  c.check_copies();
}

TEST_CASE("an update never leaves fewer serving than it may") {
  cluster_fixture c;
  settled(c, a_job("web").service().tasks(5));
  c.submit(a_job("web").service().tasks(5).command({"new"}));
  auto least = serving(c, "web");
  for (auto i = 0; i < 30; ++i) {
    c.pass(5s);
    obey(c);
    least = std::min(least, serving(c, "web"));
  }
  CHECK(least >= 4);
  for (uint32_t i = 0; i < 5; ++i)
    CHECK(version_of(c, {"web", i}) == 2);
  CHECK(c.core.find_job("web")->settled_version == 2);
  CHECK(c.core.find_job("web")->tasks.size() == 5);
  c.check_copies();
}

TEST_CASE("a checked member serves only while it is healthy") {
  cluster_fixture c;
  c.join(a_node("n1"));
  auto spec = a_job("web").service().tasks(2).checked();
  c.submit(spec);
  c.place();
  c.started({"web", 0});
  c.started({"web", 1});
  CHECK(serving(c, "web") == 0);
  CHECK(runtime::state_of(*c.core.find_job("web")) == job_state::pending);
  healthy(c, {"web", 0});
  CHECK(runtime::state_of(*c.core.find_job("web")) == job_state::degraded);
  healthy(c, {"web", 1});
  CHECK(runtime::state_of(*c.core.find_job("web")) == job_state::running);
  c.pass(10s);
  CHECK(c.core.find_job("web")->settled_version == 1);
  healthy(c, {"web", 1}, task_health::unhealthy);
  CHECK(runtime::state_of(*c.core.find_job("web")) == job_state::degraded);
  c.check_copies();
}

TEST_CASE("a version that does not run well is taken back") {
  cluster_fixture c;
  settled(c, a_job("web").service().tasks(3));
  c.submit(a_job("web").service().tasks(3).command({"bad"}));
  obey(c);
  auto& job = *c.core.find_job("web");
  uint32_t bad = 0;
  while (version_of(c, {"web", bad}) != 2)
    ++bad;
  c.forget_said();
  c.ended({"web", bad}, 3);
  CHECK(job.job_version == 3);
  CHECK(job.rolled_back_to == 1);
  CHECK(job.spec->command.empty());
  CHECK(c.said().find("back to version 1") != std::string::npos);
  for (auto i = 0; i < 20; ++i) {
    c.pass(5s);
    obey(c);
  }
  CHECK(job.tasks.size() == 3);
  CHECK(job.in_state(task_state::running) == 3);
  CHECK(job.settled_version == 3);
  c.check_copies();
  // A version that had been good is not taken back for a later failure.
  c.ended({"web", 0}, 3);
  CHECK(job.job_version == 3);
  // What was before is the same: there is nothing better to go back to.
  CHECK(c.ask(rollback_job{"web"}).error().kind == refusal_kind::conflict);
}

TEST_CASE("who goes back after that gets another version, not the same again") {
  cluster_fixture c;
  settled(c, a_job("web").service().command({"first"}));
  auto& job = *c.core.find_job("web");
  auto run = [&] {
    for (auto i = 0; i < 10; ++i) {
      obey(c);
      c.pass(10s);
    }
  };
  c.submit(a_job("web").service().command({"second"}));
  run();
  c.submit(a_job("web").service().command({"bad"}));
  obey(c);
  c.ended({"web", 1}, 3);
  run();
  REQUIRE(job.rolled_back_to == 2);
  REQUIRE(job.spec->command == std::vector<std::string>{"second"});
  c.done(rollback_job{"web"});
  CHECK(job.spec->command == std::vector<std::string>{"first"});
  c.check_copies();
}

TEST_CASE("who goes back from another count gets the one before") {
  cluster_fixture c;
  settled(c, a_job("web").service().tasks(2));
  c.submit(a_job("web").service().tasks(3));
  obey(c);
  CHECK(serving(c, "web") == 3);
  c.done(rollback_job{"web"});
  obey(c);
  CHECK(c.core.find_job("web")->count == 2);
  CHECK(serving(c, "web") == 2);
  c.done(rollback_job{"web"});
  obey(c);
  CHECK(serving(c, "web") == 3);
  c.check_copies();
}

TEST_CASE("what is shown of a scaled job changes nothing when submitted") {
  cluster_fixture c;
  settled(c, a_job("web").service().tasks(2));
  c.done(scale_job{"web", 3});
  auto shown = runtime::spec_now(*c.core.find_job("web"));
  CHECK(shown.count == 3);
  c.submit(std::make_shared<const job_spec>(shown));
  CHECK(c.core.find_job("web")->job_version == 1);
  c.submit(a_job("web").service().tasks(2));
  CHECK(c.core.find_job("web")->count == 2);
  CHECK(c.core.find_job("web")->job_version == 2);
}

TEST_CASE(
  "nothing is taken back if there is nothing good, or nobody wants it") {
  cluster_fixture c;
  SUBCASE("the first version") {
    c.join(a_node("n1"));
    c.submit(a_job("web").service());
    obey(c);
    c.ended({"web", 0}, 3);
    CHECK(c.core.find_job("web")->job_version == 1);
  }
  SUBCASE("it is switched off") {
    settled(c, a_job("web").service());
    c.submit(a_job("web").service().command({"bad"}).no_rollback());
    obey(c);
    c.ended({"web", 1}, 3);
    CHECK(c.core.find_job("web")->job_version == 2);
  }
  SUBCASE("its node was lost") {
    settled(c, a_job("web").service());
    c.submit(a_job("web").service().command({"good"}));
    obey(c);
    c.done(change_node_health{c.node_of({"web", 1}), node_state::unhealthy});
    CHECK(c.core.find_job("web")->job_version == 2);
  }
}

TEST_CASE("a user goes back, and back again") {
  cluster_fixture c;
  c.join(a_node("n1"));
  CHECK(c.ask(rollback_job{"web"}).error().kind == refusal_kind::not_found);
  c.submit(a_job("web").service().tasks(2));
  CHECK(c.ask(rollback_job{"web"}).error().kind == refusal_kind::conflict);
  obey(c);
  c.pass(10s);
  c.submit(a_job("web").service().tasks(2).command({"new"}));
  for (auto i = 0; i < 10; ++i) {
    obey(c);
    c.pass(10s);
  }
  c.done(scale_job{"web", 3});
  auto& job = *c.core.find_job("web");
  CHECK(c.done(rollback_job{"web"}).jobs.at(0).version == 3);
  CHECK(job.spec->command.empty());
  CHECK(job.count == 3);
  c.done(rollback_job{"web"});
  CHECK(job.spec->command == std::vector<std::string>{"new"});
  c.check_copies();
}

TEST_CASE("a new leader goes on with an update") {
  cluster_fixture c;
  settled(c, a_job("web").service());
  c.submit(a_job("web").service().command({"new"}));
  c.place();
  c.started({"web", 1});
  runtime::cluster restored;
  REQUIRE(
    cluster_fixture::read_image(restored, cluster_fixture::image_of(c.core))
    == "");
  auto led = restored.decide(take_lead{"b", ""}, c.now);
  REQUIRE(led);
  REQUIRE(restored.next_wake());
  CHECK(*restored.next_wake() == c.now + 10s);
  restored.advance(c.now + 10s);
  CHECK(restored.find_task({"web", 0})->stopping);
}

// -- drains ------------------------------------------------------------------

TEST_CASE(
  "a drain moves services once somebody stands in, and lets batch end") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("web").service());
  c.submit(a_job("sum"));
  obey(c);
  c.pass(10s);
  c.join(a_node("n2"));
  c.done(drain_node{"n1", 600s});
  CHECK(c.core.find_node("n1")->eligibility == node_eligibility::draining);
  for (auto i = 0; i < 6; ++i) {
    obey(c);
    CHECK(serving(c, "web") >= 1);
    c.pass(10s);
  }
  CHECK(c.node_of({"web", 0}) == "n2");
  CHECK(c.core.find_job("web")->tasks.size() == 1);
  CHECK(c.state_of({"sum", 0}) == task_state::running);
  CHECK(c.node_of({"sum", 0}) == "n1");
  c.check_copies();
  SUBCASE("it ends in time") {
    c.forget_said();
    c.ended({"sum", 0});
    CHECK(c.said().find("nodeDrained") != std::string::npos);
  }
  SUBCASE("the deadline comes") {
    c.pass(600s);
    obey(c);
    CHECK(c.node_of({"sum", 0}) == "n2");
    // It is nobody's fault, so it uses up no retry.
    CHECK(c.core.find_task({"sum", 0})->failures == 0);
  }
  CHECK(c.core.find_node("n1")->eligibility == node_eligibility::drained);
  c.check_copies();
  c.submit(a_job("more").tasks(8));
  c.place();
  CHECK(c.core.find_node("n1")->allocations.empty());
  c.done(cordon_node{"n1", false});
  c.place();
  CHECK_FALSE(c.core.find_node("n1")->allocations.empty());
}

TEST_CASE("an empty node is drained at once") {
  cluster_fixture c;
  c.join(a_node("n1"));
  CHECK(c.ask(drain_node{"n9"}).error().kind == refusal_kind::not_found);
  c.done(drain_node{"n1"});
  CHECK(c.core.find_node("n1")->eligibility == node_eligibility::drained);
  c.check_copies();
}

TEST_CASE("a drain that is called off leaves what has not moved") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("web").service());
  obey(c);
  c.pass(10s);
  c.done(drain_node{"n1"});
  CHECK(c.core.find_job("web")->extra == 1);
  c.done(cordon_node{"n1", false});
  obey(c);
  c.pass(10s);
  obey(c);
  CHECK(c.core.find_job("web")->extra == 0);
  CHECK(c.node_of({"web", 0}) == "n1");
  CHECK(c.core.find_task({"web", 0})->attempt == 1);
  c.check_copies();
}

TEST_CASE("a new leader goes on with a drain") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("sum"));
  obey(c);
  c.done(drain_node{"n1", 60s});
  runtime::cluster restored;
  REQUIRE(
    cluster_fixture::read_image(restored, cluster_fixture::image_of(c.core))
    == "");
  REQUIRE(restored.decide(take_lead{"b", ""}, c.now));
  restored.advance(c.now + 59s);
  CHECK_FALSE(restored.find_task({"sum", 0})->stopping);
  restored.advance(c.now + 60s);
  CHECK(restored.find_task({"sum", 0})->stopping);
}

TEST_CASE("what concerns no task leaves those that run alone") {
  cluster_fixture c;
  settled(c, a_job("web").service().tasks(2));
  c.forget_said();
  SUBCASE("how many there are") {
    c.submit(a_job("web").service().tasks(3));
    obey(c);
    CHECK(c.core.find_job("web")->live() == 3);
    c.submit(a_job("web").service().tasks(1));
    obey(c);
    CHECK(c.core.find_job("web")->live() == 1);
    CHECK(c.core.find_job("web")->job_version == 3);
  }
  SUBCASE("its priority, and how it is replaced") {
    c.submit(a_job("web").service().tasks(2).priority(5).surge(0));
    obey(c);
    CHECK(c.core.find_job("web")->job_version == 2);
    CHECK(c.core.find_task({"web", 1})->attempt == 1);
  }
  CHECK(c.core.find_task({"web", 0})->attempt == 1);
  CHECK(c.said().find("taskRequeued") == std::string::npos);
  c.check_copies();
  // What follows is replaced as ever.
  c.submit(a_job("web").service().tasks(1).command({"new"}));
  for (auto i = 0; i < 5; ++i) {
    obey(c);
    c.pass(10s);
  }
  CHECK(c.core.find_task({"web", 0})->attempt == 2);
  c.check_copies();
}

TEST_CASE(
  "a bad version is taken back to one that served, if none had the time "
  "to prove itself") {
  cluster_fixture c;
  c.join(a_node("n1").cpu(8));
  c.submit(a_job("web").service().command({"good"}));
  obey(c);
  c.pass(1s);
  c.submit(a_job("web").service().command({"bad"}).surge(0));
  obey(c);
  REQUIRE(version_of(c, {"web", 0}) == 2);
  c.ended({"web", 0}, 1);
  CHECK(c.core.find_job("web")->rolled_back_to == 1);
  CHECK(c.core.find_job("web")->spec->command
        == std::vector<std::string>{"good"});
  c.check_copies();
}

} // namespace troupe
