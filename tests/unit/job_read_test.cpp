#include <chrono>
#include <map>
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

json::value parsed(const std::string& text) {
  auto result = read_json_text(text, json_dialect::wire);
  REQUIRE_MESSAGE(result, text);
  return *result;
}

/// A job that is valid but for `members`, text such as `"cpu": 2`.
json::value with(const std::string& members) {
  auto result = parsed(R"({"name": "web", "image": "nginx", "count": 5})");
  auto more = parsed('{' + members + '}');
  for (auto& [key, value] : more.as_object())
    result.as_object()[key] = value;
  return result;
}

job_spec valid(const json::value& x) {
  auto result = read_job(x);
  if (!result)
    for (auto& [pointer, detail] : result.error())
      MESSAGE(pointer, ": ", detail);
  REQUIRE_MESSAGE(result, json::serialize(x));
  return *result;
}

job_spec valid(const char* text) {
  return valid(parsed(text));
}

std::vector<problem> problems_of(const json::value& x) {
  auto result = read_job(x);
  REQUIRE_MESSAGE(!result, json::serialize(x));
  return result.error();
}

struct bad_row {
  std::string members;
  std::string pointer;
  std::string detail;
};

/// Each row has one problem, at a pointer, in these words.
void check_rows(const std::vector<bad_row>& rows) {
  for (auto& [members, pointer, detail] : rows) {
    auto& shown_members = members; // A binding cannot be captured.
    CAPTURE(shown_members);
    auto found = problems_of(with(members));
    CHECK(found.size() == 1);
    CHECK(found.front().pointer == pointer);
    CHECK(found.front().detail == detail);
  }
}

/// Each row has one problem, at this pointer.
void check_pointers(
  const std::vector<std::pair<std::string, std::string>>& rows) {
  for (auto& [members, pointer] : rows) {
    auto& shown_members = members; // A binding cannot be captured.
    CAPTURE(shown_members);
    auto found = problems_of(with(members));
    CHECK(found.size() == 1);
    CHECK(found.front().pointer == pointer);
  }
}

} // namespace

// -- defaults -----------------------------------------------------------------

TEST_CASE("the smallest container is a service of one task") {
  auto x
    = valid(R"({"image": "nginx:alpine", "cpu": 0.5, "memory": "128MiB"})");
  job_spec wanted;
  wanted.name = "nginx";
  wanted.kind = job_kind::service;
  wanted.driver = driver_kind::docker;
  wanted.image = "nginx:alpine";
  wanted.request = {500, 128 << 20, 0, {}};
  CHECK(x == wanted);
  CHECK(x.restart == restart_policy{3, 10min, 1s, 2});
}

TEST_CASE("the smallest process is a batch job that is not restarted") {
  auto x = valid(R"({"command": ["/bin/sh", "-c", "echo hi"]})");
  CHECK(x.name == "sh");
  CHECK(x.kind == job_kind::batch);
  CHECK(x.driver == driver_kind::process);
  CHECK(x.command == std::vector<std::string>{"/bin/sh", "-c", "echo hi"});
  CHECK(x.request == resources{100, 64 << 20, 0, {}});
  CHECK(x.restart == restart_policy{0, 10min, 1s, 2});
  CHECK(x.stop_signal == "SIGTERM");
  CHECK(x.stop_grace == 10s);
  CHECK(x.scheduler == "default");
  CHECK(x.strategy.empty());
  CHECK(!x.replace_after);
}

TEST_CASE("defaults follow the kind, the image and the driver") {
  CHECK(valid(R"({"command": ["x"], "kind": "service"})").restart.attempts
        == 3);
  CHECK(valid(R"({"image": "x", "kind": "batch"})").restart.attempts == 0);
  CHECK(valid(R"({"image": "x", "kind": "system"})").restart.attempts == 3);
  CHECK(valid(R"({"image": "x", "kind": "batch", "restart": {"delay": "5s"}})")
          .restart
        == restart_policy{0, 10min, 5s, 2});
  CHECK(valid(R"({"driver": "simulated"})").kind == job_kind::batch);
  CHECK(valid(R"({"driver": "simulated", "image": "x"})").kind
        == job_kind::service);
}

TEST_CASE("a missing name is made of the image or the program") {
  std::map<std::string, std::string> images{
    {"nginx", "nginx"},
    {"nginx:alpine", "nginx"},
    {"docker.io/library/nginx:1.2", "nginx"},
    {"registry:5000/team/my_app@sha256:0123abc", "my-app"},
    {"a.b/c__d.e:X", "c-d.e"},
    {"localhost:5000/x:1", "x"},
  };
  for (auto& [image, name] : images)
    CHECK(valid(json::object{{"image", image}}).name == name);
  std::map<std::string, std::string> programs{
    {"sh", "sh"},
    {"/usr/bin/python3.11", "python3.11"},
    {"./Run Me!", "run-me"},
    {"/", "job"},
    {"--", "job"},
    {"\xc3\xa9t\xc3\xa9", "t"},
    {std::string(200, 'a'), std::string(50, 'a')},
  };
  for (auto& [program, name] : programs)
    CHECK(valid(json::object{{"command", json::array{program}}}).name == name);
  CHECK(valid(R"({"driver": "simulated"})").name == "job");
}

// -- every key ----------------------------------------------------------------

TEST_CASE("every key is read") {
  auto x = valid(R"({
    "name": "a.b-c", "kind": "batch", "driver": "docker",
    "image": "Registry.example:5000/team/app:V1@sha256:00ff",
    "command": ["run"], "args": ["-x", ""], "env": {"B": "2", "A": ""},
    "workdir": "/srv", "user": "1000:1000",
    "cpu": "250m", "memory": "1.5GB", "cpuLimit": 2, "memoryLimit": "2GB",
    "gpu": 2, "resources": {"license-x": 3, "a/b": 1, "none": 0},
    "count": 10, "priority": "-100", "strategy": "leastLoaded",
    "labels": {"service": "database", "app": ""},
    "requires": {"zone": ["a", "!b"], "gpu": "*"},
    "prefers": [{"label": "zone", "value": "us-east", "weight": -50}],
    "avoidColocating": {"service": "database"},
    "colocateWith": {"service": "cache"},
    "spreadBy": ["zone", "rack"], "exclusive": true,
    "gang": {"min": 3, "max": 5},
    "health": {"http": {"port": 80, "path": "/up"}, "interval": "1s",
               "timeout": "500ms", "failures": 5, "grace": "1m"},
    "restart": {"attempts": 1, "window": "1m", "delay": "0s", "backoff": 1.5},
    "retries": 4, "timeout": "1h", "expectedRuntime": "30m",
    "stopSignal": "INT", "stopGrace": "1m", "onNodeLoss": {"replaceAfter": "0s"},
    "after": {"extract": "finished", "clean": "succeeded"},
    "schedule": {"cron": "*/5 0-6,12 1 jan-mar MON", "timezone": "Europe/Paris",
                 "overlap": "replace"},
    "cache": {"ttl": "1h", "inputs": ["sha256:00"]},
    "ports": {"http": 80, "admin": {"container": 81, "host": 8081}},
    "volumes": [{"host": "/data", "path": "/mnt", "readOnly": true}],
    "update": {"maxUnavailable": 2, "maxSurge": 0, "minHealthy": "5s",
               "rollback": false},
    "scheduler": "mine", "priorityClass": "high",
    "simulate": {"duration": "30s", "exitCode": 3}
  })");
  CHECK(x.name == "a.b-c");
  CHECK(x.args == std::vector<std::string>{"-x", ""});
  CHECK(x.env.size() == 2);
  CHECK(x.env.front().first == "A");
  CHECK(x.workdir == "/srv");
  CHECK(x.user == "1000:1000");
  CHECK(x.request
        == resources{250, 1'500'000'000, 2000, {{"a/b", 1}, {"license-x", 3}}});
  CHECK(x.cpu_limit_millicores == 2000);
  CHECK(x.memory_limit_bytes == 2'000'000'000);
  CHECK(x.count == 10);
  CHECK(x.priority == -100);
  CHECK(x.strategy == "leastLoaded");
  CHECK(x.labels == label_set{{"app", ""}, {"service", "database"}});
  CHECK(
    x.requirements
    == std::vector<label_requirement>{{"gpu", {"*"}}, {"zone", {"a", "!b"}}});
  CHECK(x.preferences
        == std::vector<label_preference>{{"zone", "us-east", -50}});
  CHECK(x.avoid_colocating == label_set{{"service", "database"}});
  CHECK(x.colocate_with == label_set{{"service", "cache"}});
  CHECK(x.spread_by == std::vector<std::string>{"zone", "rack"});
  CHECK(x.exclusive);
  CHECK(x.gang == gang_request{"", 3, 5});
  CHECK(x.health
        == health_check{check_kind::http, 80, "/up", {}, 1s, 500ms, 5, 1min});
  CHECK(x.restart == restart_policy{1, 1min, 0s, 1.5});
  CHECK(x.retries == 4);
  CHECK(x.timeout == 1h);
  CHECK(x.expected_runtime == 30min);
  CHECK(x.stop_signal == "SIGINT");
  CHECK(x.stop_grace == 1min);
  CHECK(x.replace_after == milliseconds{0});
  CHECK(x.after
        == std::vector<job_dependency>{{"clean", job_outcome::succeeded},
                                       {"extract", job_outcome::finished}});
  CHECK(x.schedule
        == schedule_rule{"*/5 0-6,12 1 jan-mar MON", "Europe/Paris",
                         overlap_rule::replace});
  CHECK(x.cache == cache_rule{1h, {"sha256:00"}});
  CHECK(x.ports
        == std::vector<port_request>{{"admin", 81, 8081}, {"http", 80, 0}});
  CHECK(x.volumes == std::vector<volume_mount>{{"/data", "/mnt", true}});
  CHECK(x.update == update_rule{2, 0, 5s, false});
  CHECK(x.scheduler == "mine");
  CHECK(x.priority_class == "high");
  CHECK(x.simulate == simulation{30s, 3});
}

TEST_CASE("alternative forms mean the same") {
  auto same = [](const std::string& a, const std::string& b) {
    CAPTURE(a);
    CHECK(valid(with(a)) == valid(with(b)));
  };
  same(R"("cpu": 0.25)", R"("cpu": "250m")");
  same(R"("cpu": 2)", R"("cpu": "2")");
  same(R"("cpu": 2.0)", R"("cpu": "2000m")");
  same(R"("memory": 134217728)", R"("memory": "128MiB")");
  same(R"("memory": 134217728.0)", R"("memory": "134217728")");
  same(R"("gpu": 0.25)", R"("gpu": "250m")");
  same(R"("gpu": "3")", R"("gpu": 3)");
  same(R"("priority": 100)", R"("priority": "100")");
  same(R"("priority": -0)", R"("priority": 0)");
  same(R"("spreadBy": "zone")", R"("spreadBy": ["zone"])");
  same(R"("requires": {"a": "x"})", R"("requires": {"a": ["x"]})");
  same(R"("prefers": {"a": "x"})",
       R"("prefers": [{"label": "a", "value": "x", "weight": 100}])");
  same(R"("gang": true)", R"("gang": {})");
  same(R"("gang": "g")", R"("gang": {"name": "g"})");
  same(R"("gang": {"max": 3})", R"("gang": {"min": 3, "max": 3})");
  same(R"("gang": false)", R"("gpu": 0)");
  same(R"("after": ["a"])", R"("after": {"a": "succeeded"})");
  same(R"("kind": "batch", "cache": true)", R"("kind": "batch", "cache": {})");
  same(R"("kind": "batch", "cache": false)", R"("kind": "batch")");
  same(R"("ports": {"p": 1})", R"("ports": {"p": {"container": 1}})");
  same(R"("stopSignal": "KILL")", R"("stopSignal": "SIGKILL")");
  same(R"("timeout": "90s")", R"("timeout": "1m30s")");
}

// -- what is wrong ------------------------------------------------------------

TEST_CASE("the common mistakes are answered in plain words") {
  check_rows({
    {R"("memroy": 1)", "/memroy",
     R"(unknown key "memroy"; did you mean "memory"?)"},
    {R"("memory_limit": 1)", "/memory_limit",
     R"(unknown key "memory_limit"; did you mean "memoryLimit"?)"},
    {R"("replicas": 3)", "/replicas",
     R"(unknown key "replicas"; did you mean "count"?)"},
    {R"("a/b~c": 3)", "/a~1b~0c",
     R"(unknown key "a/b~c"; did you mean "args"?)"},
    {R"("health": {"http": {"port": 1, "pth": "/"}})", "/health/http/pth",
     R"(unknown key "pth"; did you mean "path"?)"},
    {R"("priority": "high")", "/priority",
     "priority must be a whole number from -1000000 to 1000000, such as 100 or "
     "\"100\", not \"high\""},
    {R"("cpu": "lots")", "/cpu",
     "cpu is no amount: \"lots\" is not a quantity; write a number such as 0.5 "
     "or 2, or thousandths such as \"250m\""},
    {R"("cpu": -1)", "/cpu",
     "cpu must be a number from 0 to 1000000 in steps of 0.001, such as 0.5 or "
     "\"250m\", not -1"},
    {R"("memory": "5MiB")", "/memory",
     "memory must be at least \"6MiB\" for a container, not \"5MiB\""},
    {R"("memory": 1.5)", "/memory",
     "memory must be a whole number of bytes from 0 to 9007199254740992, or a "
     "text such as \"128MiB\", not 1.5"},
    {R"("count": 0)", "/count",
     "count must be a whole number from 1 to 1000000, not 0"},
    {R"("count": "3")", "/count",
     "count must be a whole number from 1 to 1000000, not \"3\""},
    {R"("timeout": 30)", "/timeout",
     "timeout must be a duration such as \"10s\", not 30; write \"30s\" for "
     "seconds"},
    {R"("env": {"PORT": 80})", "/env/PORT",
     "env.PORT must be a string, not 80; write \"80\""},
    {R"("command": "sh -c x")", "/command",
     "command must be an array of strings such as [\"sh\", \"-c\", \"echo "
     "hi\"], not \"sh -c x\""},
    {R"("kind": "daemon")", "/kind",
     "kind must be \"service\", \"batch\" or \"system\", not \"daemon\""},
    {R"("gpu": 1.5)", "/gpu",
     "gpu must be whole devices, such as 1 or 2, or a share of one device, "
     "such "
     "as \"250m\""},
    {R"("cpu": 1, "cpuLimit": 0.5)", "/cpuLimit",
     "cpuLimit must be at least \"cpu\", not 0.5"},
    {R"("memory": "64MiB", "memoryLimit": "32MiB")", "/memoryLimit",
     "memoryLimit must be at least \"memory\", not \"32MiB\""},
    {R"("gang": {"min": 6, "max": 8})", "/gang",
     "gang wants 8 tasks, but \"count\" is 5"},
    {R"("gang": {"min": 3, "max": 2})", "/gang/min",
     "gang.min must be at most gang.max, which is 2"},
    {R"("health": {"interval": "1s"})", "/health",
     "health needs exactly one of \"http\", \"tcp\" and \"command\""},
    {R"("driver": "process", "command": ["x"])", "/image",
     "image is for containers; leave it out, or write \"driver\": \"docker\""},
    {R"("schedule": {"cron": "daily"})", "/schedule/cron",
     "schedule.cron must have five fields (minute, hour, day of month, month, "
     "day of week), such as \"*/5 * * * *\"; this has 1"},
    {R"("schedule": {"cron": "60 * * * *"})", "/schedule/cron",
     "schedule.cron has a wrong minute: write values from 0 to 59, as in "
     "\"*\", "
     "\"5\", \"1-5\", \"1,3\" or \"*/5\""},
    {R"("ports": {"a": {"container": 1, "host": 9}, "b": {"container": 2, "host": 9}})",
     "/ports/b",
     "ports.b asks for the host port 9, which the port \"a\" asks for already"},
    {R"("requires": {"gpu": true})", "/requires/gpu",
     "requires.gpu must be a string such as \"true\", \"*\" or \"!x\", or an "
     "array of them, not true"},
  });
}

TEST_CASE("a job without a program is refused") {
  std::map<std::string, std::string> rows{
    {R"({})", "the job needs \"image\" (a container) or \"command\" (a "
              "process)"},
    {R"({"driver": "docker"})",
     "the job needs \"image\", because its driver is \"docker\""},
    {R"({"driver": "process", "args": ["x"]})",
     "the job needs \"command\", because its driver is \"process\""},
    {R"(3)", "the job must be an object, not 3"},
    {R"(null)", "the job must be an object, not null"},
    {R"([])", "the job must be an object, not an array"},
  };
  for (auto& [text, detail] : rows)
    CHECK(problems_of(parsed(text)) == std::vector<problem>{{"", detail}});
}

TEST_CASE("every error of a document is reported at once") {
  auto result
    = read_job(parsed(R"({"cpu": "x", "memory": -1, "env": {"a~/b": 1, "": "x"},
               "health": {"tcp": {"port": 0}, "intervall": "1s"},
               "volumes": [{"host": "/a", "path": "b"}, 7]})"),
               "/jobs/3");
  REQUIRE(!result);
  std::vector<std::string> pointers;
  for (auto& x : result.error())
    pointers.push_back(x.pointer);
  CHECK(pointers
        == std::vector<std::string>{
          "/jobs/3/env/a~0~1b", "/jobs/3/env/", "/jobs/3/cpu", "/jobs/3/memory",
          "/jobs/3/health/intervall", "/jobs/3/health/tcp/port",
          "/jobs/3/volumes/0/path", "/jobs/3/volumes/1", "/jobs/3"});
}

TEST_CASE("numbers that do not fit are refused for every numeric key") {
  for (std::string key : {"cpu", "memory", "cpuLimit", "memoryLimit", "gpu",
                          "count", "priority", "retries"})
    for (std::string number : {"1e20",
                               "-1e20",
                               "9223372036854775807",
                               "9223372036854775808",
                               "18446744073709551615",
                               "1e308",
                               "-9223372036854775808",
                               "0.0000001",
                               "2.00001",
                               "true",
                               "null",
                               "[]",
                               "{}",
                               "\"\"",
                               "\"NaN\"",
                               "\"1e3\"",
                               "\"0x10\"",
                               "\"-\"",
                               "\" 1\"",
                               "\"99999999999999999999\""}) {
      CAPTURE(key);
      CAPTURE(number);
      auto found = problems_of(with('"' + key + "\": " + number));
      CHECK(std::all_of(found.begin(), found.end(),
                        [&](auto& x) { return x.pointer.ends_with(key); }));
    }
  for (std::string key :
       {"cpu", "memory", "cpuLimit", "memoryLimit", "gpu", "count", "retries"})
    CHECK(problems_of(with('"' + key + "\": -1")).size() == 1);
  check_pointers({
    {R"("priority": 1000001)", "/priority"},
    {R"("priority": -1000001)", "/priority"},
    {R"("priority": 2147483648)", "/priority"},
    {R"("priority": "1000001")", "/priority"},
    {R"("priority": "1.5")", "/priority"},
    {R"("priority": " 1")", "/priority"},
    {R"("count": 1000001)", "/count"},
    {R"("count": 1.5)", "/count"},
    {R"("gpu": "1500m")", "/gpu"},
    {R"("memory": 9007199254740993)", "/memory"},
    {R"("cpu": 0.0001)", "/cpu"},
    {R"("cpuLimit": 0)", "/cpuLimit"},
  });
}

TEST_CASE("the edges of the ranges are accepted") {
  CHECK(valid(with(R"("count": 1000000)")).count == 1'000'000);
  CHECK(valid(with(R"("priority": -1000000)")).priority == -1'000'000);
  CHECK(valid(with(R"("memory": 9007199254740992)")).request.memory_bytes
        == int64_t{1} << 53);
  CHECK(valid(with(R"("memory": "6MiB")")).request.memory_bytes == 6 << 20);
  CHECK(valid(with(R"("cpu": 0)")).request.cpu_millicores == 0);
  CHECK(valid(with(R"("cpu": 0.001)")).request.cpu_millicores == 1);
  CHECK(valid(with(R"("cpu": 1000000)")).request.cpu_millicores
        == 1'000'000'000);
  CHECK(valid(with(R"("gpu": 1)")).request.gpu_millis == 1000);
  CHECK(valid(R"({"command": ["x"], "memory": 1})").request.memory_bytes == 1);
}

TEST_CASE("the wrong type is refused for every key") {
  // [key][type] is allowed for these.
  std::map<std::string, std::string> allowed{
    {"name", "s"},
    {"kind", "s"},
    {"driver", "s"},
    {"image", "s"},
    {"command", "a"},
    {"args", "a"},
    {"env", "o"},
    {"workdir", "s"},
    {"user", "s"},
    {"cpu", "ns"},
    {"memory", "ns"},
    {"cpuLimit", "ns"},
    {"memoryLimit", "ns"},
    {"gpu", "ns"},
    {"resources", "o"},
    {"count", "n"},
    {"priority", "ns"},
    {"strategy", "s"},
    {"labels", "o"},
    {"requires", "o"},
    {"prefers", "oa"},
    {"avoidColocating", "o"},
    {"colocateWith", "o"},
    {"spreadBy", "sa"},
    {"exclusive", "b"},
    {"gang", "bos"},
    {"health", "o"},
    {"restart", "o"},
    {"retries", "n"},
    {"timeout", "s"},
    {"expectedRuntime", "s"},
    {"stopSignal", "s"},
    {"stopGrace", "s"},
    {"onNodeLoss", "o"},
    {"after", "ao"},
    {"schedule", "o"},
    {"cache", "bo"},
    {"ports", "o"},
    {"volumes", "a"},
    {"update", "o"},
    {"scheduler", "s"},
    {"priorityClass", "s"},
    {"simulate", "o"},
  };
  CHECK(allowed.size() == 43);
  std::map<char, std::string> values{{'n', "7"},    {'s', "\"7\""},
                                     {'b', "true"}, {'a', "[]"},
                                     {'o', "{}"},   {'0', "null"}};
  for (auto& [key, types] : allowed)
    for (auto& [type, value] : values) {
      if (types.find(type) != std::string::npos)
        continue;
      auto& shown_key = key; // A binding cannot be captured.
      CAPTURE(shown_key);
      auto& shown_value = value; // A binding cannot be captured.
      CAPTURE(shown_value);
      auto x = parsed(R"({"driver": "simulated"})");
      x.as_object()[key] = parsed(value);
      auto found = problems_of(x);
      CHECK(found.size() == 1);
      CHECK(found.front().pointer == '/' + key);
      CHECK(found.front().detail.starts_with(key + " must be "));
    }
}

TEST_CASE("names stay within their grammar") {
  for (std::string good : {"a", "0", "a-b", "a.b", "a--b", "a..b", "web-1.x"})
    CHECK(valid(json::object{{"name", good}, {"image", "x"}}).name == good);
  CHECK(valid(json::object{{"name", std::string(63, 'a')}, {"image", "x"}})
          .name.size()
        == 63);
  for (std::string bad : {"", "-a", "a-", ".", "..", "A", "a_b", "a b", "a/b",
                          "../x", "%2e%2e%2f", "a%00",
                          "\xe2\x80\xae"
                          "a",
                          "caf\xc3\xa9", "\xf0\x9f\x98\x80", "\x1b]0;x\x07",
                          "<script>", "'; drop", "a\n"}) {
    CAPTURE(bad);
    for (std::string key : {"name", "gang"}) {
      json::object x{{"image", "x"}, {key, bad}};
      CHECK(problems_of(x).size() == 1);
    }
    json::object x{{"image", "x"}, {"after", json::array{bad}}};
    CHECK(problems_of(x).front().pointer == "/after/0");
  }
  for (size_t size : {64u, 255u, 256u, 100'000u}) {
    json::object x{{"image", "x"}, {"name", std::string(size, 'a')}};
    CHECK(problems_of(x).size() == 1);
  }
  json::object nul{{"image", "x"}, {"name", std::string("a\0b", 3)}};
  CHECK(problems_of(nul).front().detail
        == "name must not contain a NUL character");
}

TEST_CASE("no sentence carries what a terminal could obey") {
  auto evil = std::string("\x1b]0;x\x07\xe2\x80\xae\x9b");
  json::object x{{"image", evil},       {evil, 1},
                 {"kind", evil},        {"env", {{evil, 1}, {"=", 1}}},
                 {"cpu", evil},         {"requires", {{evil, evil}}},
                 {"after", {{evil, 1}}}};
  for (auto& found : problems_of(x)) {
    CAPTURE(found.pointer);
    for (auto c : found.detail)
      CHECK((c >= ' ' && c < 0x7f));
  }
}

TEST_CASE("images are what engines take") {
  for (std::string good :
       {"nginx", "nginx:alpine", "a/b/c:D_1", "localhost/x", "r.io:5000/a/b",
        "x@sha256:00ff", "x:1@sha256:00ff", "sha256:00ff", "My.Host/x"}) {
    CAPTURE(good);
    CHECK(valid(json::object{{"image", good}}).image == good);
  }
  for (std::string bad :
       {"", " ", "a b", "Nginx", "a/B", "-x", "x:", "x@", "x@sha256", "/x",
        "x/", "a//b", "x:a:b", "http://x", "x\n", "x;rm"}) {
    CAPTURE(bad);
    CHECK(problems_of(json::object{{"image", bad}}).front().pointer
          == "/image");
  }
  json::object x{{"image", std::string(4'096, 'x')}};
  CHECK(problems_of(x).size() == 1);
}

TEST_CASE("programs and surroundings are checked") {
  check_pointers({
    {R"("command": [])", "/command"},
    {R"("command": [""])", "/command"},
    {R"("command": ["a", 1])", "/command/1"},
    {R"("command": ["a\u0000"])", "/command/0"},
    {R"("args": ["a", null])", "/args/1"},
    {R"("env": {"": "x"})", "/env/"},
    {R"("env": {"a=b": "x"})", "/env/a=b"},
    {R"("env": {"a": "x\u0000"})", "/env/a"},
    {R"("workdir": "srv")", "/workdir"},
    {R"("user": "a b")", "/user"},
    {R"("resources": {"cpu": 1})", "/resources/cpu"},
    {R"("resources": {"x": -1})", "/resources/x"},
    {R"("resources": {"x": 0.5})", "/resources/x"},
    {R"("resources": {" ": 1})", "/resources/ "},
    {R"("ports": {"a": 0})", "/ports/a"},
    {R"("ports": {"a": 65536})", "/ports/a"},
    {R"("ports": {"a": "80"})", "/ports/a"},
    {R"("ports": {"": 80})", "/ports/"},
    {R"("ports": {"a": {}})", "/ports/a"},
    {R"("ports": {"a": {"container": 1, "host": 0}})", "/ports/a/host"},
    {R"("volumes": [{"host": "/a"}])", "/volumes/0"},
    {R"("volumes": [{"host": "a", "path": "/a"}])", "/volumes/0/host"},
    {R"("volumes": [{"host": "/a/../b", "path": "/a"}])", "/volumes/0/host"},
    {R"("volumes": [{"host": "/..", "path": "/a"}])", "/volumes/0/host"},
    {R"("volumes": [{"host": "/a:/etc", "path": "/a"}])", "/volumes/0/host"},
    {R"("volumes": [{"host": "/a", "path": "/"}])", "/volumes/0/path"},
    {R"("volumes": [{"host": "/a", "path": "/b"}, {"host": "/c", "path": "/b"}])",
     "/volumes/1/path"},
    {R"("volumes": [{"host": "/a", "path": "/b", "readOnly": 1}])",
     "/volumes/0/readOnly"},
  });
  CHECK(valid(with(R"("volumes": [{"host": "/..a", "path": "/b.."}])"))
          .volumes.size()
        == 1);
}

TEST_CASE("rules on labels are checked") {
  auto long_name = std::string(64, 'x');
  auto long_value = std::string(256, 'x');
  check_pointers({
    {R"("labels": {"": "x"})", "/labels/"},
    {R"("labels": {"a b": "x"})", "/labels/a b"},
    {R"("labels": {"a": "\u0007"})", "/labels/a"},
    {R"("labels": {"a": "\u202e"})", "/labels/a"},
    {R"("labels": {"a": 1})", "/labels/a"},
    {R"("labels": {")" + long_name + R"(": "x"})", "/labels/" + long_name},
    {R"("labels": {"a": ")" + long_value + R"("})", "/labels/a"},
    {R"("requires": {"a": []})", "/requires/a"},
    {R"("requires": {"a": ["x", 1]})", "/requires/a/1"},
    {R"("requires": {"a": "!"})", "/requires/a"},
    {R"("prefers": [{"label": "a"}])", "/prefers/0"},
    {R"("prefers": [{"value": "a"}])", "/prefers/0"},
    {R"("prefers": [{"label": "a", "value": "b", "weight": 0}])",
     "/prefers/0/weight"},
    {R"("prefers": [{"label": "a", "value": "b", "weight": 101}])",
     "/prefers/0/weight"},
    {R"("prefers": ["a"])", "/prefers/0"},
    {R"("spreadBy": "")", "/spreadBy"},
    {R"("spreadBy": ["a", "a"])", "/spreadBy/1"},
    {R"("strategy": "a b")", "/strategy"},
    {R"("scheduler": "")", "/scheduler"},
    {R"("priorityClass": "-x")", "/priorityClass"},
  });
  CHECK(valid(with(R"("labels": {"a": "caf\u00e9 \u6771"})")).labels.size()
        == 1);
}

TEST_CASE("rules on a life are checked") {
  check_pointers({
    {R"("gang": {"min": 0})", "/gang/min"},
    {R"("gang": {"max": 6})", "/gang"},
    {R"("gang": 3)", "/gang"},
    {R"("health": {"http": {"port": 80}, "tcp": {"port": 80}})", "/health"},
    {R"("health": {"http": {}})", "/health/http"},
    {R"("health": {"http": {"port": 80, "path": "x"}})", "/health/http/path"},
    {R"("health": {"http": {"port": 80, "path": "/a b"}})",
     "/health/http/path"},
    {R"("health": {"command": []})", "/health/command"},
    {R"("health": {"tcp": {"port": 1}, "interval": "0s"})", "/health/interval"},
    {R"("health": {"tcp": {"port": 1}, "timeout": "0s"})", "/health/timeout"},
    {R"("health": {"tcp": {"port": 1}, "failures": 0})", "/health/failures"},
    {R"("health": {"tcp": {"port": 1}, "grace": "-1s"})", "/health/grace"},
    {R"("restart": {"attempts": -1})", "/restart/attempts"},
    {R"("restart": {"window": "0s"})", "/restart/window"},
    {R"("restart": {"backoff": 0})", "/restart/backoff"},
    {R"("restart": {"backoff": 1e300})", "/restart/backoff"},
    {R"("restart": {"backoff": "2"})", "/restart/backoff"},
    {R"("retries": -1)", "/retries"},
    {R"("timeout": "-1s")", "/timeout"},
    {R"("stopGrace": "9223372036854775808ms")", "/stopGrace"},
    {R"("stopGrace": "36501d")", "/stopGrace"},
    {R"("stopSignal": "SIGSTOP")", "/stopSignal"},
    {R"("stopSignal": "15")", "/stopSignal"},
    {R"("onNodeLoss": {"replaceAfter": 0})", "/onNodeLoss/replaceAfter"},
    {R"("after": ["web"])", "/after"},
    {R"("after": {"a": "failed"})", "/after/a"},
    {R"("after": "a")", "/after"},
    {R"("schedule": {})", "/schedule"},
    {R"("schedule": {"cron": "* * * * * *"})", "/schedule/cron"},
    {R"("schedule": {"cron": "* * 0 * *"})", "/schedule/cron"},
    {R"("schedule": {"cron": "5-1 * * * *"})", "/schedule/cron"},
    {R"("schedule": {"cron": "*/0 * * * *"})", "/schedule/cron"},
    {R"("schedule": {"cron": "1, * * * *"})", "/schedule/cron"},
    {R"("schedule": {"cron": "* * * foo *"})", "/schedule/cron"},
    {R"("schedule": {"cron": "* * * * *", "timezone": ""})",
     "/schedule/timezone"},
    {R"("schedule": {"cron": "* * * * *", "timezone": "../../etc/passwd"})",
     "/schedule/timezone"},
    {R"("schedule": {"cron": "* * * * *", "overlap": "both"})",
     "/schedule/overlap"},
    {R"("cache": true)", "/cache"},
    {R"("kind": "batch", "cache": {"ttl": "-1s"})", "/cache/ttl"},
    {R"("kind": "batch", "cache": {"ttl": "0s"})", "/cache/ttl"},
    {R"("kind": "batch", "cache": {"inputs": [1]})", "/cache/inputs/0"},
    {R"("update": {"maxUnavailable": 0, "maxSurge": 0})", "/update"},
    {R"("update": {"rollback": "yes"})", "/update/rollback"},
    {R"("simulate": {"exitCode": 256})", "/simulate/exitCode"},
    {R"("kind": "system")", "/count"},
  });
  // What does not concern a kind does it no harm.
  CHECK(valid(with(R"("kind": "batch", "update": {"maxSurge": 2})"))
          .update.max_surge
        == 2);
  CHECK(valid(with(R"("gang": {"name": "g", "min": 9, "max": 9})")).gang->min
        == 9);
}

TEST_CASE("what no program can be given is refused") {
  json::object x{{"command", json::array{"x", std::string(131'072, 'y')}}};
  CHECK(problems_of(x).front().pointer == "/command");
  json::object y{{"command", json::array{"x"}},
                 {"args", json::array{std::string(131'069, 'y')}}};
  CHECK(valid(y).args.size() == 1); // 2 + 131,070 are 128 KiB.
  y["args"].as_array().push_back("");
  CHECK(problems_of(y).front().pointer == "/command");
  json::object env;
  for (int i = 0; i < 100'000; ++i)
    env["K" + std::to_string(i)] = "";
  json::object z{{"image", "x"}, {"env", env}};
  CHECK(problems_of(z)
        == std::vector<problem>{
          {"/env", "env takes 788890 bytes; a program can be given at most "
                   "131072"}});
}

TEST_CASE("a document of mistakes is not answered with a book") {
  json::object x{{"image", "x"}};
  for (int i = 0; i < 100'000; ++i)
    x["k" + std::to_string(i)] = i;
  auto found = problems_of(x);
  CHECK(found.size() == 101);
  CHECK(found.back().detail.starts_with("there are more problems"));
}

// -- several jobs and stored ones ---------------------------------------------

TEST_CASE("one job, an array and a wrapped array are read") {
  CHECK(read_jobs(parsed(R"({"image": "a"})"))->size() == 1);
  CHECK(read_jobs(parsed(R"([{"image": "a"}, {"image": "b"}])"))->size() == 2);
  auto jobs
    = read_jobs(parsed(R"({"jobs": [{"image": "a"}, {"image": "b"}]})"));
  REQUIRE(jobs);
  CHECK(jobs->at(1).name == "b");
}

TEST_CASE("problems of several jobs say whose they are") {
  auto pointers = [](const std::string& text) {
    auto result = read_jobs(parsed(text));
    REQUIRE(!result);
    std::vector<std::string> all;
    for (auto& x : result.error())
      all.push_back(x.pointer);
    return all;
  };
  using list = std::vector<std::string>;
  CHECK(pointers(R"([{"image": "a", "cpu": -1}, {"image": "b", "cpu": -1}])")
        == list{"/0/cpu", "/1/cpu"});
  CHECK(pointers(R"({"jobs": [{"image": "a"}, {"image": "b", "cpu": -1}]})")
        == list{"/jobs/1/cpu"});
  CHECK(pointers(R"({"image": "b", "cpu": -1})") == list{"/cpu"});
  CHECK(pointers(R"([{"image": "a"}, 3, {}])") == list{"/1", "/2"});
  CHECK(pointers("[]") == list{""});
  CHECK(pointers(R"({"jobs": []})") == list{"/jobs"});
  CHECK(pointers(R"({"jobs": {}})") == list{"/jobs"});
  CHECK(pointers(R"({"jobs": [{"image": "a"}], "job": 1})") == list{"/job"});
}

TEST_CASE("a name is given once in a document") {
  auto result = read_jobs(parsed(
    R"({"jobs": [{"name": "a", "image": "x"}, {"name": "b", "image": "x"},
                 {"name": "a", "image": "y"}]})"));
  REQUIRE(!result);
  CHECK(
    result.error()
    == std::vector<problem>{
      {"/jobs/2/name", "name \"a\" is used twice in this document, first by "
                       "the job at \"/jobs/0\""}});
}

TEST_CASE("generated names of one document differ") {
  auto jobs = read_jobs(parsed(
    R"([{"image": "x"}, {"image": "x"}, {"image": "x"}, {"name": "x-2",
         "image": "x"}])"));
  REQUIRE(jobs);
  CHECK(jobs->at(0).name == "x");
  CHECK(jobs->at(1).name == "x-3");
  CHECK(jobs->at(2).name == "x-4");
  CHECK(jobs->at(3).name == "x-2");
}

TEST_CASE("jobs that wait for each other in a circle are refused") {
  auto result = read_jobs(parsed(
    R"([{"name": "x", "image": "x", "after": ["a", "elsewhere"]},
        {"name": "a", "image": "x", "after": ["b"]},
        {"name": "b", "image": "x", "after": {"c": "finished"}},
        {"name": "c", "image": "x", "after": ["a", "d"]},
        {"name": "d", "image": "x"}])"));
  REQUIRE(!result);
  CHECK(result.error()
        == std::vector<problem>{
          {"/1/after", "after makes a circle that never starts: a waits for b "
                       "waits for c waits for a"}});
  // A diamond is no circle.
  CHECK(read_jobs(parsed(
    R"([{"name": "a", "image": "x", "after": ["b", "c"]},
        {"name": "b", "image": "x", "after": ["d"]},
        {"name": "c", "image": "x", "after": ["d"]},
        {"name": "d", "image": "x"}])")));
}

TEST_CASE("a long chain of jobs is read") {
  json::array chain;
  for (int i = 0; i < 20'000; ++i)
    chain.push_back(json::object{{"name", "j" + std::to_string(i)},
                                 {"image", "x"},
                                 {"after", {"j" + std::to_string(i + 1)}}});
  CHECK(read_jobs(chain)->size() == 20'000);
  chain.back().as_object()["after"] = json::array{"j0"};
  auto result = read_jobs(chain);
  REQUIRE(!result);
  CHECK(result.error().front().detail.size() < 300);
}

TEST_CASE("a stored job of another version is read") {
  auto x = read_stored_job(parsed(
    R"({"name": "web", "image": "x", "fromTheFuture": {"a": 1},
        "memory": 1, "health": {"tcp": {"port": 1}, "novel": true}})"));
  REQUIRE(x);
  CHECK(x->name == "web");
  CHECK(x->request.memory_bytes == 1);
  CHECK(x->request.cpu_millicores == 100);
  CHECK(x->health->port == 1);
  CHECK(read_stored_job(parsed(R"({"name": "web"})"))->count == 1);
}

TEST_CASE("a stored job that cannot be represented is an error") {
  auto x = read_stored_job(parsed(R"({"name": "web", "cpu": -1})"));
  REQUIRE(!x);
  CHECK(x.error().starts_with("/cpu: cpu must be a number"));
  CHECK(!read_stored_job(parsed("7")));
}

// -- bad luck -----------------------------------------------------------------

namespace {

const std::vector<std::string> seeds{
  R"({"name":"a","image":"nginx:alpine","cpu":0.5,"memory":"128MiB","count":3})",
  R"({"command":["sh","-c","x"],"gang":{"min":1,"max":1},"priority":"100"})",
  R"({"image":"x","health":{"http":{"port":80,"path":"/"},"interval":"10s"}})",
  R"([{"image":"x","ports":{"http":{"container":80,"host":8080}}}])",
  R"({"jobs":[{"image":"x","prefers":[{"label":"z","value":"u","weight":5}]}]})",
  R"({"image":"x","kind":"batch","cache":{"ttl":"1h","inputs":["a"]},"gpu":"250m",
      "schedule":{"cron":"*/5 * * * *","timezone":"UTC"},"requires":{"a":["!b"]}})",
  R"({"driver":"simulated","volumes":[{"host":"/d","path":"/d","readOnly":true}],
      "update":{"maxSurge":1},"restart":{"backoff":2.5},"after":{"e":"finished"}})",
};

std::string mutated(std::string text, std::mt19937_64& random) {
  constexpr std::string_view bytes
    = "{}[]\",:0123456789.-eE+ntfm\\u/*\0\xff\x80 ";
  for (auto n = 1 + random() % 3; n > 0 && !text.empty(); --n) {
    auto at = random() % text.size();
    auto other = random() % text.size();
    auto size = 1 + random() % 8;
    switch (random() % 5) {
    case 0:
      text[at] = bytes[random() % bytes.size()];
      break;
    case 1:
      text.erase(at, size);
      break;
    case 2:
      text.insert(at, text.substr(other, size));
      break;
    case 3:
      text.insert(at, 1, bytes[random() % bytes.size()]);
      break;
    case 4:
      std::swap(text[at], text[other]);
      break;
    }
  }
  return text;
}

} // namespace

TEST_CASE("mutated documents are read whole or refused with reasons") {
  std::mt19937_64 random{7};
  size_t read = 0;
  size_t refused = 0;
  for (int i = 0; i < 100'000; ++i) {
    auto text = mutated(seeds[random() % seeds.size()], random);
    CAPTURE(text);
    auto x = read_json_text(text, json_dialect::file);
    if (!x) {
      REQUIRE(!x.error().empty());
      continue;
    }
    auto jobs = read_jobs(*x);
    if (!jobs) {
      REQUIRE(!jobs.error().empty());
      ++refused;
      continue;
    }
    ++read;
    for (auto& job : *jobs) {
      REQUIRE(read_job(write_job(job)) == job);
      REQUIRE(read_stored_job(write_job(job)) == job);
    }
  }
  // The mutations are neither too wild nor too tame to say something.
  CHECK(read > 1'000);
  CHECK(refused > 5'000);
}
