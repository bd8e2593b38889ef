#include <doctest/doctest.h>

#include "messages/json.hpp"

#include "runtime/agent.hpp"

#include "tests/builders.hpp"

namespace troupe {

namespace {

work_item item_of(uint64_t allocation, work_kind kind = work_kind::start) {
  work_item x;
  x.kind = kind;
  x.task = {"job", static_cast<uint32_t>(allocation)};
  x.attempt = 1;
  x.allocation = {allocation};
  if (kind == work_kind::start)
    x.spec = a_job("job");
  return x;
}

std::vector<uint64_t> allocations(const std::vector<task_report>& xs) {
  std::vector<uint64_t> result;
  for (auto& x : xs)
    result.push_back(x.allocation.value);
  return result;
}

using numbers = std::vector<uint64_t>;

} // namespace

TEST_CASE("a start that is heard twice starts once and is answered twice") {
  runtime::agent a;
  CHECK(a.take({item_of(1)}).start.size() == 1);
  CHECK(a.reports_to_send().empty());
  static_cast<void>(a.note(a_report{item_of(1), task_state::running}));
  auto again = a.take({item_of(1)});
  CHECK(again.start.empty());
  auto reports = a.reports_to_send();
  REQUIRE(reports.size() == 2);
  CHECK(reports[1].state == task_state::running);
}

TEST_CASE("after a restart nothing is started that is known") {
  runtime::agent a;
  a.adopt(item_of(1), {.attempt = 1, .begun = true},
          a_report{item_of(1), task_state::running});
  CHECK(a.size() == 1);
  CHECK(a.find({1}) != nullptr);
  CHECK(a.find({2}) == nullptr);
  auto steps = a.take({item_of(1), item_of(2)});
  REQUIRE(steps.start.size() == 1);
  CHECK(steps.start[0].allocation.value == 2);
}

TEST_CASE("that a task has timed out is known to later lives") {
  runtime::agent a;
  static_cast<void>(a.take({item_of(1)}));
  static_cast<void>(a.note(a_report{item_of(1), task_state::running}));
  auto late = a.note(a_report{item_of(1), task_state::failed}
                       .exit_code(143)
                       .why(reason::timed_out)
                       .message("too late"));
  REQUIRE(late);
  CHECK(late->stopping == reason::timed_out);
  CHECK(late->stop_message == "too late");
}

TEST_CASE("what a driver finds runs only if it has run") {
  runtime::agent a;
  auto state_with = [&](run_phase phase, std::optional<int32_t> exit_code) {
    a.adopt(item_of(1), {.attempt = 1},
            a_report{item_of(1), task_state::starting});
    run_event found;
    found.run = {{1}, 1};
    found.phase = phase;
    found.exit_code = exit_code;
    a.find_run(found);
    CHECK(a.progress({1}).begun);
    return a.join().front().state;
  };
  CHECK(state_with(run_phase::preparing, {}) == task_state::starting);
  CHECK(state_with(run_phase::started, {}) == task_state::running);
  CHECK(state_with(run_phase::ended, 7) == task_state::running);
  CHECK(state_with(run_phase::ended, {}) == task_state::starting);
}

TEST_CASE("what runs is stopped, what does not is said to have stopped") {
  runtime::agent a;
  static_cast<void>(a.take({item_of(1), item_of(2)}));
  static_cast<void>(
    a.note(a_report{item_of(2), task_state::failed}.exit_code(3)));
  static_cast<void>(a.reports_to_send());
  auto steps = a.take({item_of(1, work_kind::stop), item_of(2, work_kind::stop),
                       item_of(3, work_kind::stop)});
  REQUIRE(steps.stop.size() == 1);
  CHECK(steps.stop[0].value == 1);
  auto reports = a.reports_to_send();
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].state == task_state::failed);
  CHECK(reports[0].exit_code == 3);
  CHECK(reports[1].state == task_state::stopped);
  CHECK(reports[1].message == "it was not running here");
}

TEST_CASE("a start that comes after its stop does not start") {
  runtime::agent a;
  static_cast<void>(a.take({item_of(1, work_kind::stop)}));
  static_cast<void>(a.take({item_of(1, work_kind::forget)}));
  static_cast<void>(a.join());
  auto steps = a.take({item_of(1), item_of(2)});
  REQUIRE(steps.start.size() == 1);
  CHECK(steps.start[0].allocation.value == 2);
  auto reports = a.reports_to_send();
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].allocation.value == 1);
  CHECK(reports[0].state == task_state::stopped);
  CHECK(a.find({1}) == nullptr);
}

TEST_CASE("what is forgotten is gone, also if it was never known") {
  runtime::agent a;
  static_cast<void>(a.take({item_of(1)}));
  auto steps
    = a.take({item_of(1, work_kind::forget), item_of(7, work_kind::forget)});
  CHECK(steps.forget == std::vector<run_id>{{{1}, 1}, {{7}, 0}});
  CHECK(a.size() == 0);
  static_cast<void>(a.note(a_report{item_of(1), task_state::succeeded}));
  CHECK(a.reports_to_send().empty());
}

TEST_CASE("nothing follows an end") {
  runtime::agent a;
  static_cast<void>(a.take({item_of(1)}));
  static_cast<void>(
    a.note(a_report{item_of(1), task_state::succeeded}.exit_code(0)));
  static_cast<void>(a.note(a_report{item_of(1), task_state::running}));
  CHECK(a.reports_to_send().size() == 1);
  REQUIRE(a.join().size() == 1);
  CHECK(a.join()[0].state == task_state::succeeded);
}

TEST_CASE("reports leave when they are acknowledged; a hello says the rest") {
  runtime::agent a;
  static_cast<void>(a.take({item_of(1), item_of(2), item_of(3)}));
  for (uint64_t i : {1U, 2U, 3U})
    static_cast<void>(a.note(a_report{item_of(i), task_state::running}));
  CHECK(allocations(a.reports_to_send()) == numbers{1, 2, 3});
  CHECK(a.reports_to_send().empty());
  a.acknowledge(2);
  // A new connection: all that is known, in order, and nothing twice.
  CHECK(allocations(a.join()) == numbers{1, 2, 3});
  CHECK(a.reports_to_send().empty());
  static_cast<void>(a.note(a_report{item_of(2), task_state::failed}));
  auto reports = a.reports_to_send();
  REQUIRE(reports.size() == 1);
  // A late acknowledgement of the connection before means none of these.
  CHECK(reports[0].sequence == 4);
}

// -- restarts on the machine --------------------------------------------------

namespace {

task_report a_restart(uint64_t allocation, uint32_t attempt, timestamp at) {
  auto item = item_of(allocation);
  item.attempt = attempt;
  task_report x
    = a_report{item, task_state::failed}.why(reason::exit_code).exit_code(3);
  x.at = at;
  x.restarts = true;
  return x;
}

task_report an_attempt(uint64_t allocation, uint32_t attempt, task_state x) {
  auto item = item_of(allocation);
  item.attempt = attempt;
  return a_report{item, x};
}

/// An agent that runs allocation 1, whose job is restarted as often as need be.
runtime::agent an_agent() {
  auto item = item_of(1);
  auto spec = a_job("job").service();
  spec.spec().restart.attempts = 1'000'000;
  item.spec = spec;
  runtime::agent result;
  static_cast<void>(result.take({item}));
  static_cast<void>(result.note(an_attempt(1, 1, task_state::running)));
  return result;
}

std::vector<uint32_t> attempts(const std::vector<task_report>& xs) {
  std::vector<uint32_t> result;
  for (auto& x : xs)
    result.push_back(x.attempt);
  return result;
}

using attempt_list = std::vector<uint32_t>;

} // namespace

TEST_CASE("a restart changes what is to be written down, and so does its run") {
  auto a = an_agent();
  auto progress = a.note(a_restart(1, 1, {5'000}));
  REQUIRE(progress);
  CHECK(progress->attempt == 2);
  CHECK_FALSE(progress->begun);
  CHECK(progress->restarts == std::vector<timestamp>{{5'000}});
  REQUIRE(progress->ends.size() == 1);
  CHECK(progress->ends[0].attempt == 1);
  CHECK(a.live() == 1);
  CHECK(a.run({1}) == run_id{{1}, 2});
  CHECK_FALSE(a.note(an_attempt(1, 2, task_state::starting)));
  progress = a.note(an_attempt(1, 2, task_state::running));
  REQUIRE(progress);
  CHECK(progress->begun);
  // What is heard late of a run before changes nothing.
  CHECK_FALSE(a.note(an_attempt(1, 1, task_state::running)));
  CHECK(a.join().back().attempt == 2);
}

TEST_CASE("ends that were followed by a restart are told until acknowledged") {
  auto a = an_agent();
  static_cast<void>(a.reports_to_send());
  a.acknowledge(1);
  static_cast<void>(a.note(a_restart(1, 1, {5'000})));
  static_cast<void>(a.note(a_restart(1, 2, {6'000})));
  static_cast<void>(a.note(an_attempt(1, 3, task_state::running)));
  CHECK(attempts(a.reports_to_send()) == attempt_list{1, 2, 3});
  a.acknowledge(2);
  // The connection breaks: a hello tells the other one, and it is told again.
  CHECK(attempts(a.join()) == attempt_list{2, 3});
  auto again = a.reports_to_send();
  CHECK(attempts(again) == attempt_list{2});
  CHECK(attempts(a.join()) == attempt_list{2, 3});
  again = a.reports_to_send();
  a.acknowledge(again.back().sequence);
  CHECK(attempts(a.join()) == attempt_list{3});
  CHECK(a.progress({1}).ends.empty());
}

TEST_CASE("what a burst is held to is kept, and goes with its run") {
  auto a = an_agent();
  auto kept = a.hold_burst({{1}, 1}, {250, 0});
  REQUIRE(kept);
  CHECK(kept->burst == run_limits{250, 0});
  auto again = json::parse<run_progress>(json::text_of(*kept));
  REQUIRE(again);
  CHECK(*again == *kept);
  CHECK(!a.hold_burst({{1}, 2}, {100, 0}));
  CHECK(!a.hold_burst({{99}, 1}, {100, 0}));
  static_cast<void>(a.note(a_restart(1, 1, {5'000})));
  CHECK(a.progress({1}).burst == run_limits{});
  CHECK(!a.hold_burst({{1}, 1}, {100, 0}));
}

TEST_CASE("between two runs an agent knows the one to come") {
  auto a = an_agent();
  static_cast<void>(a.note(a_restart(1, 1, {5'000})));
  auto known = a.join();
  CHECK(attempts(known) == attempt_list{1, 2});
  CHECK(known[1].state == task_state::starting);
  CHECK_FALSE(known[1].restarts);
}

TEST_CASE("ends beyond the limit are dropped, the oldest first") {
  auto a = an_agent();
  for (uint32_t i = 1; i <= 100; ++i)
    static_cast<void>(a.note(a_restart(1, i, {1'000 * i})));
  auto known = a.join();
  CHECK(known.size() == runtime::agent::ends_max + 1);
  CHECK(known.front().attempt == 100 - runtime::agent::ends_max + 1);
  CHECK(known.back().attempt == 101);
}

TEST_CASE("what waits to be started again is stopped like what runs") {
  auto a = an_agent();
  static_cast<void>(a.note(a_restart(1, 1, {5'000})));
  CHECK(a.take({item_of(1, work_kind::stop)}).stop.size() == 1);
  static_cast<void>(a.note(an_attempt(1, 2, task_state::stopped)));
  CHECK(a.live() == 0);
}

TEST_CASE("so many reports are under way and no more") {
  runtime::agent a;
  static_cast<void>(a.take({item_of(1)}));
  for (auto i = 0; i < 3'000; ++i)
    static_cast<void>(a.note(a_report{item_of(1), task_state::running}));
  size_t sent = 0;
  for (auto some = a.reports_to_send(); !some.empty();
       some = a.reports_to_send()) {
    CHECK(some.size() <= 512);
    sent += some.size();
  }
  CHECK(sent == 2'048);
  a.acknowledge(2'000);
  CHECK(a.reports_to_send().size() == 512);
}

} // namespace troupe
