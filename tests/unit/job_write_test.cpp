#include <random>
#include <string>
#include <vector>

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include "messages/job.hpp"
#include "messages/job_text.hpp"

using namespace troupe;
using namespace std::chrono_literals;

namespace {

namespace json = boost::json;

job_spec read(std::string_view text) {
  auto x = read_json_text(text, json_dialect::wire);
  REQUIRE(x);
  auto result = read_job(*x);
  REQUIRE(result);
  return *result;
}

/// Makes valid specs, any of them, from a seeded source.
class spec_maker {
public:
  explicit spec_maker(uint64_t seed) : random_{seed} {}

  job_spec make() {
    job_spec x;
    x.name = name();
    x.kind = static_cast<job_kind>(below(3));
    x.driver = static_cast<driver_kind>(below(3));
    program(x);
    amounts(x);
    rules(x);
    life(x);
    surroundings(x);
    return x;
  }

private:
  uint64_t below(uint64_t n) { return random_() % n; }
  bool maybe() { return below(3) == 0; }
  uint32_t small(uint32_t n) { return static_cast<uint32_t>(below(n)); }
  milliseconds time() { return milliseconds{below(3) * 1000 + below(1000)}; }

  std::string name() {
    return std::string(1 + below(3), static_cast<char>('a' + below(26)))
           + (maybe() ? "." : "-") + std::to_string(below(1000));
  }
  std::string any_text() {
    static const std::vector<std::string> texts{
      "", "x", "a b", "\"\\/\n\t", "caf\xc3\xa9", "\x01\x7f", "~/", "{}"};
    return texts[below(texts.size())];
  }
  std::vector<std::string> words() {
    std::vector<std::string> result{"run"};
    while (maybe())
      result.push_back(any_text());
    return result;
  }
  label_set labels() {
    label_set result;
    for (char c = 'a'; c < 'e'; ++c)
      if (maybe())
        result.push_back({std::string{c, '/', '~'}, std::to_string(below(9))});
    return result;
  }

  void program(job_spec& x) {
    if (x.driver == driver_kind::docker)
      x.image = "a/" + name() + ":1";
    if (x.driver == driver_kind::process || maybe())
      x.command = words();
    if (maybe())
      x.args = words();
    for (char c = 'A'; c < 'E'; ++c)
      if (maybe())
        x.env.emplace_back(std::string{c}, any_text());
    if (maybe())
      x.workdir = "/" + any_text();
    if (maybe())
      x.user = "1000:1000";
  }

  void amounts(job_spec& x) {
    x.request.cpu_millicores = static_cast<int64_t>(below(1'000'000'001));
    x.request.memory_bytes
      = (6 << 20)
        + static_cast<int64_t>(below((uint64_t{1} << 53) - (6 << 20)));
    if (maybe())
      x.cpu_limit_millicores = x.request.cpu_millicores + 1;
    if (x.cpu_limit_millicores > 1'000'000'000)
      x.cpu_limit_millicores = 0;
    if (maybe())
      x.memory_limit_bytes = x.request.memory_bytes;
    if (maybe())
      x.request.gpu_millis
        = static_cast<int64_t>(maybe() ? below(1001) : below(1'000'001) * 1000);
    for (char c = 'a'; c < 'd'; ++c)
      if (maybe())
        x.request.add(std::string{c}, 1 + small(1'000'000));
    if (x.kind != job_kind::system)
      x.count = 1 + small(1'000'000);
    x.priority = static_cast<int32_t>(below(2'000'001)) - 1'000'000;
    if (maybe())
      x.priority_class = "p/Q_1";
    if (maybe())
      x.strategy = "firstFit";
  }

  void rules(job_spec& x) {
    x.labels = labels();
    x.avoid_colocating = labels();
    x.colocate_with = labels();
    for (auto& [label, value] : labels()) {
      x.requirements.push_back({label, {value}});
      while (maybe())
        x.requirements.back().values.push_back(maybe() ? "*" : "!x");
    }
    for (auto& [label, value] : labels())
      x.preferences.push_back(
        {label, value,
         static_cast<int32_t>(1 + small(100)) * (maybe() ? -1 : 1)});
    for (auto& [label, value] : labels())
      x.spread_by.insert(maybe() ? x.spread_by.begin() : x.spread_by.end(),
                         label);
    x.exclusive = maybe();
    if (x.kind != job_kind::system && maybe()) {
      x.gang = gang_request{};
      if (maybe())
        x.gang->name = name();
      if (maybe())
        x.gang->min = 1 + small(x.count);
      if (x.gang->min != 0 && maybe())
        x.gang->max = x.gang->min + small(x.count - x.gang->min + 1);
    }
  }

  void life(job_spec& x) {
    if (maybe()) {
      x.health = health_check{};
      x.health->kind = static_cast<check_kind>(below(3));
      if (x.health->kind == check_kind::command)
        x.health->command = words();
      else
        x.health->port = static_cast<uint16_t>(1 + below(65'535));
      if (x.health->kind == check_kind::http)
        x.health->path = "/up?x=%20";
      x.health->interval = 10ms + time();
      x.health->timeout = 10ms + time();
      x.health->failures = 1 + small(9);
      x.health->grace = time();
    }
    x.restart.attempts = x.kind == job_kind::batch ? 0 : 3;
    if (maybe())
      x.restart = {small(9), 1ms + time(), time(),
                   (1000 + static_cast<double>(below(99'001))) / 1000};
    if (maybe())
      x.retries = small(1'000'001);
    if (maybe())
      x.timeout = time();
    if (maybe())
      x.expected_runtime = 24h * 36'500;
    if (maybe())
      x.stop_signal = "SIGQUIT";
    if (maybe())
      x.stop_grace = time();
    if (maybe())
      x.replace_after = time();
    for (auto& [label, value] : labels())
      x.after.push_back(
        {label.substr(0, 1), static_cast<job_outcome>(below(2))});
    if (x.kind == job_kind::batch && maybe())
      x.schedule = schedule_rule{"*/5 * * * mon-fri", "Etc/GMT+5",
                                 static_cast<overlap_rule>(below(3))};
    if (x.kind == job_kind::batch && maybe()) {
      x.cache = cache_rule{};
      if (maybe())
        x.cache->ttl = time() + std::chrono::milliseconds{1};
      if (maybe())
        x.cache->inputs = words();
    }
  }

  void surroundings(job_spec& x) {
    for (char c = 'a'; c < 'e'; ++c)
      if (maybe())
        x.ports.push_back({std::string{c},
                           static_cast<uint16_t>(1 + below(65'535)),
                           static_cast<uint16_t>(maybe() ? 8000 + c : 0)});
    for (char c = 'a'; c < 'e'; ++c)
      if (maybe())
        x.volumes.push_back({"/data", std::string{'/', c}, maybe()});
    if (maybe())
      x.update = {1 + small(9), small(9), time(), maybe()};
    if (maybe())
      x.scheduler = "mine";
    if (maybe())
      x.simulate = {time(), static_cast<int32_t>(below(256))};
  }

  std::mt19937_64 random_;
};

} // namespace

TEST_CASE("keys with default values are left out") {
  CHECK(json::serialize(write_job(read(R"({"image": "nginx", "cpu": 2})")))
        == R"({"name":"nginx","kind":"service","driver":"docker",)"
           R"("image":"nginx","cpu":2,"memory":67108864,"count":1,)"
           R"("priority":0})");
}

TEST_CASE("a default that is given is a default") {
  CHECK(write_job(read(R"({"image": "x", "stopSignal": "TERM",
    "stopGrace": "10000ms", "gpu": 0, "exclusive": false, "gang": false,
    "labels": {}, "requires": {}, "prefers": [], "spreadBy": [], "after": {},
    "ports": {}, "volumes": [], "env": {}, "cache": false, "retries": 0,
    "restart": {"attempts": 3, "window": "10m", "delay": "1s", "backoff": 2},
    "update": {"maxUnavailable": 1}, "onNodeLoss": {}, "scheduler": "default",
    "resources": {}, "simulate": {}, "timeout": "0s"})"))
        == write_job(read(R"({"image": "x"})")));
}

TEST_CASE("everything that is given is written in the order of the reference") {
  auto text = R"({"name": "n", "kind": "batch", "driver": "docker",
    "image": "x", "command": ["c"], "args": ["a"], "env": {"A": "1", "B": "2"},
    "workdir": "/w", "user": "u", "cpu": 2, "memory": 6291456,
    "cpuLimit": 3, "memoryLimit": 6291457, "gpu": "250m",
    "resources": {"l": 1}, "count": 9, "priority": -3, "strategy": "spread",
    "labels": {"a": "b"}, "requires": {"a": "b", "c": ["d", "!e"]},
    "prefers": [{"label": "a", "value": "b", "weight": 50}],
    "avoidColocating": {"a": "b"}, "colocateWith": {"c": "d"},
    "spreadBy": ["z", "a"], "exclusive": true,
    "gang": {"min": 2, "max": 3},
    "health": {"command": ["t"], "interval": "1m", "timeout": "1500ms",
               "failures": 1, "grace": "0s"},
    "restart": {"attempts": 1, "window": "1h", "delay": "0s", "backoff": 3},
    "retries": 2, "timeout": "90s", "expectedRuntime": "1d",
    "stopSignal": "SIGINT", "stopGrace": "1s",
    "onNodeLoss": {"replaceAfter": "0s"}, "after": {"x": "finished"},
    "schedule": {"cron": "* * * * *", "timezone": "UTC", "overlap": "queue"},
    "cache": {"ttl": "1h", "inputs": ["i"]},
    "ports": {"a": 1, "b": {"container": 2, "host": 3}},
    "volumes": [{"host": "/h", "path": "/p", "readOnly": true}],
    "update": {"maxUnavailable": 0, "maxSurge": 1, "minHealthy": "0s",
               "rollback": false},
    "scheduler": "s", "priorityClass": "p",
    "simulate": {"duration": "1s", "exitCode": 1}})";
  auto written = json::serialize(write_job(read(text)));
  // 3 is what the serializer makes of 3.0.
  CHECK(json::parse(written).at("restart").at("backoff").to_number<double>()
        == 3);
  auto compact = json::parse(text);
  compact.at("restart").at("backoff") = 3.0;
  CHECK(written == json::serialize(compact));
}

TEST_CASE("special forms are written for special cases") {
  auto gang = [](std::string_view value) {
    return json::serialize(
      write_job(read("{\"image\": \"x\", \"count\": 9, \"gang\": "
                     + std::string{value} + "}"))
        .at("gang"));
  };
  CHECK(gang("true") == "true");
  CHECK(gang("\"g\"") == "\"g\"");
  CHECK(gang(R"({"name": "g", "min": 2})") == R"({"min":2,"name":"g"})");
  CHECK(write_job(read(R"({"command": ["x"], "cache": true})")).at("cache")
        == true);
  CHECK(write_job(read(R"({"image": "x", "cpu": 0.1})")).at("cpu") == 0.1);
}

TEST_CASE("whatever is written is read back as it was") {
  for (uint64_t seed = 1; seed <= 20'000; ++seed) {
    CAPTURE(seed);
    auto x = spec_maker{seed}.make();
    auto written = write_job(x);
    auto back = read_job(written);
    if (!back)
      CAPTURE(back.error().front().detail);
    REQUIRE(back);
    REQUIRE(*back == x);
    REQUIRE(read_stored_job(written) == x);
    if (seed % 10 != 0)
      continue;
    // As text too, through our reader and through the library's own.
    auto text = json::serialize(written);
    auto parsed = read_json_text(text, json_dialect::wire);
    REQUIRE(parsed);
    REQUIRE(read_job(*parsed) == x);
    REQUIRE(read_job(json::parse(text)) == x);
  }
}
