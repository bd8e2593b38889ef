#include <limits>
#include <set>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include "messages/job.hpp"
#include "messages/json.hpp"

#include "runtime/api/handlers.hpp"
#include "runtime/api/openapi.hpp"
#include "runtime/api/render.hpp"
#include "runtime/api/routes.hpp"
#include "runtime/api/schemas.hpp"
#include "runtime/http/target.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace troupe::runtime::api;
using http::method;
using std::chrono::seconds;

namespace {

http::request a_request(method m, std::string_view target,
                        std::string body = {}, http::name_values headers = {}) {
  auto read = http::parse_target(target);
  REQUIRE(read);
  http::request result;
  result.method = m;
  result.path = read->path;
  result.segments = read->segments;
  result.query = read->query;
  result.headers = std::move(headers);
  result.body = std::move(body);
  return result;
}

call parsed(const http::request& x) {
  auto result = parse(x, 1);
  REQUIRE_MESSAGE(result, (result ? "" : result.error().detail));
  return *result;
}

call parsed(method m, std::string_view target, std::string body = {}) {
  return parsed(a_request(m, target, std::move(body)));
}

problem_response refused(const http::request& x) {
  auto result = parse(x, 1);
  REQUIRE(!result);
  return result.error();
}

problem_response
refused(method m, std::string_view target, std::string body = {}) {
  return refused(a_request(m, target, std::move(body)));
}

template <class T>
T commanded(method m, std::string_view target, std::string body = {}) {
  auto x = parsed(m, target, std::move(body));
  REQUIRE(std::holds_alternative<command_call>(x));
  auto& what = std::get<command_call>(x).what;
  REQUIRE(std::holds_alternative<T>(what));
  return std::get<T>(what);
}

template <class T>
T asked(std::string_view target) {
  auto x = parsed(method::get, target);
  REQUIRE(std::holds_alternative<query_call>(x));
  auto& what = std::get<query_call>(x).what;
  REQUIRE(std::holds_alternative<T>(what));
  return std::get<T>(what);
}

std::set<std::string> pointers(const problem_response& x) {
  std::set<std::string> result;
  for (auto& problem : x.problems)
    result.insert(problem.pointer);
  return result;
}

std::string header(const http::name_values& xs, std::string_view name) {
  for (auto& [key, value] : xs)
    if (key == name)
      return value;
  return {};
}

using pointer_set = std::set<std::string>;

} // namespace

// -- the table ----------------------------------------------------------------

namespace {

struct row {
  method how;
  const char* target;
  const char* body;
  /// Index in `call`, or a status.
  int result;
};

constexpr int command_at = 0;
constexpr int query_at = 1;
constexpr int usage_at = 8;
constexpr int live_at = 9;
constexpr int page_at = 10;
constexpr int settings_at = 12;
constexpr int plan_at = 11;

const row rows[] = {
  {method::post, "/v1/jobs", R"({"command":["true"]})", command_at},
  {method::get, "/v1/jobs", "", query_at},
  {method::get, "/v1/jobs/web", "", query_at},
  {method::del, "/v1/jobs/web", "", command_at},
  {method::post, "/v1/jobs/web/scale", R"({"count":5})", command_at},
  {method::post, "/v1/jobs/web/stop", "", command_at},
  {method::post, "/v1/jobs/web/restart", "{}", command_at},
  {method::post, "/v1/jobs/web/rollback", "", command_at},
  {method::get, "/v1/jobs/web/why", "", query_at},
  {method::get, "/v1/tasks", "", query_at},
  {method::get, "/v1/tasks/web.0", "", query_at},
  {method::post, "/v1/tasks/web.0/stop", "", command_at},
  {method::post, "/v1/tasks/web.0/restart", "", command_at},
  {method::get, "/v1/tasks/web.0/logs", "", 2},
  {method::post, "/v1/tasks/web.0/exec", R"({"command":["ls"]})", 3},
  {method::get, "/v1/tasks/web.0/why", "", query_at},
  {method::get, "/v1/nodes", "", query_at},
  {method::post, "/v1/nodes", R"({"name":"n1","capacity":{"cpu":4}})",
   command_at},
  {method::get, "/v1/nodes/n1", "", query_at},
  {method::del, "/v1/nodes/n1", "", command_at},
  {method::patch, "/v1/nodes/n1", R"({"weight":2})", command_at},
  {method::get, "/v1/nodes/n1/work?wait=30s", "", 6},
  {method::post, "/v1/nodes/n1/reports", R"({"reports":[]})", 7},
  {method::post, "/v1/nodes/n1/drain", "", command_at},
  {method::post, "/v1/nodes/n1/cordon", "", command_at},
  {method::post, "/v1/nodes/n1/uncordon", "", command_at},
  {method::post, "/v1/nodes/n1/heartbeat", "", 5},
  {method::get, "/v1/nodes/n1/why", "", query_at},
  {method::get, "/v1/gangs", "", query_at},
  {method::get, "/v1/queue", "", query_at},
  {method::get, "/v1/cluster", "", query_at},
  {method::get, "/v1/policies", "", query_at},
  {method::get, "/v1/actors", "", page_at},
  {method::get, "/v1/map", "", query_at},
  {method::get, "/v1/usage", "", usage_at},
  {method::get, "/v1/events", "", 4},
  {method::get, "/v1/live", "", live_at},
  {method::post, "/v1/plan", R"({"change": {"drainNode": "n1"}})", plan_at},
  {method::get, "/v1/backup", "", page_at},
  {method::get, "/v1/cache", "", query_at},
  {method::del, "/v1/cache", "", command_at},
  {method::get, "/v1/settings", "", page_at},
  {method::put, "/v1/settings", R"({"strategy":"spread"})", settings_at},
  {method::get, "/healthz", "", page_at},
  {method::get, "/readyz", "", page_at},
  {method::get, "/metrics", "", page_at},
  {method::get, "/openapi.json", "", page_at},
  {method::get, "/", "", page_at},
  {method::get, "/dashboard/main.js", "", page_at},
};

} // namespace

TEST_CASE("every route of the table means what it should") {
  CHECK(std::size(rows) == routes().size());
  std::set<std::string> seen;
  for (auto& x : rows) {
    CAPTURE(x.target);
    auto request = a_request(x.how, x.target, x.body);
    seen.insert(std::string{http::to_string(x.how)}
                + std::string{pattern_of(request)});
    auto result = parse(request, 1);
    if (x.result < 100) {
      REQUIRE_MESSAGE(result, (result ? "" : result.error().detail));
      CHECK(result->index() == static_cast<size_t>(x.result));
    } else {
      REQUIRE(!result);
      CHECK(result.error().status == x.result);
      CHECK(result.error().detail.find("yet") != std::string::npos);
    }
  }
  CHECK(seen.size() == routes().size());
}

TEST_CASE("every write takes dryRun, and refuses what looks like it") {
  for (auto& x : rows) {
    if (!http::is_write(x.how) || x.result >= 100)
      continue;
    CAPTURE(x.target);
    auto target = std::string{x.target};
    auto result = parsed(x.how, target + "?dryRun=true", x.body);
    auto dry = std::visit(
      [](auto& y) {
        if constexpr (requires { y.dry_run; })
          return y.dry_run;
        return false;
      },
      result);
    CHECK(dry);
    auto no = refused(x.how, target + "?dryrun=true", x.body);
    CHECK(no.status == 400);
    CHECK(pointers(no) == pointer_set{"/dryrun"});
    CHECK(no.detail.find("\"dryRun\"") != std::string::npos);
    CHECK(pointers(refused(x.how, target + "?dryRun=maybe", x.body))
          == pointer_set{"/dryRun"});
  }
}

TEST_CASE("other paths are not found, other methods not allowed") {
  for (auto target : {"/v1", "/v1/", "/v1/jobs/", "/v1/jobs/a/b", "/v1/job",
                      "/v2/jobs", "/v1/tasks/web.0/why/x", "//"}) {
    CAPTURE(target);
    CHECK(refused(method::get, target).status == 404);
    CHECK(pattern_of(a_request(method::get, target)) == "none");
  }
  auto no = refused(method::put, "/v1/jobs/web");
  CHECK(no.status == 405);
  CHECK(header(no.headers, "Allow") == "DELETE, GET, HEAD");
  CHECK(header(refused(method::del, "/v1/jobs").headers, "Allow")
        == "GET, HEAD, POST");
  CHECK(header(refused(method::options, "/v1/settings").headers, "Allow")
        == "GET, HEAD, PUT");
  CHECK(std::holds_alternative<query_call>(parsed(method::head, "/v1/jobs")));
}

TEST_CASE("a name that cannot exist is not found") {
  for (auto target :
       {"/v1/jobs/No_Such", "/v1/jobs/a%2Fb", "/v1/tasks/web", "/v1/tasks/web.",
        "/v1/tasks/web.01", "/v1/tasks/web.4294967296", "/v1/nodes/-n",
        "/v1/nodes/%1B%5B", "/v1/nodes/a%20b/why"}) {
    CAPTURE(target);
    auto read = http::parse_target(target);
    if (!read)
      continue;
    CHECK(refused(method::get, target).status == 404);
  }
}

// -- jobs ---------------------------------------------------------------------

TEST_CASE("a submission is one job, several, or a mistake with all pointers") {
  auto one = commanded<submit_jobs>(method::post, "/v1/jobs",
                                    R"({"name":"web","image":"nginx"})");
  REQUIRE(one.specs.size() == 1);
  CHECK(one.specs[0]->name == "web");
  CHECK(one.specs[0]->kind == job_kind::service);
  auto two = commanded<submit_jobs>(
    method::post, "/v1/jobs",
    R"({"jobs":[{"name":"a","command":["x"]},{"command":["y"]}]})");
  REQUIRE(two.specs.size() == 2);
  CHECK(two.specs[0]->name == "a");
  auto no = refused(method::post, "/v1/jobs",
                    R"([{"command":["x"],"cpu":"many"},{"imagee":"y"}])");
  CHECK(no.status == 400);
  CHECK(pointers(no).contains("/0/cpu"));
  CHECK(pointers(no).contains("/1/imagee"));
  CHECK(refused(method::post, "/v1/jobs", "{").status == 400);
  CHECK(refused(method::post, "/v1/jobs", "").problems.size() == 1);
  CHECK(
    refused(method::post, "/v1/jobs", R"({"command":["x"],} // file)").status
    == 400);
}

TEST_CASE("a job without a name gets one that nobody has") {
  auto body = R"([{"command":["/bin/sh"]},{"command":["sh"]},
                  {"name":"sh","command":["sh"]}])";
  auto named = [&](uint64_t chance) {
    auto x = parse(a_request(method::post, "/v1/jobs", body), chance);
    REQUIRE(x);
    std::vector<std::string> result;
    for (auto& spec :
         std::get<submit_jobs>(std::get<command_call>(*x).what).specs)
      result.push_back(spec->name);
    return result;
  };
  auto first = named(12345);
  auto second = named(67890);
  CHECK(first[2] == "sh");
  CHECK(first[0].starts_with("sh-"));
  std::set<std::string> all{first.begin(), first.end()};
  all.insert(second.begin(), second.end());
  CHECK(all.size() == 5);
  CHECK(named(12345) == first);
  // The longest that can be: the reader keeps to 50 bytes.
  auto large = named(std::numeric_limits<uint64_t>::max());
  CHECK(large[0].size() <= 63);
}

TEST_CASE("an idempotency key is taken as it is, if it is printable") {
  auto with = [](std::string key) {
    return a_request(method::post, "/v1/jobs", R"({"command":["x"]})",
                     {{"idempotency-key", std::move(key)}});
  };
  auto x = parsed(with("abc-1"));
  auto key = std::get<submit_jobs>(std::get<command_call>(x).what).key;
  CHECK(key.starts_with("abc-1\n"));
  // Beside it stands what was sent, whatever the blanks in it.
  auto sent = [](std::string body) {
    auto y = parsed(a_request(method::post, "/v1/jobs", std::move(body),
                              {{"idempotency-key", "abc-1"}}));
    return std::get<submit_jobs>(std::get<command_call>(y).what).key;
  };
  CHECK(sent(R"({ "command": ["x"] })") == key);
  CHECK(sent(R"({"command":["y"]})") != key);
  CHECK(refused(with(std::string(256, 'a'))).status == 400);
  CHECK(refused(with("\x01")).status == 400);
}

TEST_CASE("scaling wants a count") {
  auto scale = [](std::string body) {
    return refused(method::post, "/v1/jobs/web/scale", std::move(body));
  };
  CHECK(
    commanded<scale_job>(method::post, "/v1/jobs/web/scale", R"({"count":0})")
    == scale_job{"web", 0});
  CHECK(pointers(scale(R"({"count":-1})")) == pointer_set{"/count"});
  CHECK(pointers(scale(R"({"count":1000001})")) == pointer_set{"/count"});
  CHECK(pointers(scale(R"({"count":"5"})")) == pointer_set{"/count"});
  CHECK(scale("{}").status == 400);
  CHECK(scale("[]").status == 400);
  CHECK(pointers(scale(R"({"count":1,"cuont":2})")) == pointer_set{"/cuont"});
}

TEST_CASE("stopping says what is to stop and refuses to be told more") {
  CHECK(commanded<stop_job>(method::del, "/v1/jobs/web")
        == stop_job{"web", true});
  CHECK(commanded<stop_job>(method::post, "/v1/jobs/a.b/stop", "{}")
        == stop_job{"a.b", false});
  CHECK(commanded<restart_task>(method::post, "/v1/tasks/a.b.7/restart")
        == restart_task{{"a.b", 7}});
  CHECK(refused(method::post, "/v1/jobs/web/stop", R"({"force":true})").status
        == 400);
}

// -- questions ----------------------------------------------------------------

TEST_CASE("filters are read from the query, repeated or with commas") {
  auto x = asked<list_tasks>("/v1/tasks?state=running,placed&state=pending"
                             "&job=web&node=n1&label=tier=data&label=gpu"
                             "&label=zone!=a&limit=7&cursor=00ff&unknown=1");
  CHECK(x.states
        == std::vector{task_state::running, task_state::placed,
                       task_state::pending});
  CHECK(x.job == "web");
  CHECK(x.node == "n1");
  CHECK(x.labels
        == std::vector<label_filter>{
          {"tier", "data"}, {"gpu", "*"}, {"zone", "!a"}});
  CHECK(x.limit == 7);
  CHECK(x.cursor == "00ff");
  CHECK(asked<list_jobs>("/v1/jobs").limit == 100);
  CHECK(asked<list_jobs>("/v1/jobs?kind=batch").kinds
        == std::vector{job_kind::batch});
}

TEST_CASE("all that is wrong with a query is told at once") {
  auto no = refused(method::get, "/v1/jobs?limit=0&state=happy&kind=x&wait=y"
                                 "&version=-1&label==");
  CHECK(no.status == 400);
  CHECK(
    pointers(no)
    == pointer_set{"/limit", "/state", "/kind", "/wait", "/version", "/label"});
  CHECK(pointers(refused(method::get, "/v1/jobs?limit=10001"))
        == pointer_set{"/limit"});
  CHECK(pointers(refused(method::get, "/v1/jobs?limit=1e3"))
        == pointer_set{"/limit"});
  CHECK(pointers(refused(method::get, "/v1/cluster?wait=2h"))
        == pointer_set{"/wait"});
}

TEST_CASE("a read may wait for something newer") {
  auto x = std::get<query_call>(
    parsed(method::get, "/v1/cluster?wait=30s&version=17"));
  CHECK(x.wait == seconds{30});
  CHECK(x.past == 17);
  auto y = std::get<query_call>(parsed(method::get, "/v1/cluster"));
  CHECK(y.wait == seconds{0});
  CHECK(!y.past);
}

TEST_CASE("why is asked of a task, a job or a node") {
  CHECK(asked<get_why>("/v1/tasks/web.3/why").task == task_ref{"web", 3});
  CHECK(asked<get_why>("/v1/jobs/web/why").job == "web");
  CHECK(asked<get_why>("/v1/nodes/n1/why").node == "n1");
}

TEST_CASE("logs and events take their parameters") {
  auto x = std::get<log_request>(
    parsed(method::get,
           "/v1/tasks/web.0/logs?stream=stderr&follow=true&tail=10&attempt=2"));
  CHECK(x.task == task_ref{"web", 0});
  CHECK(x.stream == log_stream::err);
  CHECK(x.follow);
  CHECK(x.tail == 10);
  CHECK(x.attempt == 2);
  CHECK(pointers(refused(method::get,
                         "/v1/tasks/web.0/logs?stream=x&tail=-1&attempt=0"))
        == pointer_set{"/stream", "/tail", "/attempt"});

  auto y = std::get<event_request>(parsed(a_request(
    method::get, "/v1/events?since=5&types=taskPlaced,nodeDrained&job=web", "",
    {{"Accept", "text/event-stream"}, {"Last-Event-ID", "9"}})));
  CHECK(y.since == 9);
  CHECK(y.last_event_id == 9);
  CHECK(y.sse);
  CHECK(y.types == std::vector<std::string>{"taskPlaced", "nodeDrained"});
  CHECK(y.job == "web");
  CHECK(pointers(refused(method::get, "/v1/events?types=nothing&since=x"))
        == pointer_set{"/types", "/since"});
  CHECK(
    refused(a_request(method::get, "/v1/events", "", {{"Last-Event-ID", "x"}}))
      .status
    == 400);
}

TEST_CASE("events are listed page by page, and may be waited for") {
  auto x = std::get<event_request>(
    parsed(method::get, "/v1/events?cursor=7&since=2&wait=10s&version=9"));
  CHECK(x.since == 7);
  CHECK(x.wait == seconds{10});
  CHECK(x.past == 9);
  CHECK(std::get<event_request>(parsed(method::get, "/v1/events?cursor=")).since
        == 0);
  CHECK(pointers(refused(method::get, "/v1/events?cursor=x&wait=1"))
        == pointer_set{"/cursor", "/wait"});
}

TEST_CASE("short lists take a limit, too") {
  auto x = std::get<page_request>(
    parsed(method::get, "/v1/actors?limit=3&cursor=6e6f6465"));
  CHECK(x.limit == 3);
  CHECK(x.cursor == "6e6f6465");
  CHECK(pointers(refused(method::get, "/v1/policies?limit=0&cursor=a"))
        == pointer_set{"/limit", "/cursor"});
}

TEST_CASE("a plan is asked with its change, wrapped or as it is") {
  for (auto body :
       {R"({"change":{"drainNode":"n1"}})", R"({"drainNode":"n1"})"})
    CHECK(std::get<plan_request>(parsed(method::post, "/v1/plan", body))
            .change.drain_nodes
          == std::vector<std::string>{"n1"});
  CHECK(pointers(refused(method::post, "/v1/plan",
                         R"({"submit":{"command":["a"],"cpu":"x"}})"))
        == pointer_set{"/submit/cpu"});
  CHECK(pointers(refused(method::post, "/v1/plan", R"({"drain":"n1"})"))
        == pointer_set{"/drain", ""});
}

// -- nodes --------------------------------------------------------------------

TEST_CASE("a node registers with its capacity and labels") {
  auto x = commanded<join_node>(method::post, "/v1/nodes", R"({
    "name": "n1",
    "capacity": {"cpu": 4, "memory": "8GiB", "gpu": 2,
                 "resources": {"disk": 3}, "license-x": 1},
    "labels": {"zone": "us-east", "gpu": "true"},
    "drivers": ["process"], "version": "1.2"})");
  CHECK(x.profile.name == "n1");
  CHECK(x.profile.capacity
        == resources{
          4'000, int64_t{8} << 30, 2'000, {{"disk", 3}, {"license-x", 1}}});
  CHECK(x.profile.labels == label_set{{"gpu", "true"}, {"zone", "us-east"}});
  CHECK(x.profile.drivers == std::vector<std::string>{"process"});
  CHECK(x.profile.protocol == protocol_version);
  CHECK(!x.inventory);
}

TEST_CASE("all that is wrong with a node is told at once") {
  auto no = refused(method::post, "/v1/nodes", R"({
    "name": "-", "capacity": {"cpu": -1, "memory": "x", "gpu": 0.5, "disk": 1.5},
    "labels": {"a b": "c", "troupe.x": "y", "z": 1}, "drivers": ["qemu"],
    "nmae": 1})");
  CHECK(pointers(no)
        == pointer_set{"/name", "/capacity/cpu", "/capacity/memory",
                       "/capacity/gpu", "/capacity/disk", "/labels/a b",
                       "/labels/troupe.x", "/labels/z", "/drivers/0", "/nmae"});
  CHECK(refused(method::post, "/v1/nodes", R"({"name":"n1"})").status == 400);
  CHECK(refused(method::post, "/v1/nodes", R"({"capacity":{}})").status == 400);
}

TEST_CASE("a change of a node sets labels, removes them and weighs it") {
  auto x = commanded<change_node>(
    method::patch, "/v1/nodes/n1",
    R"({"labels":{"zone":"b","old":null},"weight":2.5,"overcommit":1.5})");
  CHECK(x.node == "n1");
  CHECK(x.labels == label_set{{"old", ""}, {"zone", "b"}});
  CHECK(x.weight == 2.5);
  CHECK(x.overcommit == 1.5);
  CHECK(pointers(refused(
          method::patch, "/v1/nodes/n1",
          R"({"labels":{"a":""},"weight":0,"overcommit":0.5,"name":"x"})"))
        == pointer_set{"/labels/a", "/weight", "/overcommit", "/name"});
}

TEST_CASE("reports say what became of a node's work") {
  auto x = std::get<node_reports>(
    parsed(method::post, "/v1/nodes/n1/reports", R"({"reports": [
      {"task": "web.0", "attempt": 1, "sequence": 4, "state": "running"},
      {"task": "job.1", "attempt": 2, "state": "failed", "exitCode": 3,
       "message": "boom", "imageDigest": "sha256:01"}], "acknowledged": 9})"));
  CHECK(x.what.node == "n1");
  CHECK(x.acknowledged == 9);
  REQUIRE(x.what.reports.size() == 2);
  CHECK(x.what.reports[0].task == task_ref{"web", 0});
  CHECK(x.what.reports[0].sequence == 4);
  CHECK(x.what.reports[1].why == reason::exit_code);
  CHECK(x.what.reports[1].exit_code == 3);
  CHECK(x.what.reports[1].image_digest == "sha256:01");
  CHECK(pointers(refused(method::post, "/v1/nodes/n1/reports", R"({"reports":[
      {"task": "web", "state": "pending", "attempt": 0, "extra": 1},
      {"state": "failed", "reason": "bad luck"}]})"))
        == pointer_set{"/reports/0/task", "/reports/0/state",
                       "/reports/0/attempt", "/reports/0/extra", "/reports/1",
                       "/reports/1/reason"});
}

TEST_CASE("a long message is cut between two characters") {
  std::string text = "a";
  while (text.size() < 3'000)
    text += "\xC3\xA9";
  auto x = std::get<node_reports>(parsed(
    method::post, "/v1/nodes/n1/reports",
    R"({"reports":[{"task":"w.0","attempt":1,"state":"running","message":")"
      + text + "\"}]}"));
  CHECK(x.what.reports[0].message.size() == 1'023);
  CHECK(http::is_utf8(x.what.reports[0].message));
}

TEST_CASE("a heartbeat may say what is used, or nothing") {
  auto x = std::get<heartbeat_request>(
    parsed(method::post, "/v1/nodes/n1/heartbeat",
           R"({"used":{"cpu":"500m","memory":1024},
        "tasks":[{"allocation":7,"cpuSeconds":1.5,"memoryBytes":"1KiB"}]})"));
  CHECK(x.beat.node == "n1");
  CHECK(x.beat.used == resources{500, 1'024, 0, {}});
  CHECK(x.beat.tasks.at(0) == task_usage{{7}, 1.5, 1'024});
  auto y = parsed(method::post, "/v1/nodes/n1/heartbeat");
  CHECK(std::get<heartbeat_request>(y).beat.node == "n1");
}

TEST_CASE("results are listed and forgotten by key, job and prefix") {
  std::string key(64, 'a');
  auto list = asked<list_results>("/v1/cache?job=etl&prefix=e&limit=7");
  CHECK(list == list_results{{"", "etl", "e"}, 7, ""});
  CHECK(commanded<forget_results>(method::del, "/v1/cache?key=" + key)
        == forget_results{{.key = key}});
  CHECK(commanded<forget_results>(method::del, "/v1/cache")
        == forget_results{});
  auto no = refused(method::del,
                    "/v1/cache?key=12&job=A&prefix=" + std::string(65, 'x'));
  CHECK(no.status == 400);
  CHECK(pointers(no) == pointer_set{"/key", "/job", "/prefix"});
  // A script's variable that is not set, or a slip, must not mean all.
  CHECK(pointers(refused(method::del, "/v1/cache?job="))
        == pointer_set{"/job"});
  CHECK(pointers(refused(method::del, "/v1/cache?jobs=etl"))
        == pointer_set{"/jobs"});
  CHECK(pointers(refused(method::get, "/v1/cache?limit=0&key=x"))
        == pointer_set{"/limit", "/key"});
  outcome gone;
  gone.version = 7;
  gone.removed = 3;
  CHECK(render({forget_results{}, false, telling::removal}, gone).body
        == R"({"version":7,"removed":3})");
}

TEST_CASE("work, exec and settings take what they need") {
  auto x = std::get<node_work_request>(
    parsed(method::get, "/v1/nodes/n1/work?wait=30s"));
  CHECK(x.node == "n1");
  CHECK(x.wait == seconds{30});
  auto y = std::get<exec_request>(
    parsed(method::post, "/v1/tasks/web.0/exec", R"({"command":["ls","-l"]})"));
  CHECK(y.argv == std::vector<std::string>{"ls", "-l"});
  CHECK(
    refused(method::post, "/v1/tasks/web.0/exec", R"({"command":[]})").status
    == 400);
  auto set = [](std::string body) {
    return std::get<settings_call>(
      parsed(method::put, "/v1/settings", std::move(body)));
  };
  CHECK(set(R"({"strategy":"spread","queueOrder":"fifo"})").what
        == change_settings{"spread", "fifo"});
  CHECK(set(R"({"logLevel":"debug"})").log_level == "debug");
  CHECK(!set("{}").log_level);
  CHECK(pointers(refused(method::put, "/v1/settings",
                         R"({"logLevel":"loud","overcommit":0})"))
        == pointer_set{"/logLevel", "/overcommit"});
  // Also what only who decides would know, each once.
  auto wrong = refused(method::put, "/v1/settings",
                       R"({"logLevel":"loud","strategy":"best","shadow":"no",)"
                       R"("queueOrder":"lifo","fairWeights":{"a":-1},)"
                       R"("concurrency":{"ann":3},"cacheEntries":0})");
  CHECK(pointers(wrong)
        == pointer_set{"/logLevel", "/strategy", "/shadow", "/queueOrder",
                       "/fairWeights/a", "/concurrency/ann", "/cacheEntries"});
  CHECK(wrong.problems.size() == 7);
  auto more = set(R"({"overcommit":1.5,"priorityClasses":{"urgent":100},)"
                  R"("concurrency":{"user=ann":3},"shadow":""})")
                .what;
  CHECK(more.overcommit == 1.5);
  CHECK(more.priority_classes->at("urgent") == 100);
  CHECK(more.concurrency->at("user=ann") == 3);
  CHECK(more.shadow == "");
  CHECK(set(R"({"cacheEntries":50})").what.cache_entries == 50);
  CHECK(set(R"({"batchSize":10})").what.batch_size == 10);
  CHECK(pointers(refused(method::put, "/v1/settings", R"({"batchSize":"10"})"))
        == pointer_set{"/batchSize"});
  CHECK(pointers(refused(method::put, "/v1/settings", R"({"cacheEntries":0})"))
        == pointer_set{"/cacheEntries"});
}

// -- answers ------------------------------------------------------------------

TEST_CASE("a submission is told with 201 and where it is, an update with 200") {
  command_call x{submit_jobs{}, false, telling::submission};
  outcome y;
  y.version = 7;
  y.jobs = {{"web", 1, 3, true}};
  auto made = render(x, y);
  CHECK(made.status == 201);
  CHECK(header(made.headers, "Location") == "/v1/jobs/web");
  CHECK(made.body
        == R"({"version":7,"jobs":[{"name":"web","version":1,"tasks":3,)"
           R"("created":true}]})");
  y.jobs[0].created = false;
  CHECK(render(x, y).status == 200);
  x.dry_run = true;
  y.jobs[0].created = true;
  CHECK(render(x, y).status == 200);
  CHECK(header(render(x, y).headers, "Location").empty());
  CHECK(render({stop_job{"web", true}, false, telling::accepted}, y).status
        == 202);
  join_node join;
  join.profile.name = "n1";
  auto joined = render({join, false, telling::registration}, {});
  CHECK(joined.status == 201);
  CHECK(header(joined.headers, "Location") == "/v1/nodes/n1");
  CHECK(render({join, false, telling::done}, {}).status == 200);
}

TEST_CASE("work tells what there is not as null") {
  work_item stop;
  stop.kind = work_kind::stop;
  stop.task = {"web", 0};
  auto read = [](const work_item& x) {
    auto told = render(std::vector<work_item>{x});
    return boost::json::parse(told.body).at("items").at(0);
  };
  CHECK(read(stop).at("deadline").is_null());
  CHECK(read(stop).at("reason").is_null());
  stop.why = reason::drained;
  stop.deadline = {1'000};
  CHECK(read(stop).at("deadline") == "1970-01-01T00:00:01.000Z");
  CHECK(read(stop).at("reason") == "drained");
}

TEST_CASE("settings are told with the level of the log") {
  auto x = boost::json::parse(
    render_settings({{"strategy", "spread"}, {"id", "a"}}, "debug").body);
  CHECK(x
        == boost::json::value({{"strategy", "spread"}, {"logLevel", "debug"}}));
}

TEST_CASE("refusals are problems with the status of their kind") {
  std::pair<refusal_kind, int> kinds[]
    = {{refusal_kind::bad_input, 400},     {refusal_kind::not_found, 404},
       {refusal_kind::conflict, 409},      {refusal_kind::forbidden, 403},
       {refusal_kind::unprocessable, 422}, {refusal_kind::too_many, 429},
       {refusal_kind::unavailable, 503},   {refusal_kind::no_room, 507}};
  for (auto& [kind, status] : kinds) {
    auto x = render(refusal{kind, "no \"way\"", {{"/a", "b"}}});
    CHECK(x.status == status);
    CHECK(x.content_type == "application/problem+json");
    CHECK(header(x.headers, "Retry-After").empty()
          == (status != 429 && status != 503 && status != 507));
    auto body = boost::json::parse(x.body).as_object();
    CHECK(body.at("status") == status);
    CHECK(body.at("title").as_string() == http::reason_phrase(status));
    CHECK(body.at("detail") == "no \"way\"");
    CHECK(body.at("type") == "about:blank");
    CHECK(body.at("errors").at(0).at("pointer") == "/a");
  }
}

TEST_CASE("what is wrong with a job is told with its place in the document") {
  auto told = [](const char* pointer, const char* body) {
    refusal x{refusal_kind::bad_input, "no", {{pointer, "no"}}};
    return placed_in(x, body).problems.front().pointer;
  };
  CHECK(told("/after/0", R"({"after":["a"]})") == "/after/0");
  CHECK(told("/after/0", R"([{"after":["a"]}])") == "/0/after/0");
  CHECK(told("/after/0", R"({"jobs":[{"after":["a"]}]})") == "/jobs/0/after/0");
  CHECK(told("/1/after/0", R"([{},{"after":["a"]}])") == "/1/after/0");
  CHECK(told("/1/after/0", R"({"jobs":[{},{"after":["a"]}]})")
        == "/jobs/1/after/0");
}

TEST_CASE("numbers are written as people write them") {
  auto text = [](const char* x) { return json_text(boost::json::parse(x)); };
  CHECK(text("[4.0,0.5,1e300,-2,18446744073709551615,true,null]")
        == "[4,0.5,1e+300,-2,18446744073709551615,true,null]");
  CHECK(text(R"({"a\"b":"c\n\u0001é","e":{},"f":[]})")
        == R"({"a\"b":"c\n\u0001é","e":{},"f":[]})");
  CHECK(json_text(std::numeric_limits<double>::infinity()) == "null");
}

TEST_CASE("the description of the interface names every route") {
  auto x = openapi();
  size_t operations = 0;
  for (auto& [path, methods] : x.at("paths").as_object())
    operations += methods.as_object().size();
  CHECK(operations == routes().size());
  auto& logs = x.at("paths").at("/v1/tasks/{task}/logs").at("get");
  CHECK(logs.at("parameters").at(0).at("name") == "task");
  CHECK(logs.at("parameters").at(0).at("in") == "path");
  CHECK(logs.at("parameters").as_array().size() == 5);
  auto& stop = x.at("paths").at("/v1/jobs/{job}").at("delete");
  CHECK(stop.at("parameters").at(1).at("name") == "dryRun");
  CHECK(x.at("openapi") == "3.1.0");
  CHECK(x.at("paths").at("/v1/jobs/{job}/scale").at("post").at("operationId")
        == "postJobsOfJobScale");
}

TEST_CASE("the description knows every word of the language") {
  auto known = schemas();
  auto words = [&](const char* name) {
    std::vector<std::string> result;
    for (auto& x : known.at(name).at("enum").as_array())
      if (x.is_string())
        result.emplace_back(x.as_string());
    return result;
  };
  CHECK(words("taskState") == json::names_of<task_state>());
  CHECK(words("taskHealth") == json::names_of<task_health>());
  CHECK(words("jobKind") == json::names_of<job_kind>());
  CHECK(words("jobState") == json::names_of<job_state>());
  CHECK(words("nodeState") == json::names_of<node_state>());
  CHECK(words("nodeEligibility") == json::names_of<node_eligibility>());
  CHECK(words("driver") == json::names_of<driver_kind>());
  auto reasons = json::names_of<reason>();
  reasons.erase(reasons.begin());
  CHECK(words("reason") == reasons);
  // A key of jobs that the description has is one that the reader has.
  for (auto& property : known.at("job").at("properties").as_object()) {
    auto key = property.key();
    CAPTURE(key);
    boost::json::object job{{key, boost::json::object{{"zz", 1}}}};
    auto read = read_jobs(job);
    REQUIRE(!read);
    for (auto& x : read.error())
      CHECK(x.detail.find("unknown key \"" + std::string{key})
            == x.detail.npos);
  }
}
