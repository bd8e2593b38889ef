// What becomes of the tasks of nodes that fall silent or do harm.

#include "tests/unit/cluster_fixture.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

void start_all(cluster_fixture& c) {
  c.place();
  for (auto& [name, job] : c.core.jobs())
    for (uint32_t i = 0; i < job.tasks.size(); ++i)
      if (job.tasks[i].state == task_state::placed)
        c.started({name, i});
}

void silence(cluster_fixture& c, const std::string& node) {
  c.done(change_node_health{node, node_state::unhealthy});
}

std::string name(int i) {
  return "n" + std::to_string(i);
}

/// `n` nodes, each with one task of the service `web`.
void one_each(cluster_fixture& c, int n) {
  for (auto i = 0; i < n; ++i)
    c.join(a_node(name(i)).cpu(4));
  c.submit(
    a_job("web").service().tasks(static_cast<uint32_t>(n)).strategy("spread"));
  start_all(c);
  for (auto i = 0; i < n; ++i)
    REQUIRE(c.core.find_node(name(i))->allocations.size() == 1);
}

} // namespace

TEST_CASE("what has started is not said to start when it succeeds while its "
          "node is silent") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("sum").replace_after(120s));
  start_all(c);
  silence(c, "n1");
  REQUIRE(c.state_of({"sum", 0}) == task_state::lost);
  c.said();
  c.ended({"sum", 0});
  CHECK(c.said().find("taskStarted") == std::string::npos);
  CHECK(c.state_of({"sum", 0}) == task_state::succeeded);
}

TEST_CASE("a job may wait for a task whose node is silent") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("db").service().replace_after(120s));
  start_all(c);
  c.join(a_node("n2"));
  silence(c, "n1");
  CHECK(c.state_of({"db", 0}) == task_state::lost);
  CHECK(c.core.find_job("db")->in_state(task_state::lost) == 1);
  c.check_copies();
  SUBCASE("it is back in time") {
    c.pass(119s);
    c.done(change_node_health{"n1", node_state::ready});
    CHECK(c.state_of({"db", 0}) == task_state::running);
    CHECK(c.core.find_task({"db", 0})->attempt == 1);
    CHECK(c.core.find_node("n1")->strays.empty());
  }
  SUBCASE("it is not") {
    c.pass(120s);
    c.place();
    CHECK(c.node_of({"db", 0}) == "n2");
    CHECK(c.core.find_job("db")->past.at(0).at(0).state == task_state::lost);
  }
  SUBCASE("it waits for longer than nodes are kept") {
    c.done(change_node_health{"n1", node_state::removed});
    REQUIRE(c.core.find_node("n1") != nullptr);
    c.pass(120s);
    CHECK(c.core.find_node("n1") == nullptr);
    c.place();
    CHECK(c.node_of({"db", 0}) == "n2");
  }
  SUBCASE("a new leader remembers") {
    runtime::cluster restored;
    REQUIRE(
      cluster_fixture::read_image(restored, cluster_fixture::image_of(c.core))
      == "");
    REQUIRE(restored.decide(take_lead{"b", ""}, c.now + 60s));
    restored.advance(c.now + 60s);
    CHECK(restored.find_task({"db", 0})->state == task_state::lost);
    restored.advance(c.now + 120s);
    CHECK(restored.find_task({"db", 0})->state == task_state::pending);
  }
  c.check_copies();
}

TEST_CASE("when most nodes fall silent together nothing is placed anew") {
  cluster_fixture c;
  one_each(c, 7);
  // Before that is known, a few are given up.
  for (auto i = 0; i < 3; ++i)
    silence(c, name(i));
  CHECK(c.core.find_job("web")->in_state(task_state::lost) == 0);
  for (auto i = 3; i < 6; ++i)
    silence(c, name(i));
  CHECK(c.core.find_job("web")->in_state(task_state::lost) == 3);
  c.pass(200s);
  CHECK(c.core.find_job("web")->in_state(task_state::lost) == 3);
  c.check_copies();
  SUBCASE("those that come back have what they had") {
    for (auto i = 3; i < 6; ++i)
      c.done(change_node_health{name(i), node_state::ready});
    CHECK(c.core.find_job("web")->in_state(task_state::lost) == 0);
    CHECK(c.core.find_node("n4")->allocations.size() == 1);
  }
  SUBCASE("once most are back, the others have a while, and are given up") {
    for (auto i = 0; i < 3; ++i)
      c.done(change_node_health{name(i), node_state::ready});
    c.pass(29s);
    c.done(change_node_health{"n3", node_state::ready});
    CHECK(c.core.find_job("web")->in_state(task_state::lost) == 2);
    CHECK(c.core.find_node("n3")->allocations.size() == 1);
    c.check_copies();
    c.pass(1s);
    CHECK(c.core.find_job("web")->in_state(task_state::lost) == 0);
    CHECK(c.core.find_node("n4")->allocations.empty());
  }
  SUBCASE("those that are removed are given up") {
    c.done(change_node_health{"n4", node_state::removed});
    CHECK(c.core.find_node("n4") == nullptr);
    CHECK(c.core.find_job("web")->in_state(task_state::lost) == 2);
  }
  c.check_copies();
}

TEST_CASE("many nodes are given up one after another") {
  cluster_fixture c{{.losses_min = 2, .losses_share = 0.1}};
  one_each(c, 12);
  for (auto i = 0; i < 5; ++i)
    silence(c, name(i));
  CHECK(c.core.find_job("web")->in_state(task_state::lost) == 3);
  c.pass(30s);
  CHECK(c.core.find_job("web")->in_state(task_state::lost) == 1);
  c.pass(30s);
  CHECK(c.core.find_job("web")->in_state(task_state::lost) == 0);
  c.check_copies();
}

TEST_CASE("a task that failed on a node goes there again only if it must") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("web").service());
  start_all(c);
  c.join(a_node("n2"));
  c.ended({"web", 0}, 1);
  c.check_copies();
  c.pass(1s);
  SUBCASE("there is another") {
    c.place();
    CHECK(c.node_of({"web", 0}) == "n2");
  }
  SUBCASE("there is none") {
    c.done(cordon_node{"n2", true});
    c.place();
    CHECK(c.node_of({"web", 0}) == "n1");
    CHECK(c.state_of({"web", 0}) == task_state::placed);
  }
  CHECK(c.core.find_job("web")->avoid.empty());
  c.check_copies();
}

// -- quarantine --------------------------------------------------------------

TEST_CASE("a node where tasks fail that run well elsewhere is left alone") {
  cluster_fixture c;
  c.join(a_node("bad"));
  for (auto* x : {"a", "b", "c"})
    c.submit(a_job(x).service());
  start_all(c);
  c.join(a_node("good").cpu(8));
  for (auto* x : {"a", "b"}) {
    c.ended({x, 0}, 1);
    c.pass(60s);
    start_all(c);
    REQUIRE(c.node_of({x, 0}) == "good");
    c.pass(60s);
  }
  c.forget_said();
  c.ended({"c", 0}, 1);
  REQUIRE(c.core.find_node("bad")->quarantine.active);
  CHECK(c.said().find("fail there and run well on other nodes")
        != std::string::npos);
  c.check_copies();
  // Nothing goes there, until it may be tried.
  c.done(cordon_node{"good", true});
  c.pass(59s);
  c.submit(a_job("probe").tasks(2));
  c.place();
  CHECK(c.core.find_node("bad")->allocations.empty());
  c.pass(1s);
  c.place();
  // One at a time.
  REQUIRE(c.core.find_node("bad")->allocations.size() == 1);
  auto [job, index] = c.core.find_node("bad")->allocations.begin()->second;
  task_ref tried{job->name, index};
  c.started(tried);
  SUBCASE("it runs well") {
    c.pass(30s);
    CHECK_FALSE(c.core.find_node("bad")->quarantine.active);
    c.place();
    CHECK(c.core.find_node("bad")->allocations.size() > 1);
  }
  SUBCASE("it ends well") {
    if (tried.job != "probe")
      return;
    c.ended(tried);
    c.pass(60s);
    CHECK_FALSE(c.core.find_node("bad")->quarantine.active);
  }
  SUBCASE("it fails") {
    c.ended(tried, 1);
    CHECK(c.core.find_node("bad")->quarantine.active);
    CHECK(c.core.find_node("bad")->quarantine.probe_at == c.now + 120s);
    c.pass(119s);
    c.place();
    CHECK(c.core.find_node("bad")->allocations.empty());
  }
  c.check_copies();
}

TEST_CASE("jobs that fail everywhere speak against no node") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.join(a_node("n2"));
  for (auto* x : {"a", "b", "c", "d"})
    c.submit(a_job(x).service());
  for (auto round = 0; round < 4; ++round) {
    start_all(c);
    for (auto* x : {"a", "b", "c", "d"})
      if (c.state_of({x, 0}) == task_state::running)
        c.ended({x, 0}, 1);
    c.pass(300s);
  }
  CHECK_FALSE(c.core.find_node("n1")->quarantine.active);
  CHECK_FALSE(c.core.find_node("n2")->quarantine.active);
}

namespace {

/// Ten nodes in each of three regions, and a service that is even over them.
struct three_regions : cluster_fixture {
  three_regions() {
    for (auto* region : {"east", "north", "west"})
      for (auto i = 0; i < 10; ++i)
        join(a_node(region + std::to_string(i))
               .cpu(4)
               .label_of("region", region)
               .label_of("zone", region + std::to_string(i % 2)));
    submit(a_job("web").service().tasks(30).cpu(1).spread_by("region"));
    start_all(*this);
  }

  void lose(const std::string& region) {
    for (auto i = 0; i < 10; ++i)
      silence(*this, region + std::to_string(i));
  }

  uint32_t running_in(const std::string& region) const {
    uint32_t result = 0;
    for (auto& [name, node] : core.nodes())
      if (name.starts_with(region))
        result += static_cast<uint32_t>(node.allocations.size());
    return result;
  }
};

} // namespace

TEST_CASE("the work of a region that is lost moves to the others at once") {
  three_regions c;
  for (auto* region : {"east", "north", "west"})
    REQUIRE(c.running_in(region) == 10);
  c.lose("east");
  c.place();
  CHECK(c.core.find_job("web")->in_state(task_state::lost) == 0);
  CHECK(c.running_in("east") == 0);
  CHECK(c.running_in("north") == 15);
  CHECK(c.running_in("west") == 15);
  SUBCASE("of two regions it is the network that is broken") {
    c.lose("west");
    CHECK(c.core.is_braked());
    CHECK(c.core.find_job("web")->in_state(task_state::lost) > 0);
  }
  SUBCASE("and what comes later is even over those that are there") {
    for (auto i = 0; i < 10; ++i)
      c.done(join_node{
        a_node("east" + std::to_string(i)).cpu(4).label_of("region", "east"),
        std::vector<task_report>{}});
    c.pass(60s);
    c.submit(a_job("api").service().tasks(9).cpu(0.5).spread_by("region"));
    start_all(c);
    CHECK(c.running_in("east") == 3);
  }
}

TEST_CASE(
  "what is bound to a region that is lost waits, and what only prefers it "
  "moves") {
  three_regions c;
  c.submit(a_job("bound").service().tasks(4).cpu(1).requires_label("region",
                                                                   {"east"}));
  job_spec rather = *job_spec_ptr{a_job("rather").service().tasks(4).cpu(1)};
  rather.preferences = {{"region", "east", 50}};
  c.submit(std::make_shared<const job_spec>(rather));
  start_all(c);
  REQUIRE(c.running_in("east") == 18);
  c.lose("east");
  c.place();
  CHECK(c.core.find_job("bound")->in_state(task_state::pending) == 4);
  CHECK(c.core.find_job("rather")->live() == 4);
  CHECK(c.running_in("east") == 0);
}

TEST_CASE(
  "a part of each region is no region: it is given up a few at a time") {
  three_regions c;
  for (auto i = 0; i < 4; ++i)
    for (auto* region : {"east", "north", "west"})
      silence(c, region + std::to_string(i));
  CHECK(c.core.find_job("web")->in_state(task_state::lost) == 6);
  c.pass(31s);
  CHECK(c.core.find_job("web")->in_state(task_state::lost) == 0);
}

} // namespace troupe
