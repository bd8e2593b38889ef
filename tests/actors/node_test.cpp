#include <caf/all.hpp>
#include <doctest/doctest.h>

#include "runtime/log.hpp"

#include "actors/node.hpp"

#include "tests/virtual_world/world.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::test;

namespace {

/// The actor of node `a`, among fakes.
struct stage {
  virtual_world world;
  scheduler_actor scheduler;
  agent_actor agent;
  /// Sends heartbeats and hellos for the machine.
  caf::actor machine;
  node_actor aut;
  bool ended = false;
  /// What the scheduler answers.
  std::optional<refusal> refused;
  std::vector<work_item> open_work;
  /// What the machine says that it is.
  std::string identity;
  /// What the machine says that it knows.
  std::vector<task_report> inventory;
  std::vector<node_state> health;
  /// Sessions that the agent was given.
  std::vector<session_actor> sessions;
  std::shared_ptr<runtime::cluster_log_level> log_level
    = std::make_shared<runtime::cluster_log_level>();

  explicit stage(uint64_t seed = 0) : world(seed) {
    scheduler = world.fake<scheduler_actor>(
      "scheduler", [this](caf::event_based_actor*) -> caf::behavior {
        return {
          [this](const run_command& x) {
            if (auto* y = std::get_if<change_node_health>(&x.what))
              health.push_back(y->state);
            command_answer result;
            result.done.term = 3;
            result.refused = refused;
            return result;
          },
          [this](const list_work&) { return work_batch{open_work}; },
        };
      });
    agent = world.fake<agent_actor>(
      "agent", [this](caf::event_based_actor*) -> caf::behavior {
        return {
          [this](const attach_session& x) { sessions.push_back(x.session); }};
      });
    machine = world.fake<caf::actor>("machine");
    node_actor_options options;
    options.log_level = log_level;
    options.local_agents = std::make_shared<agent_directory>();
    options.local_agents->put("a", agent);
    aut = world.system().spawn(node, "a", options, scheduler);
    aut->attach_functor([this](const caf::error&) { ended = true; });
    world.settle();
  }

  ~stage() { world.end(); }

  /// Lets the machine say hello.
  std::shared_ptr<const answer<node_welcome>> hello() {
    auto result = std::make_shared<answer<node_welcome>>();
    auto client
      = world.system().spawn([=, known = inventory, own = identity, to = aut,
                              from = caf::actor_cast<caf::strong_actor_ptr>(
                                machine)](caf::event_based_actor* self) {
          node_hello x;
          x.profile.name = "a";
          x.inventory = known;
          x.identity = own;
          x.place = "box:/" + own;
          self->request(to, caf::infinite, x, from)
            .then([result](node_welcome& y) { result->value = y; },
                  [result](caf::error& y) { result->failure = y; });
        });
    world.name(client, "join");
    return result;
  }

  void join() {
    auto answer = hello();
    world.settle();
    REQUIRE(answer->value);
    REQUIRE(answer->value->refused.empty());
  }

  void beat() {
    caf::anon_send(aut, heartbeat{"a", {}, {}});
    world.settle();
  }

  void assign(uint64_t allocation) {
    caf::anon_send(aut, assigned_work{"a", {start(allocation)}});
    world.settle();
  }

  static work_item start(uint64_t allocation) {
    work_item result;
    result.task = {"job-" + std::to_string(allocation), 0};
    result.attempt = 1;
    result.allocation = {allocation};
    return result;
  }

  /// Work that reached the agent since the transcript was forgotten.
  size_t given(const std::string& job) {
    size_t result = 0;
    for (auto& x : world.lines())
      if (x.starts_with("session -> agent: work_batch")
          && x.find(job) != std::string::npos)
        ++result;
    return result;
  }
};

using states = std::vector<node_state>;

} // namespace

TEST_CASE("a node is unhealthy after thirty seconds without a heartbeat") {
  stage s;
  s.join();
  s.world.pass(30s);
  CHECK(s.health.empty());
  s.world.pass(1s);
  CHECK(s.health == states{node_state::unhealthy});
}

TEST_CASE("heartbeats keep a node healthy, and are passed on") {
  stage s;
  s.join();
  for (int i = 0; i < 20; ++i) {
    s.world.pass(25s);
    s.beat();
  }
  CHECK(s.health.empty());
}

TEST_CASE("an unhealthy node is back with its next heartbeat") {
  stage s;
  s.join();
  s.world.pass(60s);
  s.beat();
  CHECK(s.health == states{node_state::unhealthy, node_state::ready});
}

TEST_CASE("a node that stays silent for five more minutes is removed and its "
          "actor ends") {
  stage s;
  s.join();
  s.world.pass(330s);
  CHECK_FALSE(s.ended);
  s.world.pass(2s);
  CHECK(s.health == states{node_state::unhealthy, node_state::removed});
  CHECK(s.ended);
}

TEST_CASE("a hello that the scheduler refuses is answered with its sentence") {
  stage s;
  s.refused = refusal{refusal_kind::conflict, "install the same version", {}};
  auto answer = s.hello();
  s.world.settle();
  REQUIRE(answer->value);
  CHECK(answer->value->refused == "install the same version");
  CHECK_FALSE(answer->value->try_again);
  CHECK(s.sessions.empty());
}

TEST_CASE(
  "a wish for a log level reaches a machine once, and again after it has "
  "joined anew") {
  stage s;
  s.join();
  auto level = runtime::log::level();
  auto told = [&] {
    s.world.pass(2s);
    auto result = s.world.count_said("session: set_log_level(" + level + ')');
    s.world.forget_transcript();
    return result;
  };
  CHECK(told() == 0);
  s.log_level->ask_for(level);
  CHECK(told() == 1);
  CHECK(told() == 0);
  // Somebody may have said something else there meanwhile.
  s.log_level->ask_for(level);
  CHECK(told() == 1);
  s.join();
  CHECK(told() == 1);
}

TEST_CASE("a second hello ends the session of the first") {
  stage s;
  s.join();
  auto first = s.sessions.at(0);
  auto gone = s.world.end_of(first);
  s.join();
  CHECK(*gone);
  CHECK(s.sessions.size() == 2);
}

TEST_CASE("another machine is refused a name in use, and nothing changes") {
  stage s;
  s.identity = "one";
  s.join();
  auto session = s.sessions.at(0);
  auto gone = s.world.end_of(session);
  s.identity = "two";
  auto answer = s.hello();
  s.world.settle();
  REQUIRE(answer->value);
  CHECK(
    answer->value->refused
    == "the name \"a\" is in use by a node that is alive, at box:/one: give "
       "this one another --name, or stop that one");
  CHECK_FALSE(answer->value->try_again);
  CHECK_FALSE(*gone);
  CHECK(s.sessions.size() == 1);
}

TEST_CASE("the machine that has a name joins again at once") {
  stage s;
  s.identity = "one";
  s.join();
  SUBCASE("though its connection seems to be there") {}
  SUBCASE("after its connection was lost") {
    s.world.kill(s.sessions.back());
    s.world.settle();
  }
  s.join();
  CHECK(s.sessions.size() == 2);
}

TEST_CASE("a name goes to another machine once the one before is unhealthy") {
  stage s;
  s.identity = "one";
  s.join();
  s.world.pass(20s);
  s.world.kill(s.sessions.back());
  s.world.settle();
  s.identity = "two";
  auto answer = s.hello();
  s.world.settle();
  REQUIRE(answer->value);
  CHECK(answer->value->refused.find("once that is unhealthy")
        != std::string::npos);
  CHECK(answer->value->try_again);
  // What was refused is no sign of life of the one that has the name.
  s.world.pass(11s);
  CHECK(s.health == states{node_state::unhealthy});
  s.join();
  CHECK(s.sessions.size() == 2);
  s.identity = "one";
  answer = s.hello();
  s.world.settle();
  REQUIRE(answer->value);
  CHECK_FALSE(answer->value->try_again);
}

TEST_CASE("machines of an earlier version tell no identity and join as ever") {
  stage s;
  s.join();
  s.identity = "one";
  s.join();
  s.identity = "";
  s.join();
  CHECK(s.sessions.size() == 3);
}

TEST_CASE(
  "a hello that was overtaken by what came of the one before is refused "
  "once") {
  stage s;
  s.join();
  task_report running;
  running.task = {"web", 0};
  running.allocation = {7};
  running.state = task_state::running;
  running.sequence = 1;
  caf::anon_send(s.aut, report_batch{{running}});
  s.world.settle();
  SUBCASE("unless it knows of it") {
    s.inventory = {running};
    s.join();
  }
  SUBCASE("unless that has ended") {
    running.state = task_state::failed;
    caf::anon_send(s.aut, report_batch{{running}});
    s.world.settle();
    s.join();
  }
  SUBCASE("and what the next one does not know is lost") {
    auto answer = s.hello();
    s.world.settle();
    REQUIRE(answer->value);
    CHECK(answer->value->refused == "it has begun more since it said hello");
    CHECK(answer->value->try_again);
    CHECK(s.sessions.size() == 1);
    s.join();
  }
  CHECK(s.sessions.size() == 2);
}

TEST_CASE("of two hellos at once one session remains") {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    stage s{seed};
    auto first = s.hello();
    auto second = s.hello();
    s.world.pass(1s);
    CHECK(first->is_there());
    CHECK(second->is_there());
    size_t alive = 0;
    for (auto& x : s.sessions)
      alive += *s.world.end_of(x) ? 0 : 1;
    CHECK(alive == 1);
  }
}

TEST_CASE("all open work is given to a new session") {
  stage s;
  s.open_work = {stage::start(5), stage::start(6)};
  s.join();
  CHECK(s.given("job-5") == 1);
  CHECK(s.given("job-6") == 1);
}

TEST_CASE("work that is assigned later follows, numbered in order") {
  stage s;
  s.join();
  s.assign(7);
  s.assign(8);
  CHECK(s.given("job-7") == 1);
  CHECK(s.given("job-8") == 1);
}

TEST_CASE("a lost session keeps no work: the next one is given what the "
          "scheduler says is open") {
  stage s;
  s.join();
  s.assign(7);
  s.assign(8);
  s.world.kill(s.sessions.back());
  s.world.settle();
  s.world.forget_transcript();
  // Of the two, one is no longer open.
  s.open_work = {stage::start(8)};
  s.join();
  CHECK(s.given("job-7") == 0);
  CHECK(s.given("job-8") == 1);
}

TEST_CASE("work that is assigned without a session waits for the next one") {
  stage s;
  s.assign(7);
  s.world.pass(5s);
  s.open_work = {stage::start(7)};
  s.join();
  // It may be said twice; agents do it once.
  CHECK(s.given("job-7") >= 1);
}

TEST_CASE("no more work is on its way than the window allows") {
  stage s;
  s.join();
  std::vector<work_item> many;
  for (uint64_t i = 1; i <= 1'000; ++i)
    many.push_back(stage::start(i));
  caf::anon_send(s.aut, assigned_work{"a", many});
  s.world.settle();
  CHECK(s.given("job-512") == 1);
  CHECK(s.given("job-513") == 0);
  // What is acknowledged makes room, and is not said again.
  caf::anon_send(s.aut, work_taken{512});
  s.world.settle();
  CHECK(s.given("job-512") == 1);
  CHECK(s.given("job-513") == 1);
  CHECK(s.given("job-1000") == 1);
}

TEST_CASE("reports are acknowledged once the scheduler has them") {
  stage s;
  s.join();
  task_report x;
  x.sequence = 4;
  x.allocation = {7};
  caf::anon_send(s.aut, report_batch{{x}});
  s.world.settle();
  CHECK(s.world.count_said("node -> session: reports_taken(4)") == 1);
}

TEST_CASE(
  "reports of a node that was removed end its session, so that it joins "
  "anew") {
  stage s;
  s.join();
  s.refused = refusal{refusal_kind::not_found, "there is no such node", {}};
  task_report x;
  x.sequence = 1;
  x.allocation = {7};
  caf::anon_send(s.aut, report_batch{{x}});
  s.world.settle();
  CHECK(s.world.count_said("reports_taken") == 0);
  CHECK(s.ended);
}

TEST_CASE("a log of a machine that is away is refused with a sentence") {
  stage s;
  auto answer
    = s.world.ask<log_chunk>(s.aut, forward_read_log{"a", read_log{}});
  s.world.settle();
  REQUIRE(answer->value);
  CHECK(answer->value->error == "node a is not connected now");
}

TEST_CASE("a worker that polls is answered when there is work, or when its "
          "patience is over") {
  stage s;
  auto early = s.world.ask<work_batch>(s.aut, poll_work{"a", 5s});
  s.world.pass(4s);
  CHECK_FALSE(early->is_there());
  s.world.pass(2s);
  REQUIRE(early->value);
  CHECK(early->value->items.empty());
  auto late = s.world.ask<work_batch>(s.aut, poll_work{"a", 5s});
  s.world.settle();
  s.assign(7);
  REQUIRE(late->value);
  CHECK(late->value->items.size() == 1);
  // What is not acknowledged is told again.
  auto again = s.world.ask<work_batch>(s.aut, poll_work{"a", 5s});
  s.world.settle();
  REQUIRE(again->value);
  CHECK(again->value->items.size() == 1);
  auto posted = s.world.ask<reports_taken>(s.aut, post_reports{"a", {}, 1});
  s.world.settle();
  CHECK(posted->value);
  auto after = s.world.ask<work_batch>(s.aut, poll_work{"a", 1s});
  s.world.pass(3s);
  REQUIRE(after->value);
  CHECK(after->value->items.empty());
}
