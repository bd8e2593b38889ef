#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "runtime/plan.hpp"
#include "runtime/views/answer.hpp"

#include "tests/unit/cluster_fixture.hpp"

using namespace troupe;
using namespace std::chrono_literals;

namespace {

/// Three nodes of four cores, and what plans say about them.
struct fixture : cluster_fixture {
  fixture() {
    for (auto name : {"n1", "n2", "n3"})
      join(a_node(name));
  }

  /// Submits services of one core a task, which run.
  void run(a_job& job) {
    submit(job.service());
    settle();
  }
  void settle() {
    place();
    for (auto& [name, job] : core.jobs())
      for (uint32_t i = 0; i < job.tasks.size(); ++i)
        if (job.tasks[i].state == task_state::placed)
          started({name, i});
  }

  plan_view plan(const plan_change& change) {
    auto before = core.digest();
    auto result = runtime::plan_of(runtime::image_of(core, {}, now), change);
    REQUIRE_MESSAGE(result.has_value(), result.error().detail);
    CHECK(core.digest() == before);
    CHECK(result->complete);
    return *result;
  }
};

std::string text(const plan_view& x) {
  std::string result;
  for (auto& y : x.moves)
    result += to_string(y.task) + ' ' + (y.from.empty() ? "new" : y.from) + "->"
              + y.to + '\n';
  for (auto& y : x.stops)
    result += to_string(y.task) + " stops on " + y.node + '\n';
  for (auto& y : x.does_not_fit)
    result += std::to_string(y.tasks) + " of " + y.job
              + " wait: " + std::string{json::name_of(y.why)} + '\n';
  return result;
}

} // namespace

TEST_CASE("a plan of nothing changes nothing") {
  fixture x;
  x.run(a_job("web").tasks(3));
  CHECK(text(x.plan({})).empty());
}

TEST_CASE("a submission that is planned shows where its tasks would go") {
  fixture x;
  plan_change change;
  change.submit = {a_job("web").service().tasks(2)};
  CHECK(text(x.plan(change)) == "web.0 new->n1\nweb.1 new->n1\n");
  CHECK(x.core.find_job("web") == nullptr);
}

TEST_CASE("what does not fit is told with its reason") {
  fixture x;
  plan_change change;
  change.submit = {a_job("web").service().tasks(14)};
  auto plan = x.plan(change);
  CHECK(plan.counts.moves == 12);
  REQUIRE(plan.does_not_fit.size() == 1);
  CHECK(plan.does_not_fit[0].tasks == 2);
  CHECK(plan.does_not_fit[0].why == reason::insufficient_cpu);
  CHECK(plan.counts.does_not_fit == 2);
}

TEST_CASE("what does not fit is told when it could start, from now on") {
  fixture c;
  c.submit(a_job("now").tasks(3).cpu(3).timeout(600s));
  c.settle();
  c.submit(a_job("first").tasks(3).cpu(3).timeout(600s));
  c.settle();
  c.pass(200s);
  auto message = [](const plan_view& x) {
    REQUIRE(x.does_not_fit.size() == 1);
    return x.does_not_fit.front().message;
  };
  SUBCASE("a new job") {
    c.done(stop_job{"first"});
    auto said = message(c.plan({.submit = {a_job("big").cpu(4)}}));
    CHECK(said.ends_with("it is expected to start in 7 min"));
  }
  SUBCASE("nobody knows when, if those who have the places are late") {
    c.done(stop_job{"first"});
    c.pass(500s);
    auto said = message(c.plan({.submit = {a_job("big").cpu(4)}}));
    CHECK(said.find("expected to start") == std::string::npos);
    CHECK(said.find("starts nobody knows when") != std::string::npos);
  }
  SUBCASE("nothing is told of what says nothing about its end") {
    c.done(stop_job{"first"});
    c.done(stop_job{"now"});
    for (uint32_t i = 0; i < 3; ++i)
      c.stopped({"now", i});
    c.run(a_job("endless").tasks(3).cpu(3));
    auto said = message(c.plan({.submit = {a_job("big").cpu(4)}}));
    CHECK(said.find("start") == std::string::npos);
  }
}

TEST_CASE("where nobody said how long tasks run, earlier runs tell when what "
          "waits could start") {
  fixture c;
  c.submit(a_job("sum").tasks(5).cpu(4));
  c.settle();
  c.pass(600s);
  for (uint32_t i = 0; i < 2; ++i)
    c.ended({"sum", i});
  c.settle();
  // The third takes long, and two have just begun.
  c.pass(100s);
  auto why = [&](const task_ref& x) {
    auto view = runtime::answer(c.core, {}, get_why{x, "", ""}, c.now);
    REQUIRE(view);
    return std::string{view->at("message").as_string()};
  };
  plan_change change{.submit = {a_job("next").cpu(4)}};
  auto late = "going by 2 earlier runs of those before it, it could have "
              "started by now: whoever has its place runs for longer than "
              "usual";
  CHECK(c.plan(change).does_not_fit.front().message.ends_with(late));
  c.ended({"sum", 2});
  c.run(a_job("web").tasks(4));
  c.submit(a_job("next").cpu(4));
  c.submit(a_job("later").cpu(4).priority(-1));
  c.settle();
  auto said = why({"next", 0});
  CHECK_MESSAGE(said.find("; going by 3 earlier runs of those before it, it "
                          "could start in 9 min")
                  != std::string::npos,
                said);
  // Whoever is behind it waits for more than that.
  CHECK(why({"later", 0}).find("going by") == std::string::npos);
}

TEST_CASE("a node that is drained gives its tasks to the others") {
  fixture x;
  x.run(a_job("web").tasks(3));
  plan_change change;
  change.drain_nodes = {"n1"};
  CHECK(text(x.plan(change)) == "web.0 n1->n2\nweb.1 n1->n2\nweb.2 n1->n2\n");
}

TEST_CASE("a drain moves services at once, and batch tasks at its deadline if "
          "they have not ended") {
  fixture x;
  x.run(a_job("web").tasks(1));
  x.submit(a_job("sum").tasks(2));
  x.settle();
  REQUIRE(x.node_of({"sum", 1}) == "n1");
  plan_change change;
  change.drain_nodes = {"n1"};
  auto plan = x.plan(change);
  auto hour = x.now + milliseconds{1h};
  REQUIRE(plan.drains == std::vector<planned_drain>{{"n1", hour}});
  CHECK(plan.time == x.now);
  REQUIRE(plan.moves.size() == 3);
  for (auto& move : plan.moves) {
    auto batch = move.task.job == "sum";
    CHECK(move.may_end_first == batch);
    // The one that takes its place must have served for a moment.
    if (batch)
      CHECK(move.at == hour);
    else
      CHECK(move.at < x.now + milliseconds{1min});
  }
  // Who is lost has no time to end.
  plan_change loss;
  loss.lose_nodes = {"n1"};
  plan = x.plan(loss);
  CHECK(plan.drains.empty());
  CHECK(plan.moves.size() == 3);
  for (auto& move : plan.moves) {
    CHECK_FALSE(move.may_end_first);
    CHECK(move.at == x.now);
  }
}

TEST_CASE("batch tasks that fit nowhere else have until the deadline to end") {
  fixture x;
  x.submit(a_job("sum").tasks(12));
  x.settle();
  plan_change change;
  change.drain_nodes = {"n1"};
  auto plan = x.plan(change);
  REQUIRE(plan.does_not_fit.size() == 1);
  CHECK(plan.does_not_fit[0].tasks == 4);
  CHECK(plan.does_not_fit[0].may_end_first == 4);
}

TEST_CASE("a service that a drain leaves without a place is missed once") {
  fixture x;
  x.run(a_job("web").tasks(1));
  plan_change change;
  change.drain_nodes = {"n1", "n2", "n3"};
  CHECK(text(x.plan(change)) == "1 of web wait: drained\n");
}

TEST_CASE("a node that is lost gives its tasks to the others") {
  fixture x;
  x.run(a_job("web").tasks(3));
  plan_change change;
  change.lose_nodes = {"n1"};
  CHECK(text(x.plan(change)) == "web.0 n1->n2\nweb.1 n1->n2\nweb.2 n1->n2\n");
}

TEST_CASE("what the other nodes cannot take waits") {
  fixture x;
  x.run(a_job("web").tasks(12));
  plan_change change;
  change.lose_nodes = {"n2"};
  auto plan = x.plan(change);
  CHECK(plan.moves.empty());
  REQUIRE(plan.does_not_fit.size() == 1);
  CHECK(plan.does_not_fit[0].tasks == 4);
}

TEST_CASE("nodes that are added take what waits") {
  fixture x;
  x.run(a_job("web").tasks(14));
  plan_change change;
  change.add_nodes = {{.count = 2, .capacity = {}, .labels = {}, .like = "n1"}};
  CHECK(text(x.plan(change)) == "web.12 new->new-1\nweb.13 new->new-1\n");
  CHECK(x.core.find_node("new-1") == nullptr);
}

TEST_CASE("jobs that are stopped or made smaller stop") {
  fixture x;
  x.run(a_job("web").tasks(2));
  x.run(a_job("db").tasks(1));
  plan_change change;
  change.stop_jobs = {"db"};
  change.scale_jobs = {{"web", 1}};
  CHECK(text(x.plan(change)) == "db.0 stops on n1\nweb.1 stops on n1\n");
}

TEST_CASE("a place that comes free is given to who waits") {
  fixture x;
  x.run(a_job("web").tasks(12));
  x.run(a_job("next").tasks(1));
  plan_change change;
  change.scale_jobs = {{"web", 11}};
  CHECK(text(x.plan(change)) == "next.0 new->n3\nweb.11 stops on n3\n");
}

TEST_CASE("a higher priority shows who would make room") {
  fixture x;
  x.run(a_job("web").tasks(12));
  x.run(a_job("next").tasks(1));
  plan_change change;
  change.priorities = {{"next", 5}};
  auto plan = x.plan(change);
  REQUIRE(plan.moves.size() == 1);
  CHECK(to_string(plan.moves[0].task) == "next.0");
  REQUIRE(plan.victims.size() == 1);
  CHECK(plan.victims[0].task.job == "web");
}

TEST_CASE("a label shows what would start") {
  fixture x;
  x.run(a_job("web").requires_label("zone", {"a"}));
  plan_change change;
  change.label_nodes = {{"n2", {{"zone", "a"}}, {}, {}}};
  CHECK(text(x.plan(change)) == "web.0 new->n2\n");
}

TEST_CASE("another strategy shows where what comes would go") {
  fixture x;
  plan_change change;
  change.settings.emplace().strategy = "spread";
  change.submit = {a_job("web").service().tasks(2)};
  CHECK(text(x.plan(change)) == "web.0 new->n1\nweb.1 new->n2\n");
}

TEST_CASE("a change that would be refused is refused") {
  fixture x;
  auto refused = [&](const plan_change& change) {
    auto result
      = runtime::plan_of(runtime::image_of(x.core, {}, x.now), change);
    REQUIRE_FALSE(result.has_value());
    return result.error().kind;
  };
  CHECK(refused({.drain_nodes = {"n9"}}) == refusal_kind::not_found);
  CHECK(refused({.lose_nodes = {"n9"}}) == refusal_kind::not_found);
  CHECK(refused({.stop_jobs = {"nothing"}}) == refusal_kind::not_found);
  CHECK(refused({.add_nodes
                 = {{.count = 1, .capacity = {}, .labels = {}, .like = "n9"}}})
        == refusal_kind::not_found);
}

TEST_CASE("who comes from nowhere comes from null") {
  plan_view x;
  x.moves = {{{"web", 0}, "", "n1"}, {{"web", 1}, "n1", "n2"}};
  auto written = runtime::write_plan(x);
  CHECK(written.at("moves").at(0).at("from").is_null());
  CHECK(written.at("moves").at(1).at("from") == "n1");
  CHECK(written.at("moves").at(0).at("task") == "web.0");
  CHECK(written.at("doesNotFit").as_array().empty());
  CHECK(written.at("counts").at("doesNotFit") == 0);
}
