// What the ledger must complain of, where no part that is stood in for could do it
// wrong.

#include <doctest/doctest.h>

#include "tests/sim/ledger.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::sim;

namespace {

constexpr auto node = "m0";

/// Facts about one node, said one after another.
class story {
public:
  explicit story(int64_t cpu_millicores) {
    node_joined fact{node, {}};
    fact.profile.name = node;
    fact.profile.capacity = {cpu_millicores, int64_t{8} << 30, 0, {}};
    say(std::move(fact));
  }

  void submit(const std::string& name, int64_t cpu_millicores,
              int32_t priority = 0, uint32_t gang_min = 0, uint32_t count = 1) {
    job_spec x;
    x.name = name;
    x.request = {cpu_millicores, 1 << 20, 0, {}};
    x.priority = priority;
    x.count = count;
    if (gang_min > 0)
      x.gang = gang_request{"", gang_min, 0};
    say(
      job_submitted{name, std::make_shared<const job_spec>(std::move(x)), {}});
  }

  allocation_id place(const task_ref& x, uint32_t attempt = 1) {
    say(task_placed{x, attempt, node, {}, {}});
    return {version_};
  }

  void preempt(const task_ref& x, const task_ref& by) {
    say(task_preempted{x, node, by});
  }

  void
  hold(const task_ref& x, allocation_id awaits, std::vector<task_ref> victims) {
    place_held fact;
    fact.task = x;
    fact.node = node;
    fact.awaits = {awaits};
    fact.victims = std::move(victims);
    fact.until = {1'000'000};
    say(std::move(fact));
  }

  void end(const task_ref& x, reason why = reason::preempted) {
    say(task_ended{x, 1, node, task_state::stopped, why});
  }

  void reserve(const std::string& gang, uint32_t members) {
    gang_reserved fact;
    fact.gang = gang;
    fact.until = {1'000'000};
    for (uint32_t i = 0; i < members; ++i)
      fact.places.push_back({{gang, i}, node, {}, {}});
    say(std::move(fact));
  }

  void say(fact x) {
    ++version_;
    ++now_.ms;
    ledger_.take({version_, now_, std::move(x)});
  }

  void pass(std::chrono::milliseconds x) { now_.ms += x.count(); }
  [[nodiscard]] timestamp now() const { return now_; }

  /// What is complained of, as far as it holds `part`.
  [[nodiscard]] bool complains_of(const std::string& part) {
    ledger_.check_gangs();
    for (auto& x : ledger_.breaches)
      if (x.find(part) != std::string::npos)
        return true;
    return false;
  }
  [[nodiscard]] bool is_content() { return !complains_of(""); }

private:
  ledger ledger_;
  version_number version_ = 0;
  timestamp now_;
};

job_spec a_job(const std::string& name) {
  job_spec result;
  result.name = name;
  result.request = {100, 1 << 20, 0, {}};
  return result;
}

job_submitted submitted(job_spec x) {
  auto name = x.name;
  return {name, std::make_shared<const job_spec>(std::move(x)), {}};
}

} // namespace

TEST_CASE("nobody makes room for who counts no more") {
  story x{1'000};
  x.submit("low", 1'000, 10);
  x.submit("same", 1'000, 10);
  x.submit("high", 1'000, 11);
  x.place({"low", 0});
  SUBCASE("but for who counts more") {
    x.preempt({"low", 0}, {"high", 0});
    CHECK(x.is_content());
  }
  SUBCASE("and not for others") {
    x.preempt({"low", 0}, {"same", 0});
    CHECK(x.complains_of("it counts no less than whom it makes room for"));
  }
}

TEST_CASE("nobody is preempted in vain") {
  story x{1'500};
  x.submit("low", 500);
  x.submit("high", 1'000, 10);
  auto low = x.place({"low", 0});
  x.preempt({"low", 0}, {"high", 0});
  SUBCASE("where there is room without") {
    x.hold({"high", 0}, low, {{"low", 0}});
    CHECK(x.complains_of("low.0 is preempted in vain"));
  }
  SUBCASE("or for a place that nobody is given") {
    x.submit("other", 100);
    CHECK(x.complains_of("somebody is preempted for nobody"));
  }
}

TEST_CASE("a place that is kept is given to nobody else, and not too early") {
  story x{1'000};
  x.submit("low", 1'000);
  x.submit("high", 1'000, 10);
  auto low = x.place({"low", 0});
  x.preempt({"low", 0}, {"high", 0});
  x.hold({"high", 0}, low, {{"low", 0}});
  SUBCASE("not before who has it has left") {
    x.place({"high", 0});
    CHECK(x.complains_of("a place that somebody has not left"));
  }
  x.end({"low", 0});
  SUBCASE("not before he waits again") {
    x.place({"high", 0});
    CHECK(x.complains_of("low.0 does not wait"));
  }
  SUBCASE("not to others") {
    x.submit("other", 1'000);
    x.place({"other", 0});
    CHECK(x.complains_of("more is kept on m0 than there is"));
  }
  SUBCASE("but then") {
    x.say(task_requeued{{"low", 0}, reason::preempted, "", {}, ""});
    x.place({"high", 0});
    CHECK(x.is_content());
  }
}

TEST_CASE("a gang starts as a whole and does not go on with too few") {
  story x{10'000};
  x.submit("gang", 100, 0, 2, 3);
  SUBCASE("not before it is committed") {
    x.place({"gang", 0});
    CHECK(x.complains_of("before its gang is committed"));
    return;
  }
  SUBCASE("not with too few") {
    x.reserve("gang", 1);
    CHECK(x.complains_of("it reserves too few places"));
    return;
  }
  x.reserve("gang", 2);
  x.say(gang_committed{"gang"});
  x.place({"gang", 0});
  x.place({"gang", 1});
  REQUIRE(x.is_content());
  SUBCASE("one is lost") {
    x.end({"gang", 0}, reason::node_lost);
    CHECK(x.complains_of("gang gang runs with 1 members"));
  }
  SUBCASE("one is lost, and the other may go on") {
    x.end({"gang", 0}, reason::node_lost);
    x.say(gang_broken{"gang", ""});
    CHECK(x.complains_of("has too few members, and some may go on"));
    SUBCASE("until it is stopped") {
      x.say(task_stopping{{"gang", 1}, reason::gang_incomplete, "", true});
    }
  }
}

TEST_CASE("each tick of a schedule is told once, also by the next controller") {
  story x{10'000};
  auto nightly = a_job("nightly");
  nightly.kind = job_kind::batch;
  nightly.schedule = schedule_rule{"* * * * *", "UTC", overlap_rule::skip};
  x.say(submitted(nightly));
  job_ticked tick;
  tick.job = "nightly";
  auto tell = [&](int64_t minute) {
    tick.at = {minute * 60'000};
    tick.outcome = tick_outcome::started;
    tick.count = 1;
    x.say(tick);
  };
  SUBCASE("and not before its time") {
    tell(1);
    CHECK(x.complains_of("it ticks before its time"));
    return;
  }
  x.pass(60s);
  tell(1);
  REQUIRE(x.is_content());
  x.say(leader_elected{"another", "1"});
  SUBCASE("not twice") {
    x.place({"nightly", 0});
    x.say(task_ended{{"nightly", 0}, 1, node, task_state::succeeded});
    tell(1);
    CHECK(x.complains_of("a tick is told twice, or is left out"));
  }
  SUBCASE("and none is left out") {
    x.pass(120s);
    tell(3);
    CHECK(x.complains_of("a tick is told twice, or is left out"));
  }
  SUBCASE("but the next one when it is due") {
    x.pass(60s);
    tell(2);
    CHECK(x.is_content());
  }
}

TEST_CASE("a task gets the result of one that did the same, and did it well") {
  story x{10'000};
  auto spec = a_job("first");
  spec.kind = job_kind::batch;
  spec.cache = cache_rule{10s, {}};
  x.say(submitted(spec));
  auto ran = x.place({"first", 0});
  auto end = [&](task_state how) {
    x.say(task_ended{{"first", 0}, 1, node, how});
  };
  auto hit = [&](const std::string& job) {
    cache_hit fact;
    fact.task = {job, 0};
    fact.result.task = {"first", 0};
    fact.result.allocation = ran;
    x.say(std::move(fact));
  };
  spec.name = "second";
  SUBCASE("so it is") {
    x.say(submitted(spec));
    end(task_state::succeeded);
    hit("second");
    CHECK(x.is_content());
    SUBCASE("once") {
      hit("second");
      CHECK(x.complains_of("that does not wait"));
    }
  }
  SUBCASE("it has not ended") {
    x.say(submitted(spec));
    hit("second");
    CHECK(x.complains_of("the result of one that has not succeeded"));
  }
  SUBCASE("it has failed") {
    x.say(submitted(spec));
    end(task_state::failed);
    hit("second");
    CHECK(x.complains_of("the result of one that has not succeeded"));
  }
  SUBCASE("it did something else") {
    spec.simulate.duration = 1s;
    x.say(submitted(spec));
    end(task_state::succeeded);
    hit("second");
    CHECK(x.complains_of("did something else"));
  }
  SUBCASE("it is too long ago") {
    x.say(submitted(spec));
    end(task_state::succeeded);
    x.pass(11s);
    hit("second");
    CHECK(x.complains_of("a result that is too old"));
  }
  SUBCASE("it did not ask for any") {
    spec.cache.reset();
    x.say(submitted(spec));
    end(task_state::succeeded);
    hit("second");
    CHECK(x.complains_of("that nobody asked for"));
  }
}

TEST_CASE("nobody is placed where his driver does not work") {
  story x{10'000};
  auto spec = a_job("job");
  spec.driver = driver_kind::simulated;
  x.say(submitted(spec));
  x.say(node_troubled{node, {"simulated"}, "it hangs"});
  SUBCASE("until it works again") {
    x.say(node_troubled{node, {}, ""});
    x.place({"job", 0});
    CHECK(x.is_content());
  }
  SUBCASE("not before") {
    x.place({"job", 0});
    CHECK(x.complains_of("its driver does not work"));
  }
}
