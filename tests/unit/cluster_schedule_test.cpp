// Jobs that run at set times.

#include "runtime/views/answer.hpp"

#include "tests/unit/cluster_fixture.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

/// A cluster at five seconds to ten, with room for 4 tasks.
struct late_morning : cluster_fixture {
  late_morning() {
    now = *read_timestamp("2026-11-22T09:59:55.000Z");
    join(a_node("n1"));
  }

  /// Submits `nightly`, which runs every minute unless told otherwise.
  void submit_nightly(overlap_rule overlap = overlap_rule::skip,
                      std::string cron = "* * * * *", uint32_t tasks = 1) {
    submit(a_job("nightly").tasks(tasks).delay(1s).retries(1).schedule(
      std::move(cron), "UTC", overlap));
    forget_said();
  }
  [[nodiscard]] const runtime::job_record& nightly() const {
    return *core.find_job("nightly");
  }
  /// Ticks since the last call: minute, outcome and count.
  std::string ticks() {
    std::string result;
    for (; read_ < events.size(); ++read_)
      if (auto* x = std::get_if<job_ticked>(&events[read_].what))
        result += to_string(x->at).substr(11, 5) + ' '
                  + json::name_of(x->outcome)
                  + (x->count > 1 ? " " + std::to_string(x->count) : "") + '\n';
    return result;
  }
  /// Places `nightly.0` and lets it begin.
  void begin() {
    place();
    started({"nightly", 0});
  }
  [[nodiscard]] boost::json::object view() const {
    auto found = runtime::answer(core, {}, get_job{"nightly"}, now);
    REQUIRE(found.has_value());
    return found->get_object();
  }
  [[nodiscard]] boost::json::object why() const {
    auto found = runtime::answer(core, {}, get_why{.job = "nightly"}, now);
    REQUIRE(found.has_value());
    return found->get_object();
  }

private:
  size_t read_ = 0;
};

} // namespace

TEST_CASE("a job with a schedule runs at each tick, not when it is submitted") {
  late_morning c;
  c.submit_nightly(overlap_rule::skip, "* * * * *", 2);
  CHECK(c.place() == 0);
  CHECK(c.core.next_wake() == c.now + 5s);
  c.pass(5s);
  CHECK(
    c.said()
    == R"(jobTicked {"outcome":"started","job":"nightly","at":"2026-11-22T10:00:00.000Z"}
)");
  c.place();
  for (uint32_t i = 0; i < 2; ++i) {
    c.started({"nightly", i});
    c.ended({"nightly", i});
  }
  CHECK(c.nightly().finished_at == 0);
  // Until the next tick they are as they ended.
  c.pass(59s);
  CHECK(c.place() == 0);
  CHECK(c.state_of({"nightly", 1}) == task_state::succeeded);
  CHECK(runtime::state_of(c.nightly()) == job_state::succeeded);
  c.pass(1s);
  c.place();
  CHECK(c.core.find_task({"nightly", 0})->attempt == 2);
  CHECK(c.core.find_task({"nightly", 1})->attempt == 2);
  CHECK(c.nightly().past.at(1).size() == 1);
  CHECK(c.ticks() == "10:00 started\n10:01 started\n");
  c.check_copies();
}

TEST_CASE("what waits for its time says when that is") {
  late_morning c;
  c.submit(a_job("nightly").schedule("30 2 * * *", "Europe/Paris"));
  auto why = c.why();
  CHECK(why.at("reason") == "waitingForSchedule");
  CHECK(why.at("message") == "next run at 2026-11-23 02:30 (Europe/Paris)");
  auto view = c.view();
  CHECK(view.at("state") == "pending");
  CHECK(view.at("schedule").at("next") == "2026-11-23T01:30:00.000Z");
  CHECK(view.at("schedule").at("last").is_null());
  CHECK(view.at("reasons").at("waitingForSchedule") == 1);
  auto queue = runtime::answer(c.core, {}, list_queue{}, c.now);
  REQUIRE(queue.has_value());
  CHECK(queue->at("items").at(0).at("notBefore") == "2026-11-23T01:30:00.000Z");
  c.now = *read_timestamp("2026-11-23T01:30:01.000Z");
  c.pass(0s);
  c.begin();
  c.ended({"nightly", 0}, 3);
  view = c.view();
  CHECK(view.at("state") == "failed");
  CHECK(view.at("schedule").at("last") == "2026-11-23T01:30:00.000Z");
  CHECK(view.at("schedule").at("outcome") == "started");
  CHECK(c.why().at("message").get_string().find(
          "next run at 2026-11-24 02:30 (Europe/Paris)")
        != std::string::npos);
}

TEST_CASE("a tick during a run is skipped, unless the job wants otherwise") {
  late_morning c;
  SUBCASE("skip") {
    c.submit_nightly(overlap_rule::skip);
    c.pass(5s);
    c.begin();
    c.pass(1min);
    c.pass(1min);
    CHECK(c.ticks() == "10:00 started\n10:01 skipped\n10:02 skipped\n");
    c.ended({"nightly", 0});
    CHECK(c.place() == 0);
    c.pass(1min);
    CHECK(c.ticks() == "10:03 started\n");
  }
  SUBCASE("queue") {
    c.submit_nightly(overlap_rule::queue);
    c.pass(5s);
    c.begin();
    c.pass(1min);
    c.pass(1min);
    // One run follows, however many ticks came.
    CHECK(c.ticks() == "10:00 started\n10:01 queued\n10:02 skipped\n");
    c.ended({"nightly", 0});
    CHECK(c.ticks() == "10:01 started\n");
    c.begin();
    CHECK(c.core.find_task({"nightly", 0})->attempt == 2);
    c.ended({"nightly", 0});
    CHECK(c.ticks() == "");
  }
  SUBCASE("replace") {
    c.submit_nightly(overlap_rule::replace);
    c.pass(5s);
    c.begin();
    c.pass(1min);
    CHECK(c.ticks() == "10:00 started\n10:01 replaced\n");
    CHECK(c.core.find_task({"nightly", 0})->stopping);
    c.stopped({"nightly", 0});
    c.begin();
    CHECK(c.core.find_task({"nightly", 0})->attempt == 2);
    c.ended({"nightly", 0});
    CHECK(c.place() == 0);
  }
  c.check_copies();
}

TEST_CASE("a queued run waits for the retries of the one before it") {
  late_morning c;
  c.submit_nightly(overlap_rule::queue);
  c.pass(5s);
  c.begin();
  c.pass(1min);
  c.ended({"nightly", 0}, 1);
  CHECK(c.ticks() == "10:00 started\n10:01 queued\n");
  c.pass(1s);
  c.begin();
  c.ended({"nightly", 0}, 1);
  CHECK(c.ticks() == "10:01 started\n");
}

TEST_CASE("each run has all the retries of the job") {
  late_morning c;
  c.submit_nightly();
  for (auto wait : {5000ms, 57'000ms}) {
    c.pass(wait);
    c.begin();
    c.ended({"nightly", 0}, 1);
    c.pass(1s);
    c.begin();
    c.pass(1s);
    c.ended({"nightly", 0}, 1);
    c.pass(1s);
    CHECK(c.place() == 0);
  }
  CHECK(c.core.find_task({"nightly", 0})->attempt == 4);
}

TEST_CASE("a tick that finds a task in its delay lets it start at once") {
  late_morning c;
  c.submit(a_job("nightly").delay(5min).retries(3).schedule(
    "* * * * *", "UTC", overlap_rule::replace));
  c.pass(5s);
  c.begin();
  c.ended({"nightly", 0}, 1);
  CHECK(c.place() == 0);
  c.pass(1min);
  CHECK(c.place() == 1);
}

TEST_CASE("after a time without a controller one run makes up for all") {
  late_morning c;
  c.submit_nightly();
  c.pass(5s);
  c.begin();
  c.ended({"nightly", 0});
  CHECK(c.ticks() == "10:00 started\n");
  // What the journal holds is all that the next one knows.
  cluster_fixture next;
  CHECK(
    cluster_fixture::read_image(next.core, cluster_fixture::image_of(c.core))
    == "");
  next.events = c.events;
  next.now = c.now + 3h + 30s;
  next.done(take_lead{"b", "1"});
  next.forget_said();
  next.pass(0s);
  CHECK(
    next.said()
    == R"(jobTicked {"outcome":"missed","job":"nightly","at":"2026-11-22T12:59:00.000Z","count":179}
jobTicked {"outcome":"started","job":"nightly","at":"2026-11-22T13:00:00.000Z"}
)");
  CHECK(next.place() == 1);
  next.pass(0s);
  CHECK(next.core.next_wake() == next.now + 30s);
  CHECK(next.core.check_invariants() == "");
}

TEST_CASE("however long nobody was there, few facts tell it") {
  late_morning c;
  c.submit_nightly();
  c.now = *read_timestamp("2046-11-22T10:00:30.000Z");
  c.pass(0s);
  auto missed = std::get<job_ticked>(c.events[c.events.size() - 2].what);
  CHECK(missed.outcome == tick_outcome::missed);
  CHECK(missed.at == *read_timestamp("2046-11-22T09:59:00.000Z"));
  CHECK(missed.count == 10'000);
  CHECK(std::get<job_ticked>(c.events.back().what).at
        == *read_timestamp("2046-11-22T10:00:00.000Z"));
}

TEST_CASE("no run begins where the clocks are changed that should not") {
  cluster_fixture c;
  c.now = *read_timestamp("2026-10-24T12:00:00.000Z");
  c.join(a_node("n1"));
  c.submit(a_job("nightly").schedule("30 2 * * *", "Europe/Paris"));
  auto runs = 0;
  for (int i = 0; i < 48; ++i) {
    c.pass(30min);
    if (c.place() == 0)
      continue;
    ++runs;
    c.started({"nightly", 0});
    c.ended({"nightly", 0});
    CHECK(to_string(c.now) == "2026-10-25T00:30:00.000Z");
  }
  CHECK(runs == 1);
}

TEST_CASE("a stopped job runs at no tick") {
  late_morning c;
  c.submit_nightly();
  c.pass(5s);
  c.begin();
  c.done(stop_job{"nightly"});
  c.stopped({"nightly", 0});
  CHECK(c.is_over("nightly"));
  CHECK(!c.core.next_wake());
  c.pass(1h);
  CHECK(c.ticks() == "10:00 started\n");
  CHECK(runtime::state_of(c.nightly()) == job_state::stopped);
  // Submitted again it begins anew.
  c.submit_nightly();
  CHECK(c.place() == 0);
  CHECK(c.core.next_wake());
  c.check_copies();
}

TEST_CASE("a job that is asked for again while it stops waits for its tick") {
  late_morning c;
  c.submit_nightly(overlap_rule::skip, "* * * * *", 2);
  c.pass(5s);
  c.begin();
  c.done(stop_job{"nightly"});
  c.submit_nightly(overlap_rule::skip, "* * * * *", 3);
  c.stopped({"nightly", 0});
  c.stopped({"nightly", 1});
  CHECK(c.place() == 0);
  c.pass(1min);
  c.place();
  CHECK(c.state_of({"nightly", 2}) == task_state::placed);
}

TEST_CASE("a new schedule counts from when it was given") {
  late_morning c;
  c.submit_nightly();
  c.pass(5s);
  c.begin();
  c.ended({"nightly", 0});
  c.pass(30s);
  c.submit_nightly(overlap_rule::skip, "0 * * * *");
  CHECK(c.nightly().job_version == 2);
  CHECK(c.place() == 0);
  CHECK(c.core.next_wake() == *read_timestamp("2026-11-22T11:00:00.000Z"));
  c.check_copies();
  // The same times with another program: no tick is lost.
  c.pass(59min);
  c.submit(a_job("nightly").command({"new"}).schedule("0 * * * *"));
  c.pass(1min);
  CHECK(c.ticks() == "10:00 started\n11:00 started\n");
  // Without a schedule it is a job like others, and its run goes on.
  c.begin();
  c.submit(a_job("nightly"));
  CHECK(!c.core.next_wake());
  c.ended({"nightly", 0});
  CHECK(c.is_over("nightly"));
}

TEST_CASE("new members run in the run that is under way, or in the next") {
  late_morning c;
  c.submit_nightly();
  c.pass(5s);
  c.begin();
  c.done(scale_job{"nightly", 2});
  c.place();
  CHECK(c.state_of({"nightly", 1}) == task_state::placed);
  c.started({"nightly", 1});
  c.ended({"nightly", 0});
  c.ended({"nightly", 1});
  c.done(scale_job{"nightly", 3});
  CHECK(c.place() == 0);
  CHECK(runtime::state_of(c.nightly()) == job_state::succeeded);
  c.pass(1min);
  c.place();
  CHECK(c.state_of({"nightly", 2}) == task_state::placed);
  c.check_copies();
}

TEST_CASE("whoever restarts a job with a schedule runs it now") {
  late_morning c;
  c.submit_nightly(overlap_rule::skip, "0 3 * * *", 2);
  c.done(restart_job{"nightly"});
  c.place();
  CHECK(c.state_of({"nightly", 0}) == task_state::placed);
  CHECK(c.state_of({"nightly", 1}) == task_state::placed);
  for (uint32_t i = 0; i < 2; ++i) {
    c.started({"nightly", i});
    c.ended({"nightly", i});
  }
  c.done(restart_task{{"nightly", 1}});
  CHECK(c.place() == 1);
  CHECK(c.ticks() == "");
  c.check_copies();
}

TEST_CASE("a schedule is for jobs that end, and must be one") {
  late_morning c;
  auto fault = [&](a_job x) {
    auto result = c.ask(submit_jobs{{x}, {}});
    REQUIRE_FALSE(result);
    return result.error().problems.at(0).pointer;
  };
  CHECK(fault(a_job("x").service().schedule("@daily")) == "/schedule");
  CHECK(fault(a_job("x").schedule("@daily", "Mars/Olympus"))
        == "/schedule/timezone");
  CHECK(fault(a_job("x").schedule("61 * * * *")) == "/schedule/cron");
  c.submit_nightly();
  CHECK(fault(a_job("x").after("nightly")) == "/after/0");
}

TEST_CASE("a scheduled job may also wait for another before its first run") {
  late_morning c;
  c.submit(a_job("setup"));
  c.submit(a_job("nightly").after("setup").schedule("* * * * *"));
  c.place();
  c.pass(5s);
  CHECK(c.place() == 0);
  CHECK(c.why().at("reason") == "waitingForJob");
  c.started({"setup", 0});
  c.ended({"setup", 0});
  CHECK(c.place() == 1);
}

} // namespace troupe
