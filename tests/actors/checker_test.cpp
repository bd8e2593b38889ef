#include <caf/all.hpp>
#include <doctest/doctest.h>

#include "actors/checker.hpp"

#include "tests/virtual_world/world.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::test;

namespace {

/// A checker between a task, a driver and ports that a test leads by hand.
struct stage {
  using tell = std::function<void(runtime::probe_answer)>;

  virtual_world world;
  task_actor task;
  driver_actor driver;
  checker_actor aut;
  std::vector<health_changed> changes;
  std::vector<std::pair<runtime::probe_target, tell>> looks;
  std::vector<exec_command> commands;
  std::vector<caf::typed_response_promise<exec_result>> running;
  /// What commands answer at once; absent: nothing, until the test says so.
  std::optional<exec_result> answer;
  located_port place{{}, "10.0.0.7", 80};
  /// Why the driver does not answer when it is asked for a sign of life.
  std::string trouble;
  std::shared_ptr<runtime::check_counts> counts
    = std::make_shared<runtime::check_counts>();

  explicit stage(health_check rule, driver_kind kind = driver_kind::docker) {
    task = world.fake<task_actor>(
      "task", [this](caf::event_based_actor*) -> caf::behavior {
        return {[this](const health_changed& x) { changes.push_back(x); }};
      });
    driver = world.fake<driver_actor>(
      "driver", [this](caf::event_based_actor* self) -> caf::behavior {
        return {
          [this](const locate_port&) { return place; },
          [this](const probe_driver&) { return probed_driver{trouble}; },
          [this, self](const exec_command& x) -> caf::result<exec_result> {
            commands.push_back(x);
            if (answer)
              return *answer;
            running.push_back(self->make_response_promise<exec_result>());
            return running.back();
          },
        };
      });
    auto spec = std::make_shared<job_spec>();
    spec->driver = kind;
    spec->health = std::move(rule);
    work_item item;
    item.task = {"web", 0};
    item.attempt = 2;
    item.allocation = {7};
    item.spec = spec;
    item.ports = {{"http", 80, 31'000}};
    check_tools tools{[this](const runtime::probe_target& x, tell y) {
                        looks.emplace_back(x, std::move(y));
                      },
                      counts};
    aut
      = world.system().spawn(checker, tools, item, world.wall(), task, driver);
    world.settle();
  }

  ~stage() { world.end(); }

  uint64_t counted(check_kind kind, check_result result) {
    for (auto& x : counts->take())
      if (x.kind == kind && x.result == result)
        return x.count;
    return 0;
  }

  void found(check_result x, const std::string& message = "") {
    looks.back().second({x, message});
    world.settle();
  }
};

health_check over_http() {
  return {.kind = check_kind::http,
          .port = 80,
          .path = "/up",
          .interval = 10s,
          .timeout = 2s,
          .failures = 2};
}

health_check by_command() {
  auto result = over_http();
  result.kind = check_kind::command;
  result.command = {"check"};
  return result;
}

} // namespace

TEST_CASE(
  "a checker looks where its driver says, soon and then at its interval") {
  stage s{over_http()};
  s.world.pass(999ms);
  CHECK(s.looks.empty());
  s.world.pass(1ms);
  REQUIRE(s.looks.size() == 1);
  auto& target = s.looks[0].first;
  CHECK(target.kind == check_kind::http);
  CHECK(target.host == "10.0.0.7");
  CHECK(target.port == 80);
  CHECK(target.path == "/up");
  CHECK(target.timeout == 2s);
  s.found(check_result::passed, "status 200");
  REQUIRE(s.changes.size() == 1);
  CHECK(s.changes[0]
        == health_changed{{{7}, 2}, task_health::healthy, "status 200"});
  s.world.pass(9s);
  CHECK(s.looks.size() == 1);
  s.world.pass(1s);
  CHECK(s.looks.size() == 2);
  CHECK(s.world.count_said("checker -> driver: locate_port") == 1);
  CHECK(s.counted(check_kind::http, check_result::passed) == 1);
}

TEST_CASE("failures in a row are told once they are enough") {
  stage s{over_http()};
  s.world.pass(1s);
  s.found(check_result::failed, "status 500");
  CHECK(s.changes.empty());
  s.world.pass(10s);
  s.found(check_result::failed, "status 503");
  REQUIRE(s.changes.size() == 1);
  CHECK(s.changes[0].health == task_health::unhealthy);
  CHECK(s.changes[0].message == "status 503");
  // What failed may have moved.
  CHECK(s.world.count_said("checker -> driver: locate_port") == 2);
  CHECK(s.counted(check_kind::http, check_result::failed) == 2);
}

TEST_CASE("a check that takes too long has failed, whatever it says later") {
  auto rule = over_http();
  rule.failures = 1;
  stage s{rule};
  s.world.pass(3s);
  REQUIRE(s.changes.size() == 1);
  CHECK(s.changes[0].health == task_health::unhealthy);
  CHECK(s.changes[0].message == "no answer within 2s");
  s.found(check_result::passed);
  CHECK(s.changes.size() == 1);
  CHECK(s.counted(check_kind::http, check_result::passed) == 0);
  // The next one is judged by itself.
  s.world.pass(9s);
  CHECK(s.looks.size() == 2);
  s.found(check_result::passed);
  CHECK(s.changes.size() == 2);
}

TEST_CASE("a check that may take longer than the interval delays the next") {
  auto rule = over_http();
  rule.interval = 1s;
  rule.timeout = 5s;
  stage s{rule};
  s.world.pass(4s);
  CHECK(s.looks.size() == 1);
  CHECK(s.changes.empty());
  s.found(check_result::passed);
  s.world.pass(1s);
  CHECK(s.looks.size() == 2);
}

TEST_CASE("a command passes by its exit code, and is quoted when it fails") {
  auto rule = by_command();
  rule.failures = 1;
  stage s{rule};
  s.answer = exec_result{};
  s.world.pass(1s);
  REQUIRE(s.commands.size() == 1);
  CHECK(s.commands[0].argv == std::vector<std::string>{"check"});
  CHECK(s.commands[0].allocation == allocation_id{7});
  CHECK(s.commands[0].attempt == 2);
  REQUIRE(s.changes.size() == 1);
  CHECK(s.changes[0].health == task_health::healthy);
  // "down" and a line break.
  s.answer = exec_result{{}, 4, "ZG93bgo="};
  s.world.pass(10s);
  REQUIRE(s.changes.size() == 2);
  CHECK(s.changes[1].health == task_health::unhealthy);
  CHECK(s.changes[1].message == "exit code 4: down");
}

TEST_CASE(
  "a command that cannot be run is the task's fault, one that could not "
  "be tried is not") {
  auto rule = by_command();
  rule.failures = 1;
  stage s{rule};
  s.answer = exec_result{"the engine does not answer"};
  s.world.pass(30s);
  CHECK(s.commands.size() == 3);
  CHECK(s.changes.empty());
  CHECK(s.counted(check_kind::command, check_result::unknown) == 3);
  s.answer = exec_result{"there is no such program", 0, {}, true};
  s.world.pass(10s);
  REQUIRE(s.changes.size() == 1);
  CHECK(s.changes[0].health == task_health::unhealthy);
}

TEST_CASE(
  "commands in a container that hang do not pile up, and keep failing") {
  auto rule = by_command();
  rule.failures = 3;
  stage s{rule};
  s.world.pass(60s);
  CHECK(s.commands.size() == 1);
  REQUIRE(s.changes.size() == 1);
  CHECK(s.changes[0].health == task_health::unhealthy);
  CHECK(s.changes[0].message == "the check before has not ended");
  s.world.let(s.driver, [&] { s.running[0].deliver(exec_result{}); });
  s.answer = exec_result{};
  s.world.pass(10s);
  CHECK(s.commands.size() == 2);
  CHECK(s.changes.back().health == task_health::healthy);
}

TEST_CASE("a command that waits for an engine that is away has not failed") {
  auto rule = by_command();
  rule.failures = 1;
  stage s{rule};
  s.trouble = "it takes connections and says nothing";
  s.world.pass(30s);
  CHECK(s.commands.size() == 1);
  CHECK(s.changes.empty());
  // Once the engine is back the command has its whole time.
  s.trouble.clear();
  s.world.pass(2s);
  CHECK(s.changes.empty());
  s.world.let(s.driver, [&] { s.running[0].deliver(exec_result{}); });
  s.world.settle();
  REQUIRE(s.changes.size() == 1);
  CHECK(s.changes[0].health == task_health::healthy);
  // One that hangs although the engine answers has failed.
  s.world.pass(20s);
  REQUIRE(s.changes.size() == 2);
  CHECK(s.changes[1].health == task_health::unhealthy);
}

TEST_CASE("a command beside a process is ended soon after its timeout") {
  stage s{by_command(), driver_kind::process};
  s.world.pass(1s);
  REQUIRE(s.commands.size() == 1);
  CHECK(s.commands[0].timeout == 3s);
}

TEST_CASE("where a run is reached is asked again until somebody knows") {
  stage s{over_http()};
  s.place = {"the engine does not answer", {}, 0};
  s.world.pass(25s);
  CHECK(s.looks.empty());
  CHECK(s.changes.empty());
  s.place = {{}, "127.0.0.1", 31'000};
  s.world.pass(10s);
  REQUIRE(s.looks.size() == 1);
  CHECK(s.looks[0].first.port == 31'000);
}

TEST_CASE("a checker ends with its task") {
  stage s{over_http()};
  auto ended = s.world.end_of(s.aut);
  s.world.kill(s.task);
  s.world.settle();
  CHECK(*ended);
}
