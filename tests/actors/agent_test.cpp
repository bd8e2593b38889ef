#include <filesystem>
#include <fstream>

#include <caf/all.hpp>
#include <doctest/doctest.h>
#include <unistd.h>

#include "runtime/log.hpp"

#include "actors/agent.hpp"

#include "tests/actors/temporary_directory.hpp"
#include "tests/virtual_world/world.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::test;

namespace fs = std::filesystem;

namespace {

/// A driver that a test leads by hand. Its runs outlive the agent's process.
struct runs {
  std::map<allocation_id, size_t> starts;
  std::map<allocation_id, size_t> stops;
  std::map<allocation_id, size_t> forgets;
  std::map<allocation_id, task_actor> tasks;
  /// What is found by an agent that asks.
  adopted_runs found;
  bool answers = true;
  std::vector<caf::typed_response_promise<adopted_runs>> promises;
};

work_item start(uint64_t allocation, uint64_t sequence = 1) {
  auto spec = std::make_shared<job_spec>();
  spec->name = "job-" + std::to_string(allocation);
  spec->driver = driver_kind::process;
  spec->command = {"sleep"};
  spec->restart.attempts = 0;
  work_item result;
  result.sequence = sequence;
  result.task = {spec->name, 0};
  result.attempt = 1;
  result.allocation = {allocation};
  result.spec = spec;
  return result;
}

work_item order(work_kind kind, uint64_t allocation, uint64_t sequence) {
  auto result = start(allocation, sequence);
  result.kind = kind;
  result.spec = nullptr;
  return result;
}

struct stage {
  virtual_world world;
  runs r;
  driver_actor driver;
  agent_actor aut;
  agent_options options;

  explicit stage(uint64_t seed = 0) : world(seed) {
    spdlog::set_level(spdlog::level::off);
    driver = world.fake<driver_actor>(
      "driver", [this](caf::event_based_actor* self) -> caf::behavior {
        return {
          [this](const start_run& x, task_actor& task) {
            ++r.starts[x.item.allocation];
            r.tasks[x.item.allocation] = task;
          },
          [this](adopt_runs, const run_id& run, task_actor& task) {
            r.tasks[run.allocation] = task;
          },
          [this](const stop_run& x) { ++r.stops[x.run.allocation]; },
          [this](const forget_run& x) { ++r.forgets[x.run.allocation]; },
          [this, self](adopt_runs) -> caf::result<adopted_runs> {
            if (r.answers)
              return r.found;
            r.promises.push_back(self->make_response_promise<adopted_runs>());
            return r.promises.back();
          },
        };
      });
  }

  ~stage() { world.end(); }

  void begin(const fs::path& store = {}) {
    options.node = "a";
    options.drivers = {{driver_kind::process, driver}};
    std::optional<runtime::agent_store> opened;
    if (!store.empty()) {
      auto made = runtime::agent_store::open(store);
      REQUIRE(made);
      opened = std::move(*made);
    }
    aut = world.system().spawn(agent, options, opened);
    world.settle();
  }

  /// Ends the agent and its tasks, as when their process is killed.
  void end_process() {
    for (auto& [id, task] : r.tasks)
      world.kill(task);
    r.tasks.clear();
    world.kill(aut);
    world.settle();
  }

  session_actor attach(version_number term, const std::string& name) {
    auto result = world.fake<session_actor>(name);
    caf::anon_send(aut, attach_session{result, term});
    world.settle();
    return result;
  }

  void give(std::vector<work_item> items) {
    caf::anon_send(aut, work_batch{std::move(items)});
    world.settle();
  }

  void hear(uint64_t allocation, run_phase phase,
            std::optional<int32_t> exit_code = {}, uint32_t attempt = 1) {
    run_event x;
    x.run = {{allocation}, attempt};
    x.phase = phase;
    x.exit_code = exit_code;
    x.at = world.wall();
    if (exit_code)
      x.state = *exit_code == 0 ? task_state::succeeded : task_state::failed;
    if (exit_code && *exit_code != 0)
      x.why = reason::exit_code;
    caf::anon_send(r.tasks.at({allocation}), x);
    world.settle();
  }

  std::vector<task_report> inventory_now() {
    auto answer = world.ask<inventory>(aut, list_inventory{});
    world.settle();
    REQUIRE(answer->value);
    return answer->value->allocations;
  }
};

} // namespace

TEST_CASE("work that is heard twice is done once, and told twice") {
  stage s;
  s.begin();
  s.attach(1, "session");
  s.give({start(7, 1)});
  s.hear(7, run_phase::started);
  s.world.forget_transcript();
  s.give({start(7, 2)});
  CHECK(s.r.starts[{7}] == 1);
  CHECK(s.world.count_said("agent -> session: work_taken(2)") == 1);
  CHECK(s.world.count_said("agent -> session: report_batch(job-7.0 running)")
        == 1);
}

TEST_CASE("reports that gather in one go leave in one message") {
  stage s;
  s.begin();
  s.attach(1, "session");
  s.give({start(7, 1), start(8, 2), start(9, 3)});
  for (uint64_t id : {7U, 8U, 9U}) {
    run_event x;
    x.run = {{id}, 1};
    x.phase = run_phase::started;
    caf::anon_send(s.r.tasks.at({id}), x);
  }
  s.world.settle();
  CHECK(s.world.count_said("agent -> session: report_batch") == 1);
}

TEST_CASE("without a session reports wait for the next hello") {
  stage s;
  s.begin();
  s.attach(1, "session");
  s.give({start(7, 1)});
  s.hear(7, run_phase::started);
  auto second = s.world.count_said("report_batch");
  CHECK(second == 1);
  auto known = s.inventory_now();
  REQUIRE(known.size() == 1);
  CHECK(known[0].state == task_state::running);
}

TEST_CASE("an allocation is known until its end is known for good") {
  stage s;
  s.begin();
  s.attach(1, "session");
  s.give({start(7, 1)});
  s.hear(7, run_phase::started);
  s.hear(7, run_phase::ended, 0);
  CHECK(s.inventory_now().size() == 1);
  // A start that comes late starts nothing.
  s.give({start(7, 2)});
  CHECK(s.r.starts[{7}] == 1);
  s.give({order(work_kind::forget, 7, 3)});
  CHECK(s.inventory_now().empty());
  CHECK(s.r.forgets[{7}] == 1);
}

TEST_CASE("a session of an older term is refused") {
  stage s;
  s.begin();
  auto newer = s.attach(5, "newer");
  auto older = s.world.fake<session_actor>("older");
  auto ended = s.world.end_of(older);
  caf::anon_send(s.aut, attach_session{older, 4});
  s.world.settle();
  CHECK(*ended);
  s.give({start(7, 1)});
  CHECK(s.world.count_said("agent -> newer: work_taken") == 1);
  CHECK(s.world.count_said("agent -> older: work_taken") == 0);
}

TEST_CASE("a session of a newer term ends the one before") {
  stage s;
  s.begin();
  auto ended = s.world.end_of(s.attach(5, "first"));
  s.attach(6, "second");
  CHECK(*ended);
  s.give({start(7, 1)});
  CHECK(s.world.count_said("agent -> second: work_taken") == 1);
}

TEST_CASE("the end of a session is told to whom it concerns") {
  stage s;
  s.begin();
  auto join = s.world.fake<join_actor>("join");
  caf::anon_send(s.aut, tell_session_end{join});
  auto session = s.attach(1, "session");
  s.world.kill(session);
  s.world.settle();
  CHECK(s.world.count_said("agent -> join: dial") == 1);
}

TEST_CASE("work for a driver that is not there fails with a sentence") {
  stage s;
  s.begin();
  s.attach(1, "session");
  auto item = start(7, 1);
  auto spec = std::make_shared<job_spec>(*item.spec);
  spec->driver = driver_kind::docker;
  item.spec = spec;
  s.give({item});
  auto known = s.inventory_now();
  REQUIRE(known.size() == 1);
  CHECK(known[0].state == task_state::failed);
  CHECK(known[0].why == reason::driver_error);
  CHECK(known[0].message == "node a has no driver for it");
}

TEST_CASE("a stop of what never came is answered, so that it ends") {
  stage s;
  s.begin();
  s.attach(1, "session");
  s.give({order(work_kind::stop, 7, 1)});
  CHECK(s.world.count_said("agent -> session: report_batch(job-7.0 stopped")
        == 1);
}

TEST_CASE("a task whose actor fails is followed by a new one, and its run goes "
          "on") {
  stage s;
  s.begin();
  s.attach(1, "session");
  s.give({start(7, 1)});
  s.hear(7, run_phase::started);
  s.world.kill(s.r.tasks.at({7}));
  s.world.settle();
  CHECK(s.r.starts[{7}] == 1);
  CHECK(s.world.count_said("task -> driver: adopt_runs") == 1);
  s.hear(7, run_phase::ended, 3);
  CHECK(
    s.world.count_said("report_batch(job-7.0 failed, exitCode, exit code 3)")
    == 1);
}

// -- earlier lives of the process --------------------------------------------

TEST_CASE(
  "a restarted agent goes on with what runs, and starts nothing twice") {
  temporary_directory store;
  stage s;
  s.begin(store.path);
  s.attach(1, "session");
  s.give({start(7, 1), start(8, 2)});
  s.hear(7, run_phase::started);
  s.hear(8, run_phase::started);
  s.end_process();
  // One of the two ended meanwhile, and nothing is left of it.
  run_event still;
  still.run = {{7}, 1};
  still.phase = run_phase::started;
  s.r.found.runs = {still};
  s.begin(store.path);
  auto known = s.inventory_now();
  REQUIRE(known.size() == 2);
  CHECK(known[0].state == task_state::running);
  CHECK(known[1].state == task_state::lost);
  CHECK(known[1].why == reason::node_lost);
  s.attach(2, "session");
  s.give({start(7, 1)});
  CHECK(s.r.starts[{7}] == 1);
  CHECK(s.r.starts[{8}] == 1);
  s.hear(7, run_phase::ended, 0);
  CHECK(s.inventory_now()[0].state == task_state::succeeded);
}

TEST_CASE(
  "work that was accepted and never started is told as lost after a restart") {
  temporary_directory store;
  stage s;
  s.begin(store.path);
  s.give({start(7, 1)});
  s.end_process();
  s.r.starts.clear();
  s.begin(store.path);
  // It may be running elsewhere by now: the controller decides.
  CHECK(s.r.starts[{7}] == 0);
  auto known = s.inventory_now();
  REQUIRE(known.size() == 1);
  CHECK(known[0].state == task_state::lost);
}

TEST_CASE("what cannot be written down is lost, and runs elsewhere") {
  temporary_directory store;
  stage s;
  s.begin(store.path);
  fs::remove_all(store.path);
  s.give({start(7, 1)});
  CHECK(s.r.starts[{7}] == 0);
  auto known = s.inventory_now();
  REQUIRE(known.size() == 1);
  CHECK(known[0].state == task_state::lost);
  CHECK(known[0].why == reason::driver_error);
  CHECK(known[0].message.find("is the disk full?") != std::string::npos);
}

TEST_CASE("what is forgotten is not known after a restart") {
  temporary_directory store;
  stage s;
  s.begin(store.path);
  s.give({start(7, 1)});
  s.hear(7, run_phase::started);
  s.hear(7, run_phase::ended, 0);
  s.give({order(work_kind::forget, 7, 2)});
  s.end_process();
  s.begin(store.path);
  CHECK(s.inventory_now().empty());
}

TEST_CASE("a hello waits until the drivers have told what they found") {
  temporary_directory store;
  stage s;
  s.begin(store.path);
  s.give({start(7, 1)});
  s.hear(7, run_phase::started);
  s.end_process();
  s.r.answers = false;
  s.begin(store.path);
  auto answer = s.world.ask<inventory>(s.aut, list_inventory{});
  s.world.pass(5s);
  CHECK_FALSE(answer->is_there());
  // The driver does not answer in time: then what ran runs, until it says
  // otherwise.
  s.world.pass(11s);
  REQUIRE(answer->value);
  REQUIRE(answer->value->allocations.size() == 1);
  CHECK(answer->value->allocations[0].state == task_state::running);
  CHECK(s.r.starts[{7}] == 1);
}

// -- restarts ----------------------------------------------------------------

namespace {

work_item a_service(uint64_t allocation, uint32_t attempts = 3) {
  auto result = start(allocation);
  auto spec = std::make_shared<job_spec>(*result.spec);
  spec->kind = job_kind::service;
  spec->restart
    = {.attempts = attempts, .window = 10min, .delay = 10s, .backoff = 2};
  result.spec = spec;
  return result;
}

} // namespace

TEST_CASE("a run that fails starts again, and its end is told once") {
  temporary_directory store;
  stage s;
  s.begin(store.path);
  s.attach(1, "session");
  s.give({a_service(7)});
  s.hear(7, run_phase::started);
  s.hear(7, run_phase::ended, 3);
  // What is left of it goes some time later; the allocation lives on.
  CHECK(s.r.forgets[{7}] == 1);
  CHECK(s.r.starts[{7}] == 1);
  s.world.pass(11s);
  CHECK(s.r.starts[{7}] == 2);
  s.hear(7, run_phase::started, {}, 2);
  caf::anon_send(s.aut, reports_taken{100});
  caf::anon_send(s.aut, reports_taken{4});
  s.world.settle();
  auto known = s.inventory_now();
  REQUIRE(known.size() == 1);
  CHECK(known[0].attempt == 2);
  CHECK(known[0].state == task_state::running);
}

TEST_CASE(
  "without a controller runs start again, and the hello tells of each") {
  temporary_directory store;
  stage s;
  s.begin(store.path);
  s.give({a_service(7)});
  s.hear(7, run_phase::started);
  s.hear(7, run_phase::ended, 3);
  s.world.pass(11s);
  s.hear(7, run_phase::started, {}, 2);
  s.hear(7, run_phase::ended, 4, 2);
  auto known = s.inventory_now();
  REQUIRE(known.size() == 3);
  CHECK(known[0].restarts);
  CHECK(known[0].exit_code == 3);
  CHECK(known[1].restarts);
  CHECK(known[1].exit_code == 4);
  CHECK(known[2].attempt == 3);
  CHECK(known[2].state == task_state::starting);
}

TEST_CASE("a process that is killed while a restart waits goes on waiting") {
  temporary_directory store;
  stage s;
  s.begin(store.path);
  s.give({a_service(7)});
  s.hear(7, run_phase::started);
  s.hear(7, run_phase::ended, 3);
  s.world.pass(4s);
  s.end_process();
  s.world.pass(2s);
  s.begin(store.path);
  auto known = s.inventory_now();
  REQUIRE(known.size() == 2);
  CHECK(known[0].restarts);
  CHECK(known[0].attempt == 1);
  CHECK(known[0].exit_code == 3);
  CHECK(known[1].attempt == 2);
  CHECK(known[1].state == task_state::starting);
  s.world.pass(3s);
  CHECK(s.r.starts[{7}] == 1);
  s.world.pass(2s);
  CHECK(s.r.starts[{7}] == 2);
}

TEST_CASE("restarts are counted over lives of the process") {
  temporary_directory store;
  stage s;
  s.begin(store.path);
  s.give({a_service(7, 1)});
  s.hear(7, run_phase::started);
  s.hear(7, run_phase::ended, 3);
  s.end_process();
  s.begin(store.path);
  s.world.pass(11s);
  REQUIRE(s.r.starts[{7}] == 2);
  s.hear(7, run_phase::started, {}, 2);
  s.hear(7, run_phase::ended, 3, 2);
  auto known = s.inventory_now();
  CHECK(known.back().attempt == 2);
  CHECK(known.back().state == task_state::failed);
  CHECK_FALSE(known.back().restarts);
}

TEST_CASE("a restart that was under way when the process was killed happens "
          "once") {
  temporary_directory store;
  stage s;
  s.begin(store.path);
  s.give({a_service(7)});
  s.hear(7, run_phase::started);
  s.hear(7, run_phase::ended, 3);
  s.world.pass(11s);
  REQUIRE(s.r.starts[{7}] == 2);
  s.end_process();
  // The driver has the second run; that it began was not yet written down. Of
  // the first there are remains.
  run_event second;
  second.run = {{7}, 2};
  second.phase = run_phase::started;
  run_event first;
  first.run = {{7}, 1};
  first.phase = run_phase::ended;
  s.r.found.runs = {first, second};
  s.r.forgets.clear();
  s.begin(store.path);
  s.world.pass(1min);
  CHECK(s.r.starts[{7}] == 2);
  CHECK(s.r.stops[{7}] == 0);
  CHECK(s.r.forgets[{7}] == 1);
  CHECK(s.inventory_now().back().attempt == 2);
}

TEST_CASE("what is stopped while it waits to start again does not start in a "
          "later life") {
  temporary_directory store;
  stage s;
  s.begin(store.path);
  s.give({a_service(7)});
  s.hear(7, run_phase::started);
  s.hear(7, run_phase::ended, 3);
  s.give({order(work_kind::stop, 7, 2)});
  CHECK(s.inventory_now().back().state == task_state::stopped);
  s.end_process();
  s.begin(store.path);
  s.world.pass(1min);
  CHECK(s.r.starts[{7}] == 1);
}

TEST_CASE("what ends while it is being stopped does not start again in a later "
          "life") {
  temporary_directory store;
  stage s;
  s.begin(store.path);
  s.give({a_service(7)});
  s.hear(7, run_phase::started);
  s.give({order(work_kind::stop, 7, 2)});
  s.end_process();
  run_event ended;
  ended.run = {{7}, 1};
  ended.phase = run_phase::ended;
  s.r.found.runs = {ended};
  s.begin(store.path);
  // As its driver tells whoever follows.
  s.hear(7, run_phase::ended, 143);
  s.world.pass(1min);
  CHECK(s.r.starts[{7}] == 1);
  CHECK(s.inventory_now().back().state == task_state::stopped);
}

TEST_CASE("a node that is to keep to itself stops its tasks without a "
          "controller, and says so") {
  stage s;
  s.options.stop_tasks_after = 1min;
  s.begin();
  auto session = s.attach(1, "session");
  s.give({a_service(7), a_service(8)});
  s.hear(7, run_phase::started);
  s.hear(8, run_phase::started);
  s.world.pass(10min);
  CHECK(s.r.stops[{7}] == 0);
  s.world.kill(session);
  s.world.pass(59s);
  CHECK(s.r.stops[{7}] == 0);
  s.world.pass(2s);
  CHECK(s.r.stops[{7}] == 1);
  CHECK(s.r.stops[{8}] == 1);
  s.hear(7, run_phase::ended, 143);
  auto known = s.inventory_now();
  CHECK(known[0].state == task_state::stopped);
  CHECK(known[0].why == reason::node_lost);
  CHECK(known[0].message
        == "stopped by its node after 1m without a controller");
}

TEST_CASE("a controller that comes back in time finds everything as it was") {
  stage s;
  s.options.stop_tasks_after = 1min;
  s.begin();
  auto session = s.attach(1, "session");
  s.give({a_service(7)});
  s.hear(7, run_phase::started);
  for (version_number term = 2; term < 6; ++term) {
    s.world.kill(session);
    s.world.pass(40s);
    session = s.attach(term, "session");
    s.world.pass(40s);
  }
  CHECK(s.r.stops[{7}] == 0);
}

TEST_CASE("a damaged file in the store is left alone, and the rest goes on") {
  temporary_directory store;
  stage s;
  s.begin(store.path);
  s.give({start(7, 1)});
  s.end_process();
  for (auto& x : fs::directory_iterator{store.path}) {
    std::ofstream{x.path().parent_path()
                  / ("9" + x.path().extension().string())}
      << "{";
    break;
  }
  s.begin(store.path);
  CHECK(s.inventory_now().size() == 1);
}

TEST_CASE("ending all tasks is answered when the last one has ended") {
  temporary_directory store;
  stage s;
  s.begin(store.path);
  s.attach(1, "session");
  s.give({start(7, 1), start(8, 2)});
  s.hear(7, run_phase::started);
  s.hear(8, run_phase::started);
  auto answer = s.world.ask<all_tasks_ended>(s.aut, end_all_tasks{});
  s.world.settle();
  CHECK(s.r.stops[{7}] == 1);
  CHECK(s.r.stops[{8}] == 1);
  s.hear(7, run_phase::ended, 143);
  CHECK_FALSE(answer->is_there());
  s.hear(8, run_phase::ended, 143);
  CHECK(answer->value);
}

TEST_CASE("what still runs when all was ended is in the next hello, and ends") {
  temporary_directory store;
  stage s;
  s.begin(store.path);
  s.attach(1, "session");
  s.give({start(7)});
  s.hear(7, run_phase::started);
  auto answer = s.world.ask<all_tasks_ended>(s.aut, end_all_tasks{});
  s.world.settle();
  CHECK_FALSE(answer->is_there());
  s.end_process();
  run_event alive;
  alive.run = {{7}, 1};
  alive.phase = run_phase::started;
  s.r.found.runs = {alive};
  s.begin(store.path);
  auto known = s.inventory_now();
  REQUIRE(known.size() == 1);
  CHECK(known[0].state == task_state::running);
  CHECK(s.r.starts[{7}] == 1);
  CHECK(s.r.stops[{7}] == 2);
  s.hear(7, run_phase::ended, 143);
  known = s.inventory_now();
  CHECK(known[0].state == task_state::stopped);
  CHECK(known[0].why == reason::node_lost);
}

TEST_CASE("what had ended before all was ended is still told after a restart") {
  temporary_directory store;
  stage s;
  s.begin(store.path);
  s.give({start(7)});
  s.hear(7, run_phase::started);
  s.hear(7, run_phase::ended, 3);
  auto answer = s.world.ask<all_tasks_ended>(s.aut, end_all_tasks{});
  s.world.settle();
  CHECK(answer->value);
  s.end_process();
  run_event end;
  end.run = {{7}, 1};
  end.phase = run_phase::ended;
  s.r.found.runs = {end};
  s.begin(store.path);
  s.hear(7, run_phase::ended, 3);
  auto known = s.inventory_now();
  REQUIRE(known.size() == 1);
  CHECK(known[0].state == task_state::failed);
  CHECK(known[0].exit_code == 3);
}
