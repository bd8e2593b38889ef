#include <random>

#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include "runtime/plan.hpp"
#include "runtime/views/answer.hpp"

#include "tests/unit/cluster_fixture.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

a_job a_build(const std::string& name) {
  return a_job{name}.command({"make"}).cached();
}

/// A node, and a build that has ended well on it.
struct built : cluster_fixture {
  explicit built(runtime::cluster_options options = {})
    : cluster_fixture(options) {
    join(a_node("n1"));
    submit(a_build("first"));
    place();
    started({"first", 0});
    pass(3s);
    ended({"first", 0});
    forget_said();
  }

  boost::json::value ask_about(const query& x) {
    auto result = runtime::answer(core, {}, x, now);
    REQUIRE(result);
    return *result;
  }
  std::string why(const task_ref& x) {
    return std::string{ask_about(get_why{x}).at("message").as_string()};
  }
  std::string key_of(const task_ref& x) {
    return std::string{ask_about(get_why{x}).at("cache").at("key").as_string()};
  }
  size_t kept() const { return core.results().entries().size(); }
};

} // namespace

TEST_CASE("an identical task ends without a place, as cached") {
  built c;
  c.submit(a_build("second").cpu(400));
  CHECK(c.state_of({"second", 0}) == task_state::cached);
  CHECK(c.given() == "");
  CHECK(c.is_over("second"));
  CHECK(runtime::state_of(*c.core.find_job("second")) == job_state::succeeded);
  auto said = c.said();
  CHECK(said.find("cacheHit {\"task\":\"second.0\",\"key\":\"") != said.npos);
  CHECK(
    said.find("\"result\":{\"task\":\"first.0\",\"attempt\":1,\"allocation\":"
              "3,\"node\":\"n1\"")
    != said.npos);
  auto view = c.ask_about(get_task{{"second", 0}});
  CHECK(view.at("state") == "cached");
  CHECK(view.at("exitCode") == 0);
  CHECK(view.at("reason").is_null());
  CHECK(view.at("attempts").as_array().empty());
  CHECK(view.at("cachedFrom").at("task") == "first.0");
  CHECK(view.at("cachedFrom").at("durationSeconds") == 3.0);
  CHECK(view.at("endedAt").as_string() == to_string(c.now));
  CHECK(view.at("message").as_string().starts_with(
    "reused the result of first.0 (attempt 1 on n1, ended "));
  c.check_copies();
}

TEST_CASE("a result needs no node, and another command another result") {
  built c;
  c.done(remove_node{"n1", ""});
  c.submit(a_build("second"));
  c.submit(a_build("other").command({"make", "install"}));
  c.submit(a_job{"uncached"}.command({"make"}));
  CHECK(c.state_of({"second", 0}) == task_state::cached);
  CHECK(c.state_of({"other", 0}) == task_state::pending);
  CHECK(c.state_of({"uncached", 0}) == task_state::pending);
  CHECK(c.why({"other", 0}).find("no result is kept under key ")
        != std::string::npos);
}

TEST_CASE("what failed, was stopped or is told to stop leaves no result") {
  cluster_fixture c;
  c.join(a_node("n1"));
  for (auto name : {"failed", "stopped", "hurried"}) {
    c.submit(a_build(name).command({name}));
    c.place();
    c.started({name, 0});
  }
  c.ended({"failed", 0}, 1);
  c.done(stop_task{{"stopped", 0}});
  c.stopped({"stopped", 0});
  c.done(stop_task{{"hurried", 0}});
  c.ended({"hurried", 0}, 0);
  CHECK(c.state_of({"hurried", 0}) == task_state::succeeded);
  CHECK(c.core.results().entries().empty());
}

TEST_CASE("a result grows too old") {
  built c;
  c.pass(24h - 1s);
  c.submit(a_build("in-time"));
  CHECK(c.state_of({"in-time", 0}) == task_state::cached);
  c.submit(a_build("wants-it-fresh").cached(1h));
  CHECK(c.state_of({"wants-it-fresh", 0}) == task_state::pending);
  c.pass(1s);
  c.submit(a_build("too-late"));
  CHECK(c.state_of({"too-late", 0}) == task_state::pending);
  c.check_copies();
}

TEST_CASE("identical tasks at once run once, and all have the result") {
  cluster_fixture c;
  c.join(a_node("n1").cpu(8));
  for (auto name : {"a", "b", "c"})
    c.submit(a_build(name));
  c.place();
  CHECK(c.state_of({"a", 0}) == task_state::placed);
  CHECK(c.state_of({"b", 0}) == task_state::pending);
  auto why = runtime::answer(c.core, {}, get_why{task_ref{"b", 0}}, c.now);
  CHECK(why->at("reason") == "waitingForResult");
  CHECK(why->at("message").as_string().starts_with(
    "waits for the result of a.0, which is identical and runs (key "));
  CHECK(why->at("cache").at("lookup") == "joined");
  auto queue = runtime::answer(c.core, {}, list_queue{}, c.now);
  CHECK(queue->at("items").at(0).at("reason") == "waitingForResult");
  auto job = runtime::answer(c.core, {}, get_job{"c"}, c.now);
  CHECK(job->at("reasons").at("waitingForResult") == 1);
  c.started({"a", 0});
  // One that comes when it runs already.
  c.submit(a_build("d"));
  CHECK(c.place() == 0);
  c.ended({"a", 0});
  for (auto name : {"b", "c", "d"})
    CHECK(c.state_of({name, 0}) == task_state::cached);
  CHECK(c.core.results().statistics() == cache_statistics{3, 3, 1});
  c.check_copies();
}

TEST_CASE("if the first of identical tasks fails, the next one runs") {
  cluster_fixture c;
  c.join(a_node("n1").cpu(8));
  for (auto name : {"a", "b", "c"})
    c.submit(a_build(name));
  c.place();
  c.started({"a", 0});
  c.ended({"a", 0}, 2);
  c.place();
  CHECK(c.state_of({"b", 0}) == task_state::placed);
  CHECK(c.state_of({"c", 0}) == task_state::pending);
  SUBCASE("and gives the last its result") {
    c.started({"b", 0});
    c.ended({"b", 0});
    CHECK(c.state_of({"c", 0}) == task_state::cached);
  }
  SUBCASE("and the last, if that one is stopped") {
    c.done(stop_job{"b"});
    c.stopped({"b", 0});
    c.place();
    CHECK(c.state_of({"c", 0}) == task_state::placed);
  }
  SUBCASE("and the last, if its node is lost for good") {
    c.done(remove_node{"n1", ""});
    c.join(a_node("n2"));
    c.place();
    // It is placed anew itself: whoever comes first runs.
    CHECK(c.state_of({"b", 0}) == task_state::placed);
    CHECK(c.state_of({"c", 0}) == task_state::pending);
  }
  c.check_copies();
}

TEST_CASE("a job that is stopped or changed waits for nobody's result") {
  cluster_fixture c;
  c.join(a_node("n1").cpu(8));
  c.submit(a_build("a"));
  c.submit(a_build("b"));
  c.submit(a_build("c"));
  c.place();
  c.done(stop_job{"b"});
  c.submit(a_build("c").command({"make", "install"}));
  c.place();
  CHECK(c.state_of({"c", 0}) == task_state::placed);
  c.started({"a", 0});
  c.ended({"a", 0});
  CHECK(c.is_over("b"));
  c.submit(a_build("b"));
  CHECK(c.state_of({"b", 0}) == task_state::cached);
  c.check_copies();
}

TEST_CASE("a second array has the results of the first, member by member") {
  cluster_fixture c;
  c.join(a_node("n1").cpu(100).memory(int64_t{1} << 40));
  c.submit(a_build("a").tasks(5));
  c.place();
  for (uint32_t i = 0; i < 4; ++i) {
    c.started({"a", i});
    c.ended({"a", i}, i == 1 ? 1 : 0);
  }
  c.submit(a_build("b").tasks(5));
  auto state = [&](uint32_t i) { return c.state_of({"b", i}); };
  CHECK(state(0) == task_state::cached);
  CHECK(state(1) == task_state::pending);
  CHECK(state(2) == task_state::cached);
  CHECK(state(3) == task_state::cached);
  CHECK(state(4) == task_state::pending);
  CHECK(c.place() == 1);
  CHECK(state(1) == task_state::placed);
  c.started({"a", 4});
  c.ended({"a", 4});
  CHECK(state(4) == task_state::cached);
  // Another count is another environment.
  c.submit(a_build("c").tasks(4));
  CHECK(c.state_of({"c", 0}) == task_state::pending);
  c.check_copies();
}

TEST_CASE("members that are made alike run once") {
  cluster_fixture c;
  c.join(a_node("n1").cpu(100).memory(int64_t{1} << 40));
  auto job = a_build("a").tasks(50);
  job.spec().env = {{"TROUPE_COUNT", ""}, {"TROUPE_INDEX", ""}};
  c.submit(job);
  c.place();
  c.started({"a", 0});
  CHECK(c.core.find_job("a")->live() == 1);
  c.ended({"a", 0});
  CHECK(c.core.find_job("a")->in_state(task_state::cached) == 49);
  CHECK(c.is_over("a"));
  c.check_copies();
}

TEST_CASE("an array of a million is looked up as it is placed") {
  cluster_fixture c{{.lookups_max = 100, .lookups_ahead = 200}};
  c.check = false;
  c.join(a_node("n1").cpu(500).memory(int64_t{1} << 40));
  c.submit(a_build("a").tasks(1'000'000));
  CHECK(c.core.next_wake() == c.now);
  c.pass(1s);
  // No more than wait for a place soon, and none of them has a record.
  CHECK_FALSE(c.core.next_wake());
  CHECK(c.core.find_job("a")->tasks.empty());
  CHECK(c.core.find_job("a")->lookup->missed.size() == 200);
  CHECK(c.place() >= 3);
  CHECK(c.core.find_job("a")->live() == 500);
  CHECK(c.core.find_job("a")->tasks.size() == 500);
  CHECK(c.core.find_job("a")->lookup->missed.size() <= 200);
  CHECK(c.core.check_invariants() == "");
}

TEST_CASE("results are given some at a time, and all in the end") {
  cluster_fixture c{{.lookups_max = 10, .lookups_ahead = 20}};
  c.join(a_node("n1").cpu(100).memory(int64_t{1} << 40));
  c.submit(a_build("a").tasks(95));
  while (c.place() > 0 || c.core.next_wake())
    c.pass(1ms);
  for (uint32_t i = 0; i < 95; ++i) {
    c.started({"a", i});
    c.ended({"a", i});
  }
  c.submit(a_build("b").tasks(95));
  CHECK(c.core.find_job("b")->in_state(task_state::cached) == 10);
  while (c.core.next_wake())
    c.pass(1ms);
  CHECK(c.is_over("b"));
  CHECK(c.core.find_job("b")->in_state(task_state::cached) == 95);
  c.check_copies();
}

TEST_CASE("a result releases who waits for the job, one after another") {
  built c;
  c.submit(a_build("second").after("first"));
  CHECK(c.state_of({"second", 0}) == task_state::cached);
  c.submit(a_build("slow").command({"sleep"}));
  c.submit(a_build("third").after("slow"));
  c.submit(a_build("fourth").after("third"));
  // Its result is not taken before it may run: what it reads may be new then.
  CHECK(c.state_of({"third", 0}) == task_state::pending);
  c.place();
  c.started({"slow", 0});
  c.ended({"slow", 0});
  CHECK(c.state_of({"third", 0}) == task_state::cached);
  CHECK(c.state_of({"fourth", 0}) == task_state::cached);
  c.check_copies();
}

TEST_CASE("a run of a schedule may be a result") {
  built c;
  c.submit(a_build("nightly").schedule("*/10 * * * *"));
  CHECK(c.state_of({"nightly", 0}) == task_state::pending);
  c.pass(10min);
  CHECK(c.state_of({"nightly", 0}) == task_state::cached);
  c.pass(10min);
  CHECK(c.core.results().statistics().hits == 2);
  c.pass(24h);
  c.place();
  CHECK(c.state_of({"nightly", 0}) == task_state::placed);
  c.check_copies();
}

TEST_CASE("who restarts a task wants a run") {
  built c;
  c.submit(a_build("second"));
  c.done(restart_task{{"second", 0}});
  CHECK(c.kept() == 0);
  CHECK(c.place() == 1);
  CHECK(c.state_of({"second", 0}) == task_state::placed);
  c.started({"second", 0});
  c.ended({"second", 0});
  CHECK(c.kept() == 1);
  CHECK(c.ask_about(get_task{{"second", 0}}).at("cachedFrom").is_null());
  c.check_copies();
}

TEST_CASE(
  "a task that failed may have the result of another instead of a run") {
  built c;
  c.submit(a_build("other").command({"x"}).retries(3).delay(1s));
  c.place();
  c.started({"other", 0});
  c.submit(a_build("twin").command({"x"}));
  c.ended({"other", 0}, 7);
  c.place();
  c.started({"twin", 0});
  c.ended({"twin", 0});
  c.pass(1s);
  CHECK(c.state_of({"other", 0}) == task_state::cached);
  auto view = c.ask_about(get_task{{"other", 0}});
  CHECK(view.at("exitCode") == 0);
  CHECK(view.at("attempts").at(0).at("exitCode") == 7);
  CHECK(view.at("attempts").at(0).at("state") == "failed");
  c.check_copies();
}

// -- images ------------------------------------------------------------------

TEST_CASE("images are told apart by the digest that ran last") {
  cluster_fixture c;
  c.join(a_node("n1").cpu(8));
  auto build = [](const std::string& name, const std::string& image) {
    auto x = a_build(name);
    x.spec().image = image;
    return x;
  };
  auto run = [&](const task_ref& x, const std::string& digest) {
    c.place();
    c.started(x);
    task_report report = a_report{c.item_of(x), task_state::succeeded};
    report.image_digest = digest;
    c.report("n1", report);
  };
  // Both are known by their tag until one has ended.
  c.submit(build("a", "gcc:13"));
  c.submit(build("b", "gcc:13"));
  c.submit(build("c", "gcc:latest"));
  run({"a", 0}, "sha256:01");
  CHECK(c.state_of({"b", 0}) == task_state::cached);
  c.check_copies();
  // The same image by another name, of which that is learnt only by a run.
  run({"c", 0}, "sha256:01");
  c.submit(build("d", "gcc:latest"));
  CHECK(c.state_of({"d", 0}) == task_state::cached);
  CHECK(c.core.results().entries().size() == 1);
  // The tag moves: who uses it next runs.
  c.done(forget_results{{.job = "c"}});
  c.submit(build("e", "gcc:13"));
  run({"e", 0}, "sha256:02");
  c.submit(build("f", "gcc:13"));
  CHECK(c.state_of({"f", 0}) == task_state::cached);
  c.submit(build("pinned", "gcc@sha256:02"));
  CHECK(c.state_of({"pinned", 0}) == task_state::cached);
  c.submit(build("pinned-old", "gcc@sha256:01"));
  CHECK(c.state_of({"pinned-old", 0}) == task_state::pending);
  c.check_copies();
}

TEST_CASE("whoever waits when a tag moves is looked up anew") {
  cluster_fixture c;
  c.join(a_node("n1").cpu(1));
  auto build
    = [](const std::string& name, const char* image, const char* what) {
        auto x = a_build(name).command({what});
        x.spec().image = image;
        return x;
      };
  auto run = [&](const task_ref& x, const std::string& digest) {
    c.place();
    c.started(x);
    task_report report = a_report{c.item_of(x), task_state::succeeded};
    report.image_digest = digest;
    c.report("n1", report);
  };
  c.submit(build("pinned", "gcc@sha256:02", "make"));
  run({"pinned", 0}, "sha256:02");
  // There is room for one: the second waits, known by its tag.
  c.submit(build("teacher", "gcc:13", "other"));
  c.place();
  c.submit(build("pupil", "gcc:13", "make"));
  c.place();
  CHECK(c.state_of({"pupil", 0}) == task_state::pending);
  c.started({"teacher", 0});
  task_report report
    = a_report{c.item_of({"teacher", 0}), task_state::succeeded};
  report.image_digest = "sha256:02";
  c.report("n1", report);
  CHECK(c.state_of({"pupil", 0}) == task_state::cached);
  c.check_copies();
}

// -- what users ask ----------------------------------------------------------

TEST_CASE("results are forgotten by key, job and prefix") {
  built c;
  c.submit(a_build("etl").command({"x"}));
  c.place();
  c.started({"etl", 0});
  c.ended({"etl", 0});
  CHECK(c.kept() == 2);
  auto key = c.key_of({"first", 0});
  CHECK(c.core.rehearse(forget_results{}, c.now)->removed == 2);
  CHECK(c.kept() == 2);
  SUBCASE("by key") {
    CHECK(c.done(forget_results{{.key = key}}).removed == 1);
    auto again = c.ask(forget_results{{.key = key}});
    REQUIRE_FALSE(again);
    CHECK(again.error().kind == refusal_kind::not_found);
    c.submit(a_build("second"));
    CHECK(c.state_of({"second", 0}) == task_state::pending);
  }
  SUBCASE("by job") {
    CHECK(c.done(forget_results{{.job = "etl"}}).removed == 1);
    CHECK(c.done(forget_results{{.job = "etl"}}).removed == 0);
  }
  SUBCASE("by prefix") {
    CHECK(c.done(forget_results{{.prefix = "et"}}).removed == 1);
    CHECK(c.done(forget_results{{.prefix = key.substr(0, 8)}}).removed == 1);
  }
  SUBCASE("all") {
    CHECK(c.done(forget_results{}).removed == 2);
    CHECK(c.said().find("cacheInvalidated") != std::string::npos);
  }
  c.check_copies();
}

TEST_CASE("there is room for as many results as the settings say") {
  built c;
  c.done(change_settings{.cache_entries = 2});
  for (auto name : {"x", "y"}) {
    c.submit(a_build(name).command({name}));
    c.place();
    c.started({name, 0});
    c.ended({name, 0});
  }
  CHECK(c.kept() == 2);
  c.submit(a_build("second"));
  CHECK(c.state_of({"second", 0}) == task_state::pending);
  CHECK(c.core.results().statistics().evictions == 1);
  c.done(change_settings{.cache_entries = 1});
  CHECK(c.kept() == 1);
  for (auto wrong : {0U, 1'000'001U}) {
    auto refused = c.ask(change_settings{.cache_entries = wrong});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().problems.at(0).pointer == "/cacheEntries");
  }
  c.check_copies();
}

TEST_CASE("the list of results shows who had them, and how they are used") {
  built c;
  c.submit(a_build("second"));
  c.submit(a_build("other").command({"x"}));
  c.place();
  c.started({"other", 0});
  c.ended({"other", 0});
  auto list = c.ask_about(list_results{{}, 1});
  auto next = list.at("nextCursor").as_string();
  CHECK(list.at("items").as_array().size() == 1);
  auto rest = c.ask_about(list_results{{}, 1, std::string{next}});
  CHECK(rest.at("items").as_array().size() == 1);
  CHECK(rest.at("nextCursor").is_null());
  auto mine = c.ask_about(list_results{{.job = "first"}}).at("items");
  REQUIRE(mine.as_array().size() == 1);
  auto& item = mine.at(0);
  CHECK(item.at("key").as_string() == c.key_of({"first", 0}));
  CHECK(item.at("task") == "first.0");
  CHECK(item.at("hits") == 1);
  CHECK(item.at("exitCode") == 0);
  CHECK(item.at("durationSeconds") == 3.0);
  CHECK(list.at("statistics")
        == boost::json::parse(R"({"hits": 1, "joined": 0, "misses": 2,
             "evictions": 0, "expirations": 0, "invalidations": 0,
             "entries": 2, "capacity": 10000})"));
  c.pass(24h);
  CHECK(c.ask_about(list_results{}).at("items").as_array().empty());
}

TEST_CASE("why says whether a result was there, and under which key") {
  built c;
  CHECK(c.why({"first", 0}).find("; its result is kept until ")
        != std::string::npos);
  c.submit(a_build("second"));
  auto why = c.ask_about(get_why{task_ref{"second", 0}});
  CHECK(why.at("cache").at("lookup") == "hit");
  CHECK(why.at("cache").at("key").as_string() == c.key_of({"first", 0}));
  CHECK(why.at("state") == "cached");
  c.submit(a_job("plain"));
  CHECK_FALSE(
    c.ask_about(get_why{task_ref{"plain", 0}}).as_object().contains("cache"));
  c.done(forget_results{});
  CHECK(c.why({"first", 0}).find("; its result is not kept any more")
        != std::string::npos);
}

TEST_CASE("results are for batch jobs that are no gangs") {
  cluster_fixture c;
  auto pointer_of = [&](a_job job) {
    auto result = c.ask(submit_jobs{{a_job("fine"), job}, {}});
    REQUIRE_FALSE(result);
    return result.error().problems.at(0).pointer;
  };
  CHECK(pointer_of(a_build("x").service()) == "/1/cache");
  CHECK(pointer_of(a_build("x").on_every_node()) == "/1/cache");
  CHECK(pointer_of(a_build("x").gang()) == "/1/cache");
  CHECK(c.core.version() == 0);
}

TEST_CASE("a plan knows what need not run") {
  built c;
  plan_change change;
  change.submit
    = {a_build("second").tasks(1).cpu(400), a_build("other").command({"x"})};
  auto plan = runtime::plan_of(runtime::image_of(c.core, {}, c.now), change);
  REQUIRE(plan);
  CHECK(plan->moves.size() == 1);
  CHECK(plan->moves.at(0).task == task_ref{"other", 0});
  CHECK(plan->counts.does_not_fit == 0);
}

// -- chance ------------------------------------------------------------------

TEST_CASE("whatever happens to jobs with results, all indices agree") {
  for (unsigned seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    std::mt19937 chance{seed};
    auto below
      = [&](uint32_t n) { return static_cast<uint32_t>(chance() % n); };
    cluster_fixture c{
      {.finished_jobs_max = 4, .lookups_max = 3, .lookups_ahead = 4}};
    c.join(a_node("n0").cpu(3));
    c.join(a_node("n1").cpu(3));
    auto job_name = [&] { return "j" + std::to_string(below(5)); };
    auto live = [&]() -> std::optional<task_ref> {
      std::vector<task_ref> all;
      for (auto& [name, job] : c.core.jobs())
        for (uint32_t i = 0; i < job.tasks.size(); ++i)
          if (holds_capacity(job.tasks[i].state)
              && job.tasks[i].state != task_state::lost)
            all.push_back({name, i});
      if (all.empty())
        return std::nullopt;
      return all[below(static_cast<uint32_t>(all.size()))];
    };
    for (auto step = 0; step < 250; ++step) {
      switch (below(12)) {
      case 0:
      case 1:
      case 2: {
        auto job = a_job(job_name()).tasks(1 + below(8)).retries(below(2));
        job.command({std::string(1, static_cast<char>('a' + below(2)))});
        if (below(5) > 0)
          job.cached(below(2) == 0 ? 1min : 24h);
        if (below(4) == 0)
          job.spec().env = {{"TROUPE_COUNT", ""}, {"TROUPE_INDEX", ""}};
        job.spec().image = below(2) == 0 ? "" : "gcc";
        c.submit(job);
        break;
      }
      case 3:
        static_cast<void>(c.ask(stop_job{job_name(), below(2) == 0}));
        break;
      case 4:
        static_cast<void>(c.ask(scale_job{job_name(), below(9)}));
        break;
      case 5:
        static_cast<void>(c.ask(restart_task{{job_name(), below(4)}}));
        break;
      case 6:
        c.pass(milliseconds{below(60'000)});
        break;
      case 7:
        static_cast<void>(c.ask(stop_task{{job_name(), below(6)}}));
        break;
      case 8:
        c.done(change_node_health{"n1", below(2) == 0 ? node_state::unhealthy
                                                      : node_state::ready});
        break;
      default:
        c.place(1 + below(4));
        if (auto x = live()) {
          auto ends
            = a_report{c.item_of(*x), below(3) == 0 ? task_state::failed
                                                    : task_state::succeeded};
          task_report report = ends.why(reason::none);
          report.image_digest = below(3) == 0 ? "sha256:01" : "sha256:02";
          c.report(c.node_of(*x), report);
        }
      }
    }
    c.check_copies();
  }
}

} // namespace troupe
