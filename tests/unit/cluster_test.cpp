// The queue, the copies and what holds for every decision.

#include <fstream>

#include <unistd.h>

#include "tests/unit/cluster_fixture.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

/// Bytes of this process that are in memory.
int64_t resident_bytes() {
  std::ifstream in{"/proc/self/statm"};
  int64_t all = 0;
  int64_t resident = 0;
  in >> all >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

/// The order in which attempts got their places.
std::vector<std::string> placed_order(const cluster_fixture& x) {
  std::vector<std::string> result;
  for (auto& y : x.events)
    if (auto* fact = std::get_if<task_placed>(&y.what))
      result.push_back(to_string(fact->task));
  return result;
}

bool is_blocked(const cluster_fixture& x, const std::string& job) {
  return x.core.queue().at(x.core.find_job(job)->klass).blocked;
}

} // namespace

// -- order -------------------------------------------------------------------

TEST_CASE("higher priority goes first, then who came first") {
  cluster_fixture c;
  c.submit(a_job("low").priority(-1));
  c.submit(a_job("first"));
  c.submit(a_job("second").cpu(0.5));
  c.submit(a_job("high").priority(7).cpu(2));
  c.join(a_node("n1"));
  c.place();
  // 2 + 1 + 0.5 cores; the last core does not fit into half a core.
  CHECK(placed_order(c)
        == std::vector<std::string>{"high.0", "first.0", "second.0"});
  CHECK(is_blocked(c, "low"));
}

TEST_CASE("queue order fifo ignores priorities") {
  cluster_fixture c;
  c.submit(a_job("a").priority(-5));
  c.submit(a_job("b").priority(9));
  c.submit(a_job("c").cpu(0.5));
  c.done(change_settings{{}, "fifo"});
  CHECK(c.core.config().queue_order == "fifo");
  c.join(a_node("n1"));
  c.place();
  CHECK(placed_order(c) == std::vector<std::string>{"a.0", "b.0", "c.0"});
  c.check_copies();
}

TEST_CASE("a batch of the queue holds as many tasks as are asked for") {
  cluster_fixture c;
  c.join(a_node("n1").cpu(100));
  c.submit(a_job("a").tasks(5).cpu(0.1));
  c.submit(a_job("b").tasks(5).cpu(0.1));
  auto batch = c.core.next_batch(7);
  REQUIRE(batch);
  REQUIRE(batch->asks.size() == 2);
  CHECK(batch->asks[0].count == 5);
  CHECK(batch->asks[1].count == 2);
  SUBCASE("one at a time") {
    CHECK_FALSE(c.core.next_batch(7));
  }
  SUBCASE("an abandoned one is offered again") {
    c.core.abandon();
    auto again = c.core.next_batch(7);
    REQUIRE(again);
    CHECK(again->asks.size() == 2);
  }
}

// -- waiting -----------------------------------------------------------------

TEST_CASE("with a batch size of ten, a turn places ten tasks, the highest "
          "priorities first") {
  cluster_fixture c;
  c.join(a_node("n1").cpu(100));
  c.submit(a_job("low").tasks(8).cpu(0.1));
  c.submit(a_job("middle").tasks(9).cpu(0.1).priority(5));
  c.submit(a_job("high").tasks(6).cpu(0.1).priority(9));
  c.done(change_settings{.batch_size = 10});
  auto running = [&] {
    return std::tuple{c.core.find_job("high")->live(),
                      c.core.find_job("middle")->live(),
                      c.core.find_job("low")->live()};
  };
  auto turn = [&] {
    auto batch = c.core.next_batch(1'024);
    REQUIRE(batch);
    c.core.commit(c.propose(*batch), c.now);
    c.pass(0ms);
  };
  turn();
  CHECK(running() == std::tuple{6, 4, 0});
  turn();
  CHECK(running() == std::tuple{6, 9, 5});
  turn();
  CHECK(running() == std::tuple{6, 9, 8});
  CHECK_FALSE(c.core.next_batch(1'024));
  c.check_copies();
}

TEST_CASE("a batch size is a whole number from 1 to 1024") {
  cluster_fixture c;
  for (auto wrong : {0U, 1'025U}) {
    auto refused = c.ask(change_settings{.batch_size = wrong});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().problems.at(0).pointer == "/batchSize");
  }
  CHECK(c.ask(change_settings{.batch_size = 1}));
}

TEST_CASE("a blocked class is not looked at until a fact could help it") {
  cluster_fixture c;
  c.join(a_node("n1").label_of("zone", "a"));
  c.submit(a_job("full").cpu(4));
  c.place();
  c.submit(a_job("waits").cpu(2).requires_label("zone", {"a", "b"}));
  CHECK(c.place() == 1);
  REQUIRE(is_blocked(c, "waits"));
  // What does not help wakes nobody.
  c.done(change_node{"n1", {{"rack", "r1"}}, {}, {}});
  c.started({"full", 0});
  CHECK(c.place() == 0);
  SUBCASE("resources are freed") {
    c.ended({"full", 0});
  }
  SUBCASE("a node is added") {
    c.join(a_node("n2").label_of("zone", "b"));
  }
  SUBCASE("a label is changed") {
    c.join(a_node("n2"));
    CHECK(c.place() == 0);
    c.done(change_node{"n2", {{"zone", "a"}}, {}, {}});
  }
  SUBCASE("a cordon is lifted") {
    c.join(a_node("n2").label_of("zone", "b"));
    c.done(cordon_node{"n2", true});
    CHECK(c.place() == 1);
    c.done(cordon_node{"n2", false});
  }
  SUBCASE("a node is back") {
    c.join(a_node("n2").label_of("zone", "b"));
    c.done(change_node_health{"n2", node_state::unhealthy});
    CHECK(c.place() == 1);
    c.done(change_node_health{"n2", node_state::ready});
  }
  SUBCASE("a node has more") {
    c.join(a_node("n1").label_of("zone", "a").cpu(6));
  }
  SUBCASE("a node is overcommitted") {
    c.done(change_node{"n1", {}, {}, 1.5});
  }
  SUBCASE("the job is updated") {
    c.submit(a_job("waits").cpu(2));
    c.join(a_node("n2"));
  }
  c.place();
  CHECK(c.state_of({"waits", 0}) == task_state::placed);
  c.check_copies();
}

TEST_CASE("a policy that is registered wakes the jobs that it serves") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.core.set_policies({"binpack"});
  c.submit(a_job("waits").strategy("spread"));
  c.submit(a_job("own").scheduler("mine"));
  CHECK(c.place() == 0);
  CHECK(is_blocked(c, "waits"));
  CHECK(
    c.core.queue().at(c.core.find_job("own")->klass).refusal.nodes.at(0).first
    == reason::unknown_scheduler);
  c.core.set_policies({"binpack", "spread"});
  CHECK(c.place() == 1);
  CHECK(c.state_of({"waits", 0}) == task_state::placed);
  CHECK(c.state_of({"own", 0}) == task_state::pending);
  SUBCASE("one that is gone leaves its jobs alone again") {
    c.submit(a_job("more").strategy("spread"));
    c.core.set_policies({"binpack"});
    CHECK_FALSE(c.core.next_batch(10));
    CHECK(is_blocked(c, "more"));
  }
}

TEST_CASE("a job near another waits for it to come") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.join(a_node("n2"));
  c.submit(a_job("client").near("app", "cache"));
  c.place();
  CHECK(is_blocked(c, "client"));
  c.submit(a_job("cache").label_of("app", "cache"));
  c.place();
  CHECK(c.state_of({"client", 0}) == task_state::placed);
  CHECK(c.node_of({"client", 0}) == c.node_of({"cache", 0}));
}

TEST_CASE("what helped while a proposal was made is not forgotten") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("full").cpu(4));
  c.place();
  c.submit(a_job("waits").cpu(4));
  auto batch = c.core.next_batch(10);
  REQUIRE(batch);
  auto proposal = c.propose(*batch);
  c.ended({"full", 0});
  c.core.commit(proposal, c.now);
  CHECK_FALSE(is_blocked(c, "waits"));
  c.place();
  CHECK(c.state_of({"waits", 0}) == task_state::placed);
}

TEST_CASE("a class that nobody waits in is not blocked for who comes next") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("web").service().cpu(2).tasks(3));
  c.place();
  REQUIRE(is_blocked(c, "web"));
  c.done(scale_job{"web", 2});
  // Room is made while nobody waits for it.
  c.join(a_node("n2"));
  c.done(scale_job{"web", 3});
  c.place();
  CHECK(c.state_of({"web", 2}) == task_state::placed);
}

TEST_CASE("a refusal of what a job was before its update blocks nothing") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("x").cpu(8));
  auto batch = c.core.next_batch(10);
  REQUIRE(batch);
  auto proposal = c.propose(*batch);
  c.submit(a_job("x").cpu(1));
  c.core.commit(proposal, c.now);
  c.place();
  CHECK(c.state_of({"x", 0}) == task_state::placed);
}

TEST_CASE("what is proposed in vain is free for those refused behind it") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("first").cpu(3));
  c.submit(a_job("second").cpu(2));
  auto batch = c.core.next_batch(10);
  REQUIRE(batch);
  auto proposal = c.propose(*batch);
  c.done(stop_job{"first", true});
  c.core.commit(proposal, c.now);
  CHECK_FALSE(is_blocked(c, "second"));
  c.place();
  CHECK(c.state_of({"second", 0}) == task_state::placed);
}

TEST_CASE("a cluster without nodes asks each class once") {
  cluster_fixture c;
  c.submit(a_job("a").tasks(1'000));
  c.submit(a_job("b").cpu(2));
  CHECK(c.place() <= 2);
  CHECK(is_blocked(c, "a"));
  CHECK(is_blocked(c, "b"));
}

TEST_CASE("a proposal that is stale or wrong places only what fits") {
  cluster_fixture c;
  c.join(a_node("n1").cpu(2));
  c.submit(a_job("x").tasks(3));
  auto batch = c.core.next_batch(10);
  REQUIRE(batch);
  auto born = batch->asks.at(0).id;
  SUBCASE("too many on one node, on a node that is not there, of no job") {
    c.core.commit({{{born, {0, 7, 0, 0, 0}, {}}, {99, {0}, {}}}}, c.now);
    CHECK(c.core.find_job("x")->live() == 2);
    CHECK(c.core.find_job("x")->ready() == 1);
  }
  SUBCASE("for more tasks than there are") {
    c.done(scale_job{"x", 1});
    c.core.commit({{{born, {0, 0}, {}}}}, c.now);
    CHECK(c.core.find_job("x")->live() == 1);
  }
  SUBCASE("on a node that left") {
    c.done(remove_node{"n1", ""});
    c.core.commit({{{born, {0}, {}}}}, c.now);
    CHECK(c.core.find_job("x")->live() == 0);
  }
  SUBCASE("on a node that was cordoned") {
    c.done(cordon_node{"n1", true});
    c.core.commit({{{born, {0}, {}}}}, c.now);
    CHECK(c.core.find_job("x")->live() == 0);
  }
  SUBCASE("of a job that was replaced") {
    c.done(stop_job{"x", true});
    c.submit(a_job("x"));
    c.core.commit({{{born, {0}, {}}}}, c.now);
    CHECK(c.core.find_job("x")->live() == 0);
  }
  CHECK(c.core.check_invariants() == "");
}

// -- settings ----------------------------------------------------------------

TEST_CASE("settings are checked, and new ones hold at once") {
  cluster_fixture c;
  CHECK(c.ask(change_settings{"nonsense", {}}).error().kind
        == refusal_kind::bad_input);
  CHECK(c.ask(change_settings{{}, "nonsense"}).error().kind
        == refusal_kind::bad_input);
  c.join(a_node("n1"));
  c.join(a_node("n2"));
  c.submit(a_job("x").tasks(2).cpu(0.5));
  c.done(change_settings{"spread", {}});
  c.place();
  CHECK(c.node_of({"x", 0}) != c.node_of({"x", 1}));
  c.check_copies();
}

// -- rehearsals --------------------------------------------------------------

TEST_CASE("a rehearsal answers like a decision and changes nothing") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("web").service().tasks(3));
  c.submit(a_job("over"));
  c.submit(a_job("old").service(), "a key");
  c.place();
  c.started({"web", 0});
  auto running = c.item_of({"web", 0});
  task_report stray;
  stray.allocation = {77};
  stray.state = task_state::running;
  std::vector<command> all{
    submit_jobs{{a_job("new").tasks(5)}, "k"},
    submit_jobs{{a_job("web").service().tasks(2)}, "k"},
    submit_jobs{{a_job("web").service().tasks(3)}, "k"},
    submit_jobs{{a_job("old").service()}, "a key"},
    stop_job{"web", false},
    stop_job{"web", true},
    scale_job{"web", 9},
    scale_job{"web", 1},
    restart_job{"web"},
    stop_task{{"web", 0}},
    restart_task{{"web", 0}},
    join_node{a_node("n1"), std::vector<task_report>{stray}},
    join_node{a_node("n2"), std::vector<task_report>{}},
    change_node{"n1", {{"a", "b"}}, 2, 3},
    cordon_node{"n1", true},
    remove_node{"n1", "m"},
    change_node_health{"n1", node_state::unhealthy},
    change_node_health{"n1", node_state::removed},
    take_reports{
      "n1",
      {stray, a_report{running, task_state::failed}.why(reason::exit_code)}},
    change_settings{"spread", "fifo"},
    take_lead{"me", "1"},
    stop_job{"none", false},
    scale_job{"web", 2'000'000},
    remove_node{"none", ""},
  };
  for (size_t i = 0; i < all.size(); ++i) {
    CAPTURE(i);
    auto before = c.core.digest();
    auto rehearsed = c.core.rehearse(all[i], c.now + 1s);
    CHECK(c.core.digest() == before);
    CHECK(c.core.take_events().empty());
    CHECK(c.core.take_work().empty());
    CHECK(c.core.find_node("n1")->strays.empty());
    CHECK(c.core.check_invariants() == "");
    // The same on a copy, for good.
    cluster_fixture copy;
    for (auto& x : c.events)
      copy.core.apply(x);
    auto decided = copy.core.decide(all[i], c.now + 1s);
    REQUIRE(rehearsed.has_value() == decided.has_value());
    if (decided)
      CHECK(rehearsed->jobs == decided->jobs);
    else
      CHECK(rehearsed.error() == decided.error());
  }
}

// -- keys --------------------------------------------------------------------

TEST_CASE("a key is answered twice alike and decided once") {
  cluster_fixture c;
  auto first = c.done(submit_jobs{{a_job("a"), a_job("b")}, "k1"});
  auto version = c.core.version();
  auto second = c.done(submit_jobs{{a_job("a"), a_job("b")}, "k1"});
  CHECK(first.jobs == second.jobs);
  CHECK(c.core.version() == version);
  SUBCASE("also for an update, part of which changes nothing") {
    auto third = c.done(submit_jobs{{a_job("a").cpu(2), a_job("b")}, "k2"});
    CHECK(third.jobs.at(0).version == 2);
    CHECK(third.jobs.at(1).version == 1);
    CHECK_FALSE(third.jobs.at(0).created);
    CHECK(c.done(submit_jobs{{a_job("a").cpu(2), a_job("b")}, "k2"}).jobs
          == third.jobs);
  }
  SUBCASE("also once the jobs are gone") {
    c.done(stop_job{"a", true});
    CHECK(c.core.find_job("a") == nullptr);
    CHECK(c.done(submit_jobs{{a_job("a"), a_job("b")}, "k1"}).jobs
          == first.jobs);
    CHECK(c.core.find_job("a") == nullptr);
  }
  SUBCASE("also by a copy") {
    runtime::cluster copy;
    CHECK(c.read_image(copy, c.image_of(c.core)) == "");
    CHECK(copy.decide(submit_jobs{{a_job("a"), a_job("b")}, "k1"}, c.now)->jobs
          == first.jobs);
  }
  c.check_copies();
}

TEST_CASE("a key with other content than before is refused") {
  cluster_fixture c;
  auto first = c.done(submit_jobs{{a_job("a")}, "k1\n00ff"});
  auto version = c.core.version();
  auto refused_by = [&](runtime::cluster& x) {
    auto answer = x.decide(submit_jobs{{a_job("b")}, "k1\n1234"}, c.now);
    return !answer && answer.error().kind == refusal_kind::unprocessable;
  };
  CHECK(refused_by(c.core));
  CHECK(c.core.find_job("b") == nullptr);
  CHECK(c.core.version() == version);
  CHECK(c.done(submit_jobs{{a_job("a")}, "k1\n00ff"}).jobs == first.jobs);
  // Keys of which one begins like the other have nothing to do with each other.
  CHECK(c.done(submit_jobs{{a_job("b")}, "k\n1234"}).jobs.at(0).created);
  CHECK(c.done(submit_jobs{{a_job("d")}, "k12\n1234"}).jobs.at(0).created);
  // It is known as long as the key is.
  runtime::cluster copy;
  CHECK(c.read_image(copy, c.image_of(c.core)) == "");
  CHECK(refused_by(copy));
  c.check_copies();
}

TEST_CASE("the oldest keys are forgotten first") {
  runtime::cluster_options options;
  options.keys_max = 2;
  cluster_fixture c{options};
  for (auto* key : {"k1", "k2", "k3"})
    c.submit(a_job(std::string{"job-"} + key), key);
  auto version = c.core.version();
  c.submit(a_job("job-k2"), "k2");
  CHECK(c.core.version() == version);
  c.submit(a_job("job-k1"), "k1");
  CHECK(c.core.version() > version);
  // A replay forgets the same ones.
  runtime::cluster replayed{options};
  for (auto& x : c.events)
    replayed.apply(x);
  CHECK(replayed.digest() == c.core.digest());
}

// -- size --------------------------------------------------------------------

TEST_CASE("a million queued tasks of one job are a range") {
  cluster_fixture c;
  c.check = false;
  c.join(a_node("n1").cpu(4));
  auto before = resident_bytes();
  c.submit(a_job("array").tasks(1'000'000));
  CHECK(c.events.size() == 2);
  c.place();
  CHECK(c.core.find_job("array")->in_state(task_state::pending) == 999'996);
  CHECK(c.core.find_job("array")->tasks.size() == 4);
  CHECK(resident_bytes() - before < 16 << 20);
  // Each end places one more, and nothing else is made.
  for (uint32_t i = 0; i < 100; ++i) {
    c.ended({"array", i});
    c.place();
  }
  CHECK(c.core.find_job("array")->tasks.size() == 104);
  // 1 join, 1 submission; 104 placed, 100 started, 100 ended.
  CHECK(c.events.size() == 2 + 104 + 200);
  CHECK(c.core.check_invariants() == "");
}

TEST_CASE("the ends of an array cost the same however long it is") {
  cluster_fixture c;
  c.check = false;
  constexpr uint32_t count = 100'000;
  c.join(a_node("n1").cpu(count).memory(int64_t{count} << 30));
  c.submit(a_job("array").tasks(count));
  c.place(count);
  REQUIRE(c.core.find_job("array")->live() == count);
  // A look at all tasks for each end would be 10^10 steps, a matter of minutes.
  for (uint32_t i = 0; i < count; ++i)
    c.ended({"array", i});
  CHECK(c.is_over("array"));
  CHECK(c.core.check_invariants() == "");
}

TEST_CASE("the oldest finished jobs are forgotten first") {
  runtime::cluster_options options;
  options.finished_jobs_max = 3;
  options.finished_tasks_max = 100;
  cluster_fixture c{options};
  for (auto i = 0; i < 5; ++i) {
    auto name = "job-" + std::to_string(i);
    c.submit(a_job(name));
    c.done(stop_job{name, false});
  }
  CHECK(c.core.find_job("job-0") == nullptr);
  CHECK(c.core.find_job("job-1") == nullptr);
  CHECK(c.core.find_job("job-2") != nullptr);
  // Many tasks push out as well, the last job never.
  c.submit(a_job("large").tasks(1'000));
  c.done(stop_job{"large", false});
  CHECK(c.core.jobs().size() == 1);
  CHECK(c.core.find_job("large") != nullptr);
  runtime::cluster replayed{options};
  for (auto& x : c.events)
    replayed.apply(x);
  CHECK(replayed.digest() == c.core.digest());
}

} // namespace troupe
