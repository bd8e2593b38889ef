#include "runtime/rehearsal/replay.hpp"
#include "runtime/rehearsal/what_if.hpp"

#include "tests/unit/random_life.hpp"

using namespace troupe;
using namespace troupe::runtime::rehearsal;
using namespace std::chrono_literals;

namespace {

/// A controller of which the facts are kept, with nodes that do as they are told.
struct recorded : cluster_fixture {
  recorded() { done(take_lead{"controller", "1"}); }

  recording facts() const { return {{}, events}; }

  /// Places all that fits; runs what is placed.
  void settle() {
    place();
    for (auto& [name, node] : core.nodes()) {
      take_reports all{name, {}};
      for (auto& [allocation, at] : node.allocations)
        if (at.job->tasks[at.index].state == task_state::placed)
          all.reports.push_back(
            a_report{item_of({at.job->name, at.index}), task_state::running});
      if (!all.reports.empty())
        done(all);
    }
  }
};

replayed again(const recording& x) {
  auto result = replay(x);
  REQUIRE_MESSAGE(result.has_value(), result.error());
  if (result->first)
    MESSAGE(boost::json::serialize(result->first->recorded), " but ",
            boost::json::serialize(result->first->decided));
  return *result;
}

} // namespace

TEST_CASE("a journal that is decided again gives the same decisions") {
  recorded x;
  for (auto name : {"n1", "n2", "n3"})
    x.join(a_node(name));
  x.submit(a_job("a").tasks(6));
  x.settle();
  x.pass(10s);
  x.submit(a_job("b").tasks(2).priority(5));
  x.settle();
  x.pass(10s);
  x.ended({"a", 0});
  x.ended({"a", 1}, 1);
  x.settle();
  auto result = again(x.facts());
  CHECK_FALSE(result.first.has_value());
  CHECK(result.facts == x.events.size());
  CHECK(result.same == result.facts);
  CHECK(result.untried.empty());
  CHECK(result.proposals >= 2);
}

TEST_CASE("a placement that nobody would decide is found") {
  recorded x;
  for (auto name : {"n1", "n2", "n3"})
    x.join(a_node(name));
  x.submit(a_job("a").tasks(3));
  x.settle();
  auto facts = x.facts();
  for (auto& y : facts.events)
    if (auto* placed = std::get_if<task_placed>(&y.what);
        placed != nullptr && placed->task.index == 1) {
      placed->node = "n3";
      // What the node said later, it said there.
      for (auto& z : facts.events)
        if (auto* started = std::get_if<task_started>(&z.what);
            started != nullptr && started->task == placed->task)
          started->node = "n3";
      auto result = replay(facts);
      REQUIRE(result.has_value());
      REQUIRE(result->first.has_value());
      CHECK(result->first->version == y.version);
      CHECK(result->first->recorded.at("node") == "n3");
      CHECK(result->first->decided.at("node") == "n1");
      return;
    }
  FAIL("nothing was placed");
}

TEST_CASE("a requeued task without reason is found") {
  recorded x;
  x.join(a_node("n1"));
  x.submit(a_job("a").retries(1));
  x.settle();
  x.pass(1s);
  x.ended({"a", 0}, 1);
  auto facts = x.facts();
  auto& last = std::get<task_requeued>(facts.events.back().what);
  last.not_before = last.not_before + 1ms;
  auto result = replay(facts);
  REQUIRE(result.has_value());
  REQUIRE(result->first.has_value());
  CHECK(result->first->version == facts.events.back().version);
}

TEST_CASE("preemption and gangs are decided again") {
  recorded x;
  for (auto name : {"n1", "n2"})
    x.join(a_node(name));
  x.submit(a_job("low").tasks(8).priority(1));
  x.settle();
  x.pass(5s);
  x.submit(a_job("high").cpu(2).priority(9));
  x.submit(a_job("together").tasks(2).cpu(2).priority(5).gang());
  x.settle();
  for (int round = 0; round < 3; ++round) {
    for (uint32_t i = 0; i < 8; ++i)
      if (auto* task = x.core.find_task({"low", i});
          task != nullptr && task->stopping)
        x.stopped({"low", i});
    x.settle();
    x.agree();
    x.settle();
    x.pass(3s);
  }
  REQUIRE(x.state_of({"high", 0}) == task_state::running);
  REQUIRE(x.state_of({"together", 1}) == task_state::running);
  auto result = again(x.facts());
  CHECK_FALSE(result.first.has_value());
}

TEST_CASE("nodes that are lost, drained, removed and back are decided again") {
  recorded x;
  for (auto name : {"n1", "n2", "n3"})
    x.join(a_node(name));
  x.submit(a_job("web").service().tasks(4));
  x.settle();
  x.pass(30s);
  x.done(change_node_health{"n1", node_state::unhealthy});
  x.settle();
  x.pass(10s);
  x.done(drain_node{"n2", 60s});
  for (int i = 0; i < 6; ++i) {
    x.settle();
    for (auto& [name, job] : x.core.jobs())
      for (uint32_t t = 0; t < job.tasks.size(); ++t)
        if (holds_capacity(job.tasks[t].state) && job.tasks[t].stopping)
          x.stopped({name, t});
    x.pass(15s);
  }
  x.done(cordon_node{"n3", true});
  x.done(change_node{"n3", {{"zone", "a"}}, 2.0, 1.5});
  x.done(change_node{"n3", {{"zone", ""}}, {}, {}});
  x.done(change_node_health{"n1", node_state::removed});
  x.join(a_node("n4"));
  x.settle();
  x.done(remove_node{"n4", "bye"});
  auto result = again(x.facts());
  CHECK_FALSE(result.first.has_value());
}

TEST_CASE("troubles, results that are kept and settings are decided again") {
  recorded x;
  x.join(a_node("n1").drivers({"docker", "process", "simulated"}));
  x.done(
    note_troubles{"n1", {{"docker", "no engine; none"}, {"process", "x"}}});
  x.done(note_troubles{"n1", {}});
  change_settings change;
  change.cache_entries = 7;
  change.overcommit = 2;
  x.done(change);
  auto a = a_job("a");
  a.spec().cache.emplace();
  auto b = a_job("b");
  b.spec().cache.emplace();
  x.submit(a);
  x.settle();
  x.ended({"a", 0});
  x.submit(b);
  x.settle();
  x.done(forget_results{{.job = "a"}});
  CHECK_FALSE(again(x.facts()).first.has_value());
}

TEST_CASE("a controller that starts again is one in the replay as well") {
  recorded x;
  x.join(a_node("n1").cpu(1));
  x.submit(a_job("a"));
  x.submit(a_job("b"));
  x.settle();
  // What the next one knows is what the journal holds.
  cluster_fixture next;
  next.begin_with(x);
  next.done(take_lead{"controller", "1"});
  next.join(a_node("n2").cpu(1));
  next.place();
  auto facts = x.facts();
  facts.events.insert(facts.events.end(), next.events.begin(),
                      next.events.end());
  auto result = again(facts);
  CHECK_FALSE(result.first.has_value());
  CHECK(result.facts == facts.events.size());
}

TEST_CASE("a recording may begin with a snapshot") {
  recorded x;
  x.join(a_node("n1"));
  x.submit(a_job("a").tasks(2));
  x.settle();
  cluster_fixture next;
  next.begin_with(x);
  next.done(take_lead{"controller", "1"});
  next.submit(a_job("b"));
  next.place();
  recording facts{cluster_fixture::image_of(x.core), next.events};
  CHECK_FALSE(again(facts).first.has_value());
  facts.lines.front() = "{";
  CHECK_FALSE(replay(facts).has_value());
}

TEST_CASE("what policies that remember have decided is not judged") {
  recorded x;
  for (auto name : {"n1", "n2", "n3"})
    x.join(a_node(name));
  x.core.note_load("n1", {4'000, 0, 0, {}});
  x.submit(a_job("a").tasks(2).strategy("leastLoaded"));
  x.settle();
  REQUIRE(x.node_of({"a", 0}) != "n1");
  auto result = again(x.facts());
  CHECK_FALSE(result.first.has_value());
  CHECK(result.untried.empty());
  CHECK(result.unknowable > 0);
}

TEST_CASE("of a journal that does not tell how it came about nothing is said") {
  recorded x;
  x.join(a_node("n1"));
  x.submit(a_job("a").tasks(2));
  x.settle();
  auto facts = x.facts();
  for (auto& y : facts.events) {
    y.facts = 1;
    y.steps.clear();
  }
  auto result = again(facts);
  CHECK_FALSE(result.first.has_value());
  CHECK(result.same == 0);
  REQUIRE(result.untried.size() == 1);
  CHECK(result.untried[0].from == 1);
  CHECK(result.untried[0].to == facts.events.size());
  CHECK(result.untried[0].why.find("version of troupe") != std::string::npos);
}

TEST_CASE("nothing is said until a controller begins, and after gaps") {
  recorded x;
  x.join(a_node("n1").cpu(1));
  x.submit(a_job("a"));
  x.settle();
  auto image = cluster_fixture::image_of(x.core);
  auto since = x.events.size();
  x.submit(a_job("b"));
  auto until = x.events.size();
  cluster_fixture next;
  next.begin_with_facts(x);
  next.done(take_lead{"controller", "1"});
  next.submit(a_job("c"));
  next.join(a_node("n2").cpu(1));
  next.place();
  recording facts{
    image,
    {next.events.begin() + static_cast<ptrdiff_t>(since), next.events.end()}};
  auto result = again(facts);
  CHECK_FALSE(result.first.has_value());
  REQUIRE(result.untried.size() == 1);
  CHECK(result.untried[0].to == until);
  CHECK(result.same == next.events.size() - until);
  facts.events.back().steps = {step{.kind = step_kind::untold}};
  result = again(facts);
  CHECK_FALSE(result.first.has_value());
  REQUIRE(result.untried.size() == 2);
  CHECK(result.untried[1].from == facts.events.back().version);
}

// -- whatever happens ------------------------------------------------------------

namespace {

/// What a journal holds of several controllers, one after the other.
recording recording_of(uint64_t seed) {
  std::unique_ptr<random_life> life;
  for (int leader = 0; leader < 3; ++leader) {
    auto next = std::make_unique<random_life>(
      seed * 10 + static_cast<uint64_t>(leader), random_answers::right);
    if (life)
      next->c.begin_with_facts(life->c);
    next->c.done(take_lead{"controller", "1"});
    for (int i = 0; i < 400; ++i)
      next->step();
    life = std::move(next);
  }
  recording result;
  for (auto& x : life->c.events)
    result.events.push_back(*read_line(x.version, write_line(x)));
  return result;
}

} // namespace

TEST_CASE("whatever happened is decided again, fact by fact") {
  size_t same = 0;
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    CAPTURE(seed);
    auto facts = recording_of(seed);
    auto result = again(facts);
    CHECK_FALSE(result.first.has_value());
    CHECK(result.untried.empty());
    CHECK(result.same == facts.events.size());
    same += result.same;
  }
  CHECK(same > 20'000);
}

// -- what if -------------------------------------------------------------------

TEST_CASE("another policy gets the same jobs, which run as long as they did") {
  recorded x;
  for (auto name : {"n1", "n2"})
    x.join(a_node(name));
  x.submit(a_job("a").tasks(2));
  x.settle();
  x.pass(1min);
  x.ended({"a", 0});
  x.pass(1min);
  x.ended({"a", 1});
  auto result = imagine(x.facts(), {.strategy = "spread"});
  REQUIRE_MESSAGE(result.has_value(), result.error());
  CHECK(result->recorded_strategy == "binpack");
  CHECK(result->strategy == "spread");
  CHECK(result->tasks == 2);
  CHECK(result->changed == std::vector<changed_place>{{{"a", 1}, "n1", "n2"}});
  CHECK(result->recorded.makespan_seconds == 120);
  CHECK(result->imagined.makespan_seconds == 120);
  CHECK(result->imagined.tasks.succeeded == 2);
  CHECK(result->imagined.use.cpu.stddev_over_nodes
        < result->recorded.use.cpu.stddev_over_nodes);
}

TEST_CASE("the same policy imagined changes nothing") {
  recorded x;
  for (auto name : {"n1", "n2"})
    x.join(a_node(name));
  x.submit(a_job("web").service().tasks(3));
  x.submit(a_job("a").tasks(12));
  x.settle();
  for (uint32_t i = 0; i < 5; ++i) {
    x.pass(20s);
    x.ended({"a", i}, i == 2 ? 1 : 0);
    x.settle();
  }
  auto result = imagine(x.facts(), {.strategy = "binpack"});
  REQUIRE_MESSAGE(result.has_value(), result.error());
  CHECK(result->changed.empty());
  CHECK(result->imagined.tasks.running == result->recorded.tasks.running);
  CHECK(result->imagined.wait_seconds == result->recorded.wait_seconds);
}

TEST_CASE("another order of the queue changes who waits") {
  recorded x;
  x.join(a_node("n1").cpu(1));
  x.submit(a_job("first"));
  x.settle();
  x.pass(1s);
  x.submit(a_job("late"));
  x.submit(a_job("urgent").priority(9).cpu(1));
  x.settle();
  x.pass(1min);
  auto result = imagine(x.facts(), {.order = "fifo"});
  REQUIRE_MESSAGE(result.has_value(), result.error());
  CHECK(result->order == "fifo");
}

TEST_CASE("an unknown policy cannot be imagined") {
  recorded x;
  x.join(a_node("n1"));
  auto result = imagine(x.facts(), {.strategy = "bestest"});
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().find("binpack") != std::string::npos);
}
