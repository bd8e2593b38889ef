#include <string>

#include <doctest/doctest.h>

#include "messages/job_text.hpp"

#include "runtime/rehearsal/scenario.hpp"

using namespace troupe;
using namespace troupe::runtime::rehearsal;
using namespace std::chrono_literals;

namespace {

constexpr auto job = R"({"command": ["x"], "expectedRuntime": "1m"})";

boost::json::value parsed(const std::string& text) {
  auto result = read_json_text(text, json_dialect::file);
  REQUIRE_MESSAGE(result.has_value(), text);
  return *result;
}

scenario good(const std::string& text) {
  auto result = read_scenario(parsed(text));
  if (!result)
    for (auto& x : result.error())
      MESSAGE(x.pointer, ": ", x.detail);
  REQUIRE(result.has_value());
  return *result;
}

/// `pointer: detail`, a line each.
std::string faults(const std::string& text) {
  auto read = read_scenario(parsed(text));
  REQUIRE_FALSE(read.has_value());
  std::string result;
  for (auto& x : read.error())
    result += x.pointer + ": " + x.detail + '\n';
  return result;
}

std::string with_jobs(const std::string& jobs, const std::string& more = "") {
  return R"({"nodes": [{"count": 2, "name": "n", "cpu": 4, "memory": "8GiB"}],
             "jobs": [)"
         + jobs + "]" + more + "}";
}

const submit_jobs& submission(const scenario& x, size_t step) {
  return std::get<submit_jobs>(std::get<command>(x.steps.at(step).what));
}

} // namespace

TEST_CASE("nodes of a scenario with a count are numbered from one") {
  auto x = good(R"({"nodes": [
      {"count": 2, "name": "n", "cpu": "500m", "memory": "1GiB", "gpu": 2,
       "labels": {"zone": "a"}, "resources": {"license-x": 3}},
      {"name": "big", "cpu": 64, "memory": 1024}], "jobs": []})");
  auto& nodes = std::get<joined_nodes>(x.steps.at(0).what).nodes;
  REQUIRE(nodes.size() == 3);
  CHECK(nodes[0].name == "n-1");
  CHECK(nodes[1].name == "n-2");
  CHECK(nodes[2].name == "big");
  CHECK(nodes[0].capacity
        == resources{500, int64_t{1} << 30, 2'000, {{"license-x", 3}}});
  CHECK(nodes[0].labels == label_set{{"zone", "a"}});
  CHECK(nodes[2].capacity == resources{64'000, 1'024, 0, {}});
}

TEST_CASE("steps of a scenario stand in the order of their times") {
  auto x = good(with_jobs(std::string{R"({"at": "2m", "job": )"} + job
                            + "}, {\"job\": " + job + "}",
                          R"(, "events": [{"at": "1m", "lose": "n-1"},
                                          {"at": "2m", "drain": "n-2"}])"));
  REQUIRE(x.steps.size() == 5);
  CHECK(std::holds_alternative<joined_nodes>(x.steps[0].what));
  CHECK(x.steps[1].pointer == "/jobs/1");
  CHECK(x.steps[2].what == decltype(x.steps[2].what){lost_node{"n-1"}});
  CHECK(x.steps[3].pointer == "/events/1");
  CHECK(x.steps[4].pointer == "/jobs/0");
  CHECK(x.steps[4].at == 2min);
}

TEST_CASE(
  "a submission that comes many times has a name of its own each time") {
  auto x = good(
    with_jobs(std::string{R"({"at": "5s", "every": "10s", "times": 3, "job": )"}
              + job + "}"));
  REQUIRE(x.steps.size() == 4);
  CHECK(submission(x, 1).specs.at(0)->name == "x-1");
  CHECK(submission(x, 3).specs.at(0)->name == "x-3");
  CHECK(x.steps[3].at == 25s);
}

TEST_CASE("jobs of a scenario without names do not update each other") {
  auto x = good(
    with_jobs(std::string{"{\"job\": "} + job + "}, {\"job\": " + job + "}"));
  CHECK(submission(x, 1).specs.at(0)->name == "x");
  CHECK(submission(x, 2).specs.at(0)->name == "x-2");
}

TEST_CASE("settings of a scenario are those of the settings route") {
  auto x = good(with_jobs("", R"(, "settings": {"queueOrder": "fair",
      "fairBy": "team", "fairWeights": {"a": 2}, "cacheEntries": 7,
      "concurrency": {"user=ann": 3}})"));
  CHECK(x.settings.queue_order == "fair");
  CHECK(x.settings.fair_by == "team");
  CHECK(x.settings.fair_weights->at("a") == 2);
  CHECK(x.settings.cache_entries == 7);
  CHECK(x.settings.concurrency->at("user=ann") == 3);
  auto text = faults(with_jobs("", R"(, "settings": {"order": "fair"})"));
  CHECK(text.find("/settings/order: unknown key") != std::string::npos);
}

TEST_CASE("all that is wrong with a scenario is told at once, with pointers") {
  auto text = faults(R"({
      "nodes": [{"count": 2, "name": "n", "cpus": 4, "memory": "8GiB"},
                {"name": "n-2", "cpu": 1, "memory": 1}],
      "settings": {"stratgy": "spread"},
      "jobs": [{"at": "soon", "job": {"command": ["x"], "cpu": -1}},
               {"job": {"command": ["x"]}},
               {"every": "1s", "job": {"command": ["x"], "expectedRuntime": "1s"}}],
      "events": [{"at": "1m", "lose": "n-3"}, {"drain": "n-1", "lose": "n-1"}],
      "til": "1h"})");
  CAPTURE(text);
  for (auto expected :
       {"/til: unknown key \"til\"; did you mean \"until\"?",
        "/nodes/0/cpus: unknown key \"cpus\"; did you mean \"cpu\"?",
        "/nodes/0: ", "/nodes/1: ", "/settings/stratgy: unknown key",
        "/jobs/0/at: ", "/jobs/0/job/cpu: ",
        "/jobs/1/job: nobody says how long its tasks run",
        "/jobs/2: ", "/events/0/lose: there is no node \"n-3\"", "/events/1: "})
    CHECK_MESSAGE(text.find(expected) != std::string::npos, expected);
}

TEST_CASE("a scenario in which something never ends says when to stop") {
  auto nightly = R"({"job": {"name": "nightly", "command": ["x"],
      "kind": "batch", "expectedRuntime": "1m", "schedule": {"cron": "@hourly"}}})";
  CHECK(faults(with_jobs(nightly)).find("\"until\"") != std::string::npos);
  CHECK(good(with_jobs(nightly, R"(, "until": "1d")")).until == 24h);
}
