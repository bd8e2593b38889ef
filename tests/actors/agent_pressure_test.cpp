#include <filesystem>

#include <caf/all.hpp>
#include <doctest/doctest.h>
#include <unistd.h>

#include "runtime/log.hpp"

#include "actors/agent.hpp"

#include "tests/actors/temporary_directory.hpp"
#include "tests/virtual_world/world.hpp"

// What an agent does when its tasks use nearly all that its machine has.

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::test;

namespace fs = std::filesystem;

namespace {

constexpr int64_t mib = int64_t{1} << 20;

/// What a driver runs, and what that uses. It outlives the agent's process.
struct load {
  int64_t cpu_millicores = 0;
  int64_t memory_bytes = 0;
  double cpu_seconds = 0;
  std::chrono::steady_clock::time_point since{};
  task_actor task;
};

work_item start(uint64_t allocation, int32_t priority) {
  auto spec = std::make_shared<job_spec>();
  spec->name = "job-" + std::to_string(allocation);
  spec->kind = job_kind::service;
  spec->driver = driver_kind::process;
  spec->command = {"burn"};
  spec->request = {100, 64 * mib, 0, {}};
  spec->priority = priority;
  work_item result;
  result.sequence = allocation;
  result.task = {spec->name, 0};
  result.attempt = 1;
  result.allocation = {allocation};
  result.spec = spec;
  return result;
}

struct stage {
  virtual_world world;
  driver_actor driver;
  agent_actor aut;
  agent_options options;
  adopted_runs found;
  std::map<uint64_t, load> loads;
  std::map<uint64_t, size_t> stops;
  /// What was wanted of each run, in order.
  std::map<uint64_t, std::vector<run_limits>> limits;
  /// What the driver says to that.
  std::string refuses;
  bool answers = true;
  std::optional<resources> free = resources{0, 2'048 * mib, 0, {}};

  explicit stage(uint64_t seed = 0) : world(seed) {
    spdlog::set_level(spdlog::level::off);
    options.node = "a";
    options.capacity = {1'000, 1'024 * mib, 0, {}};
    options.measure_free = [this] { return free; };
    driver = world.fake<driver_actor>(
      "driver", [this](caf::event_based_actor* self) -> caf::behavior {
        return {
          [this](const start_run& x, task_actor& task) {
            loads[x.item.allocation.value].task = task;
          },
          [this](adopt_runs, const run_id& run, task_actor& task) {
            loads[run.allocation.value].task = task;
          },
          [this](const stop_run& x) { ++stops[x.run.allocation.value]; },
          [](const forget_run&) {},
          [this](adopt_runs) { return found; },
          [this, self](measure_runs) { return measure(self->clock().now()); },
          [this, self](const limit_run& x) -> caf::result<limited_run> {
            limits[x.run.allocation.value].push_back(x.wanted);
            if (!answers)
              return self->make_response_promise<limited_run>();
            return limited_run{refuses, x.wanted};
          },
        };
      });
  }

  ~stage() { world.end(); }

  measured_runs measure(std::chrono::steady_clock::time_point now) {
    measured_runs result;
    for (auto& [id, x] : loads) {
      auto took = x.since == decltype(x.since){} ? 0s : now - x.since;
      x.since = now;
      x.cpu_seconds += std::chrono::duration<double>(took).count()
                       * static_cast<double>(x.cpu_millicores) / 1'000;
      result.tasks.push_back({{id}, x.cpu_seconds, x.memory_bytes});
    }
    return result;
  }

  void begin(const fs::path& store = {}) {
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

  void end_process() {
    for (auto& [id, x] : loads)
      world.kill(x.task);
    world.kill(aut);
    world.settle();
  }

  void run(uint64_t allocation, int32_t priority) {
    caf::anon_send(aut, work_batch{{start(allocation, priority)}});
    world.settle();
    tell(allocation, run_phase::started);
  }

  run_event tell(uint64_t allocation, run_phase phase) {
    run_event x;
    x.run = {{allocation}, 1};
    x.phase = phase;
    x.at = world.wall();
    if (phase == run_phase::ended) {
      x.state = task_state::failed;
      x.why = reason::signal;
      x.exit_code = 143;
    }
    caf::anon_send(loads.at(allocation).task, x);
    world.settle();
    return x;
  }

  std::vector<burst_limit> told() {
    auto answer = world.ask<measured_runs>(aut, measure_runs{});
    world.settle();
    REQUIRE(answer->value);
    return answer->value->burst_limits;
  }

  run_limits last(uint64_t allocation) {
    auto& all = limits[allocation];
    return all.empty() ? run_limits{-1, -1} : all.back();
  }
};

} // namespace

TEST_CASE("a burst gives way to a higher priority, and comes back") {
  stage s;
  s.begin();
  s.run(1, 0);
  s.run(2, 5);
  s.loads[1].cpu_millicores = 500;
  s.loads[2].cpu_millicores = 500;
  // Measured at 5 s, a first rate at 10 s, a second round 2 s later.
  s.world.pass(11s);
  CHECK(s.limits.empty());
  s.world.pass(1s);
  CHECK(s.limits[1] == std::vector{run_limits{250, 0}});
  CHECK(s.told() == std::vector{burst_limit{{1}, 250, 0}});
  s.loads[1].cpu_millicores = 250;
  s.loads[2].cpu_millicores = 750;
  s.world.pass(4s);
  CHECK(s.last(1) == run_limits{100, 0});
  s.loads[1].cpu_millicores = 100;
  s.loads[2].cpu_millicores = 900;
  s.world.pass(1min);
  CHECK(s.limits[1].size() == 2);
  // The higher one is done.
  s.loads[2].cpu_millicores = 0;
  s.free->cpu_millicores = 900;
  s.world.pass(1min);
  CHECK(s.last(1) == run_limits{0, 0});
  CHECK(s.told().empty());
  CHECK(!s.limits.contains(2));
}

TEST_CASE("an agent that comes back gives back what it held before") {
  temporary_directory store;
  stage s;
  s.begin(store.path);
  s.run(1, 0);
  s.run(2, 5);
  s.loads[1].cpu_millicores = 500;
  s.loads[2].cpu_millicores = 500;
  s.world.pass(12s);
  CHECK(s.last(1) == run_limits{250, 0});
  s.end_process();
  for (uint64_t id : {1U, 2U}) {
    run_event x;
    x.run = {{id}, 1};
    x.phase = run_phase::started;
    s.found.runs.push_back(x);
    s.loads[id].cpu_millicores = 0;
  }
  s.free->cpu_millicores = 1'000;
  s.begin(store.path);
  CHECK(s.told() == std::vector{burst_limit{{1}, 250, 0}});
  s.world.pass(1min);
  CHECK(s.last(1) == run_limits{0, 0});
  CHECK(s.told().empty());
}

TEST_CASE("a driver that does not say whether it has moved a limit is asked to "
          "move it back") {
  stage s;
  s.answers = false;
  s.begin();
  s.run(1, 0);
  s.run(2, 5);
  s.loads[1].cpu_millicores = 500;
  s.loads[2].cpu_millicores = 500;
  s.world.pass(12s);
  CHECK(s.limits[1].size() == 1);
  s.answers = true;
  s.loads[1].cpu_millicores = 0;
  s.loads[2].cpu_millicores = 0;
  s.free->cpu_millicores = 1'000;
  s.world.pass(3min);
  CHECK(s.last(1) == run_limits{0, 0});
  CHECK(s.told().empty());
}

TEST_CASE("a driver that cannot move a limit is asked seldom") {
  stage s;
  s.refuses = "it runs without control groups";
  s.begin();
  s.run(1, 0);
  s.run(2, 5);
  s.loads[1].cpu_millicores = 500;
  s.loads[2].cpu_millicores = 500;
  s.world.pass(10min);
  CHECK(s.limits[1].size() > 2);
  CHECK(s.limits[1].size() < 12);
  CHECK(s.told().empty());
}

TEST_CASE(
  "a task that uses more memory than it requested is ended when there is "
  "none left") {
  stage s;
  s.begin();
  auto session = s.world.fake<session_actor>("session");
  caf::anon_send(s.aut, attach_session{session, 1});
  s.run(1, 0);
  s.run(2, 5);
  s.loads[1].memory_bytes = 500 * mib;
  s.loads[2].memory_bytes = 500 * mib;
  s.world.pass(6s);
  CHECK(s.last(1) == run_limits{0, 64 * mib});
  CHECK(s.stops.empty());
  s.world.pass(10s);
  CHECK(s.stops[1] == 1);
  CHECK(s.stops[2] == 0);
  auto ended = s.tell(1, run_phase::ended);
  s.loads.erase(1);
  auto known = s.world.ask<inventory>(s.aut, list_inventory{});
  s.world.settle();
  REQUIRE(known->value);
  auto& report = known->value->allocations.front();
  CHECK(report.state == task_state::failed);
  CHECK(report.why == reason::out_of_memory);
  CHECK(report.message
        == "ended by its node, which has 24MiB of memory left: its tasks use "
           "1000MiB of 1GiB; this one used 500MiB and had requested 64MiB; of "
           "all that used more than their requests it has the lowest priority, "
           "0");
  // Not here: where there is room.
  CHECK_FALSE(report.restarts);
  s.world.pass(1min);
  CHECK(s.told().empty());
  CHECK(s.stops[2] == 0);
}

TEST_CASE("where nobody knows what there is, nothing is held back") {
  stage s;
  s.options.capacity = {};
  s.begin();
  s.run(1, 0);
  s.run(2, 5);
  s.loads[1].cpu_millicores = 5'000;
  s.loads[2].cpu_millicores = 5'000;
  s.world.pass(1min);
  CHECK(s.limits.empty());
}
