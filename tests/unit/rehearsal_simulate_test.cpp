#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <string>

#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include "messages/job_text.hpp"

#include "runtime/rehearsal/simulate.hpp"

using namespace troupe;
using namespace troupe::runtime::rehearsal;
using namespace std::chrono_literals;

namespace {

scenario read(const std::string& text) {
  auto document = read_json_text(text, json_dialect::file);
  REQUIRE(document.has_value());
  auto result = read_scenario(*document);
  if (!result)
    for (auto& x : result.error())
      MESSAGE(x.pointer, ": ", x.detail);
  REQUIRE(result.has_value());
  return *result;
}

scenario shipped(const std::string& name) {
  std::ifstream file{std::filesystem::path{TROUPE_SCENARIOS}
                     / (name + ".json")};
  return read({std::istreambuf_iterator<char>{file}, {}});
}

played_scenario played(const scenario& x, simulation_options options = {}) {
  options.trace = true;
  auto result = simulate(x, options);
  REQUIRE_MESSAGE(result.has_value(), result.error().detail);
  return *result;
}

/// `at task attempt node`, a line each.
std::string trace(const played_scenario& x) {
  std::string result;
  for (auto& y : x.placements)
    result += std::to_string(static_cast<int64_t>(y.at_seconds)) + ' '
              + to_string(y.task) + ' ' + std::to_string(y.attempt) + ' '
              + y.node + '\n';
  return result;
}

/// Nodes of 4 cores, and jobs of one simulated core a task for `jobs`.
std::string small(const std::string& jobs, const std::string& more = "") {
  return R"({"nodes": [{"count": 2, "name": "n", "cpu": 4, "memory": "8GiB"}],
             "jobs": [)"
         + jobs + "]" + more + "}";
}

std::string a_batch(const std::string& name, int tasks, const std::string& time,
                    const std::string& more = "") {
  return R"({"name": ")" + name
         + R"(", "driver": "simulated", "kind": "batch", "cpu": 1, "count": )"
         + std::to_string(tasks) + R"(, "simulate": {"duration": ")" + time
         + "\"}" + more + "}";
}

} // namespace

TEST_CASE("a simulated task runs as long as it says, then its place is free") {
  // Eight places, twelve tasks: four of them wait for one minute.
  auto x = played(read(small("{\"job\": " + a_batch("a", 12, "1m") + "}")));
  CHECK(x.all.tasks.succeeded == 12);
  CHECK(x.all.placements == 12);
  CHECK(x.all.makespan_seconds == 120);
  CHECK(x.all.wait_seconds.p50 == 0);
  CHECK(x.all.wait_seconds.max == 60);
  CHECK(x.all.wait_seconds.mean == 20);
  CHECK(x.complete);
}

TEST_CASE("utilisation is the mean over nodes and time") {
  // 8 of 8 cores in the first minute, 4 of 8 in the second, all on one node.
  auto x = played(read(small("{\"job\": " + a_batch("a", 12, "1m") + "}")));
  CHECK(x.all.use.cpu.mean == 0.75);
  CHECK(x.all.use.cpu.stddev_over_nodes == 0.25);
  CHECK(x.all.use.cpu.stddev_over_time == 0.25);
  CHECK(x.all.use.cpu.max == 1);
  CHECK(x.all.use.gpu.max == 0);
}

TEST_CASE("the same scenario gives the same placements, byte for byte") {
  for (auto name : {"small", "reference"}) {
    auto x = shipped(name);
    auto first = boost::json::serialize(write_played(played(x)));
    CHECK(first == boost::json::serialize(write_played(played(x))));
    CHECK(first.find("\"trace\"") != std::string::npos);
  }
}

TEST_CASE("a strategy given from outside replaces that of the scenario") {
  auto x = read(small("{\"job\": " + a_batch("a", 2, "1m") + "}"));
  CHECK(trace(played(x)) == "0 a.0 1 n-1\n0 a.1 1 n-1\n");
  CHECK(trace(played(x, {.strategy = "spread"}))
        == "0 a.0 1 n-1\n0 a.1 1 n-2\n");
}

TEST_CASE("an order given from outside decides who is first") {
  auto x
    = read(small("{\"job\": " + a_batch("first", 8, "1m") + "}, {\"job\": "
                 + a_batch("low", 8, "1m") + "}, {\"at\": \"1s\", \"job\": "
                 + a_batch("high", 8, "1m", R"(, "priority": 0)") + "}"));
  auto last_of
    = [](const played_scenario& y) { return y.placements.back().task.job; };
  CHECK(last_of(played(x)) == "high");
  auto y = played(x, {.order = "sjf"});
  CHECK(y.order == "sjf");
}

TEST_CASE("an unknown strategy is refused with those there are") {
  auto x = read(small("{\"job\": " + a_batch("a", 1, "1m") + "}"));
  auto result = simulate(x, {.strategy = "bestest"});
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().pointer.empty());
  CHECK(result.error().detail.find("binpack") != std::string::npos);
}

TEST_CASE("what the cluster refuses in a scenario is told with its place") {
  auto x = read(small(
    "{\"job\": " + a_batch("a", 1, "1m", R"(, "after": ["nobody"])") + "}"));
  auto result = simulate(x);
  REQUIRE_FALSE(result.has_value());
  CHECK(result.error().pointer == "/jobs/0");
  CHECK(result.error().detail.find("nobody") != std::string::npos);
}

TEST_CASE("a simulated task that fails is tried again as its job says") {
  auto x = played(read(small(
    R"({"job": {"name": "a", "driver": "simulated", "kind": "batch",
       "retries": 2, "restart": {"attempts": 0, "delay": "10s", "backoff": 1},
       "simulate": {"duration": "1m", "exitCode": 3}}})")));
  CHECK(trace(x) == "0 a.0 1 n-1\n70 a.0 2 n-2\n140 a.0 3 n-1\n");
  CHECK(x.all.tasks.failed == 1);
}

TEST_CASE("a simulated task is stopped at its timeout") {
  auto x = played(read(
    small("{\"job\": " + a_batch("a", 1, "5m", R"(, "timeout": "1m")") + "}")));
  CHECK(x.all.tasks.failed == 1);
  CHECK(x.all.makespan_seconds == 60);
}

TEST_CASE("a service is kept running where its simulated runs end") {
  auto x = played(read(small(R"({"job": {"name": "web", "driver": "simulated",
      "kind": "service", "simulate": {"duration": "5m"},
      "restart": {"attempts": 3, "delay": "1s", "backoff": 1}}})",
                             R"(, "until": "12m")")));
  CHECK(x.all.placements == 1);
  CHECK(x.all.tasks.running == 1);
  CHECK(x.all.makespan_seconds == 720);
}

TEST_CASE("a machine that dies is noticed by its silence, and replaced") {
  auto x = played(read(small(R"({"job": {"name": "web", "kind": "service",
      "driver": "simulated", "count": 2, "cpu": 1}})",
                             R"(, "events": [{"at": "1m", "lose": "n-1"}],
                                  "until": "10m")")));
  CHECK(trace(x)
        == "0 web.0 1 n-1\n0 web.1 1 n-1\n"
           "90 web.0 2 n-2\n90 web.1 2 n-2\n");
  CHECK(x.nodes == 1);
}

TEST_CASE("a machine that comes back in time has lost what it ran") {
  auto x = played(read(small(R"({"job": {"name": "web", "kind": "service",
      "driver": "simulated", "cpu": 1}})",
                             R"(, "events": [{"at": "1m", "lose": "n-1"},
                                             {"at": "70s", "join": "n-1"}],
                                  "until": "10m")")));
  CHECK(trace(x) == "0 web.0 1 n-1\n70 web.0 2 n-1\n");
  CHECK(x.nodes == 2);
}

TEST_CASE("a drained machine is empty, and what ran there goes on elsewhere") {
  auto x = played(read(small(R"({"job": {"name": "web", "kind": "service",
      "driver": "simulated", "cpu": 1}})",
                             R"(, "events": [{"at": "1m", "drain": "n-1"}],
                                  "until": "10m")")));
  CHECK(x.placements.back().node == "n-2");
  CHECK(x.all.tasks.running == 1);
}

TEST_CASE("machines can come later, and work waits for them") {
  auto x = played(read(small("{\"job\": " + a_batch("a", 12, "1h") + "}",
                             R"(, "events": [{"at": "1m", "join":
                {"count": 1, "name": "late", "cpu": 4, "memory": "8GiB"}}])")));
  CHECK(x.all.makespan_seconds == 3'660);
  CHECK(x.all.wait_seconds.max == 60);
}

TEST_CASE("settings can change while a scenario is played") {
  auto x = played(read(small(
    "{\"job\": " + a_batch("a", 1, "1h")
      + "}, {\"at\": \"2m\", \"job\": " + a_batch("b", 1, "1h") + "}",
    R"(, "events": [{"at": "1m", "settings": {"strategy": "spread"}}])")));
  CHECK(trace(x) == "0 a.0 1 n-1\n120 b.0 1 n-2\n");
  CHECK(x.strategy == "spread");
}

TEST_CASE("what never fits is told at the end, with its reason") {
  auto x = played(read(small(
    R"({"job": {"name": "big", "driver": "simulated", "kind": "batch", "cpu": 9,
       "simulate": {"duration": "1m"}}})")));
  CHECK(x.all.tasks.pending == 1);
  REQUIRE(x.waiting.size() == 1);
  CHECK(x.waiting[0].job == "big");
  CHECK(x.waiting[0].why == reason::insufficient_cpu);
}

// -- the scenarios that come with Troupe ---------------------------------------

TEST_CASE("all scenarios that come with troupe can be played to their end") {
  for (auto& entry : std::filesystem::directory_iterator{TROUPE_SCENARIOS}) {
    CAPTURE(entry.path());
    if (entry.path().stem() == "balance")
      continue; // Takes longer; the next one plays it.
    auto x = played(shipped(entry.path().stem()));
    CHECK(x.complete);
    CHECK(x.all.placements > 0);
    CHECK(x.all.tasks.failed == 0);
  }
}

TEST_CASE("spread uses nodes more evenly than binpack on a fixed day of work") {
  auto day = shipped("balance");
  day.until = 30min;
  auto packed = played(day, {.strategy = "binpack"});
  auto spread = played(day, {.strategy = "spread"});
  CHECK(packed.all.use.cpu.mean > 0.1);
  CHECK(spread.all.use.cpu.stddev_over_nodes
        < packed.all.use.cpu.stddev_over_nodes);
}

TEST_CASE("priority 100 takes the places of two tasks of priority 10") {
  auto x = played(shipped("preemption"));
  CHECK(x.all.preemptions == 2);
  CHECK(x.all.tasks.succeeded == 5);
  CHECK(trace(x)
        == "0 low.0 1 n-1\n0 low.1 1 n-1\n0 low.2 1 n-2\n0 low.3 1 n-2\n"
           "60 high.0 1 n-1\n180 low.0 2 n-1\n180 low.1 2 n-1\n");
}

TEST_CASE("a gang starts when its last member has a place, all in one moment") {
  auto x = played(shipped("gang"));
  CHECK(x.all.gangs.committed == 1);
  CHECK(x.all.tasks.succeeded == 4);
  std::set<double> times;
  std::set<std::string> nodes;
  for (auto& y : x.placements)
    if (y.task.job.starts_with("gang-a")) {
      times.insert(y.at_seconds);
      nodes.insert(y.node);
    }
  CHECK(times == std::set<double>{300});
  CHECK(nodes.size() == 3);
}

TEST_CASE("a gang that can never fit starts nothing and holds nobody up") {
  auto x = played(shipped("gang-failure"));
  CHECK(x.all.gangs.committed == 0);
  CHECK(trace(x) == "10 other.0 1 n-1\n10 other.1 1 n-2\n");
  CHECK(x.all.tasks.pending == 3);
  REQUIRE(x.waiting.size() == 1);
  CHECK(x.waiting[0].why == reason::never_fits);
}

TEST_CASE("100, 10 and three of gang-a at 50 run in the order of priorities") {
  auto x = played(shipped("reference"));
  CHECK(x.all.preemptions == 3);
  CHECK(x.all.tasks.succeeded == 7);
  CHECK(x.all.gangs.committed == 1);
  std::map<std::string, std::set<double>> starts;
  for (auto& y : x.placements)
    starts[y.task.job.substr(0, 6)].insert(y.at_seconds);
  CHECK(starts["gang-a"].size() == 1);
  CHECK(starts["urgent"] == std::set<double>{90});
  CHECK(*starts["backgr"].rbegin() > 90);
}
