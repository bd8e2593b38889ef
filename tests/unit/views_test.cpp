#include <set>

#include <doctest/doctest.h>

#include "messages/json.hpp"

#include "runtime/placement/policy.hpp"
#include "runtime/views/answer.hpp"

using namespace troupe;
using namespace troupe::runtime;
using boost::json::value;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

constexpr timestamp t0{1'764'000'000'000};

struct a_job {
  job_spec spec;
  explicit a_job(std::string name) {
    spec.name = std::move(name);
    spec.command = {"true"};
    spec.request = {1000, 64 << 20, 0, {}};
  }
  a_job& tasks(uint32_t x) {
    spec.count = x;
    return *this;
  }
  a_job& cores(int64_t x) {
    spec.request.cpu_millicores = x * 1000;
    return *this;
  }
  a_job& priority(int32_t x) {
    spec.priority = x;
    return *this;
  }
  a_job& labelled(std::string name, std::string text) {
    spec.labels.push_back({std::move(name), std::move(text)});
    return *this;
  }
  a_job& of(job_kind x) {
    spec.kind = x;
    return *this;
  }
};

/// A cluster with whoever places its tasks and asks about it.
struct fixture {
  cluster state;
  vitals measured;
  timestamp now = t0;

  fixture() {
    auto names = placement::policy_names();
    state.set_policies({names.begin(), names.end()});
  }

  void run(const command& x) {
    auto result = state.decide(x, now);
    REQUIRE_MESSAGE(result, (result ? "" : result.error().detail));
  }

  void node(const std::string& name, int64_t cores, label_set labels = {}) {
    node_profile profile;
    profile.name = name;
    profile.capacity = {cores * 1000, int64_t{8} << 30, 0, {}};
    profile.labels = std::move(labels);
    run(join_node{profile, std::nullopt});
  }

  void submit(const a_job& x) {
    run(submit_jobs{{std::make_shared<const job_spec>(x.spec)}, ""});
  }

  void place() {
    state.advance(now);
    while (auto batch = state.next_batch(512)) {
      auto policy = placement::make_policy(batch->policy);
      REQUIRE(policy != nullptr);
      state.commit(policy->propose(state.table(), batch->asks), now);
    }
  }

  void report(const std::string& node, task_ref task, task_state to,
              reason why = reason::none, std::optional<int> code = {},
              std::string message = {}) {
    task_report x;
    x.attempt = state.find_task(task)->attempt;
    x.task = std::move(task);
    x.state = to;
    x.why = why;
    x.message = std::move(message);
    if (code)
      x.exit_code = *code;
    run(take_reports{node, {x}});
  }

  value ask(const query& x) {
    auto result = answer(state, measured, x, now);
    REQUIRE_MESSAGE(result, (result ? "" : result.error().detail));
    return *result;
  }

  refusal refused(const query& x) {
    auto result = answer(state, measured, x, now);
    REQUIRE(!result);
    return result.error();
  }
};

std::string at(const value& x, const char* pointer) {
  auto& found = x.at_pointer(pointer);
  return found.is_string() ? std::string{found.get_string()}
                           : boost::json::serialize(found);
}

std::set<std::string> keys(const value& x) {
  std::set<std::string> result;
  for (auto& [key, y] : x.as_object())
    result.emplace(key);
  return result;
}

std::vector<std::string> all(const value& x, const char* pointer) {
  std::vector<std::string> result;
  for (auto& item : x.at("items").as_array())
    result.push_back(at(item, pointer));
  return result;
}

using strings = std::vector<std::string>;

} // namespace

TEST_CASE("a running task is shown with all that the reference names") {
  fixture f;
  f.node("n1", 4);
  a_job web{"web"};
  web.of(job_kind::service).spec.ports = {{"http", 80, 31000}};
  f.submit(web);
  f.place();
  f.now = t0 + seconds{2};
  f.report("n1", {"web", 0}, task_state::running);
  auto& record = *f.state.find_task({"web", 0});
  f.measured["n1"].tasks[record.allocation] = {record.allocation, 1.5, 4096};
  auto x = f.ask(get_task{{"web", 0}});
  for (auto key :
       {"id", "job", "index", "state", "health", "node", "attempt", "attempts",
        "reason", "message", "priority", "ports", "submittedAt", "exitCode"})
    CHECK_MESSAGE(x.as_object().contains(key), key);
  CHECK(at(x, "/id") == "web.0");
  CHECK(at(x, "/state") == "running");
  CHECK(at(x, "/health") == "none");
  CHECK(at(x, "/node") == "n1");
  CHECK(at(x, "/reason") == "null");
  CHECK(at(x, "/message") == "runs on n1");
  CHECK(at(x, "/ports/http") == "31000");
  CHECK(at(x, "/submittedAt") == to_string(t0));
  CHECK(at(x, "/startedAt") == to_string(t0 + seconds{2}));
  CHECK(at(x, "/endedAt") == "null");
  CHECK(at(x, "/memoryBytes") == "4096");
  CHECK(keys(x.at_pointer("/attempts/0"))
        == std::set<std::string>{"attempt", "allocation", "node", "state",
                                 "reason", "message", "exitCode", "startedAt",
                                 "endedAt", "placedAt", "cpuSeconds",
                                 "peakMemory"});
  CHECK(at(x, "/attempts/0/state") == "running");
  CHECK(!x.as_object().contains("burstLimit"));
  f.measured["n1"].burst_limits[record.allocation]
    = {record.allocation, 250, 8'192};
  x = f.ask(get_task{{"web", 0}});
  CHECK(at(x, "/burstLimit/cpu") == "2.5E-1");
  CHECK(at(x, "/burstLimit/memory") == "8192");
}

TEST_CASE("attempts stand oldest first and the present one last") {
  fixture f;
  f.node("n1", 4);
  a_job flaky{"flaky"};
  flaky.spec.retries = 2;
  f.submit(flaky);
  f.place();
  f.report("n1", {"flaky", 0}, task_state::running);
  f.report("n1", {"flaky", 0}, task_state::failed, reason::exit_code, 3);
  auto waits = f.ask(get_task{{"flaky", 0}});
  CHECK(at(waits, "/state") == "pending");
  CHECK(at(waits, "/reason") == "backoff");
  CHECK(at(waits, "/message").starts_with("starts again in "));
  CHECK(at(waits, "/attempts/0/state") == "failed");
  CHECK(at(waits, "/attempts/0/exitCode") == "3");
  auto queue = f.ask(list_queue{});
  CHECK(at(queue, "/items/0/reason") == "backoff");
  CHECK(at(queue, "/items/0/tasks") == "1");
  CHECK(at(queue, "/items/0/notBefore") == to_string(*f.state.next_wake()));
  f.now = f.now + seconds{60};
  f.place();
  auto again = f.ask(get_task{{"flaky", 0}});
  CHECK(at(again, "/attempt") == "2");
  CHECK(again.at("attempts").as_array().size() == 2);
  CHECK(at(again, "/attempts/0/reason") == "exitCode");
  CHECK(at(again, "/attempts/1/state") == "placed");
}

TEST_CASE("a task that waits says how many nodes refuse for which reason") {
  fixture f;
  for (auto name : {"n1", "n2", "n3", "n4", "n5"})
    f.node(name, 4);
  f.run(cordon_node{"n4", true});
  f.run(cordon_node{"n5", true});
  f.submit(a_job{"fill"}.cores(4).tasks(3));
  f.place();
  f.submit(a_job{"late"}.tasks(2));
  f.place();
  auto x = f.ask(get_task{{"late", 1}});
  CHECK(at(x, "/state") == "pending");
  CHECK(at(x, "/reason") == "insufficientCpu");
  CHECK(at(x, "/message") == "3 of 5 nodes lack cpu, 2 are cordoned");
  CHECK(at(x, "/attempts") == "[]");
  CHECK(at(x, "/node").empty());
  auto job = f.ask(get_job{"late"});
  CHECK(at(job, "/reasons/insufficientCpu") == "2");
  CHECK(at(job, "/tasks/pending") == "2");
  CHECK(at(job, "/tasks/succeeded") == "0");
  CHECK(at(job, "/state") == "pending");
  CHECK(at(job, "/spec/name") == "late");
}

TEST_CASE("a job of an unknown scheduler says so") {
  fixture f;
  f.node("n1", 4);
  a_job odd{"odd"};
  odd.spec.scheduler = "elsewhere";
  f.submit(odd);
  f.place();
  auto x = f.ask(get_task{{"odd", 0}});
  CHECK(at(x, "/reason") == "unknownScheduler");
  CHECK(at(x, "/message").find("\"elsewhere\"") != std::string::npos);
  CHECK(at(f.ask(get_why{task_ref{"odd", 0}, "", ""}), "/reason")
        == "unknownScheduler");
}

TEST_CASE("tasks that were never placed are shown without being made") {
  fixture f;
  f.submit(a_job{"array"}.tasks(1'000'000));
  list_tasks some;
  some.limit = 3;
  auto x = f.ask(some);
  CHECK(all(x, "/id") == strings{"array.0", "array.1", "array.2"});
  CHECK(f.state.find_job("array")->tasks.empty());
  CHECK(at(f.ask(get_task{{"array", 999'999}}), "/state") == "pending");
  CHECK(f.refused(get_task{{"array", 1'000'000}}).kind
        == refusal_kind::not_found);
  f.run(stop_job{"array", false});
  auto stopped = f.ask(get_task{{"array", 7}});
  CHECK(at(stopped, "/state") == "stopped");
  CHECK(at(stopped, "/reason") == "stoppedByUser");
}

TEST_CASE("a cursor resumes after the last item whatever came or went") {
  fixture f;
  f.submit(a_job{"b"}.tasks(2));
  f.submit(a_job{"d"}.tasks(2));
  list_tasks ask;
  ask.limit = 2;
  auto first = f.ask(ask);
  CHECK(all(first, "/id") == strings{"b.0", "b.1"});
  ask.cursor = at(first, "/nextCursor");
  f.run(stop_job{"b", true});
  f.submit(a_job{"a"});
  f.submit(a_job{"c"});
  auto second = f.ask(ask);
  CHECK(all(second, "/id") == strings{"c.0", "d.0"});
  ask.cursor = at(second, "/nextCursor");
  auto last = f.ask(ask);
  CHECK(all(last, "/id") == strings{"d.1"});
  CHECK(last.at("nextCursor").is_null());
  CHECK(at(last, "/version") == std::to_string(f.state.version()));
}

TEST_CASE("pages of any size together are the whole list") {
  fixture f;
  for (auto name : {"n1", "n2", "n3"})
    f.node(name, 4);
  for (auto name : {"a", "b.c", "d"})
    f.submit(a_job{name}.tasks(5));
  f.place();
  f.report("n1", {"a", 0}, task_state::running);
  for (uint32_t limit : {1U, 2U, 3U, 4U, 15U, 16U}) {
    for (auto& states :
         {std::vector<task_state>{}, std::vector{task_state::placed},
          std::vector{task_state::pending}}) {
      list_tasks whole;
      whole.states = states;
      auto wanted = all(f.ask(whole), "/id");
      auto part = whole;
      part.limit = limit;
      strings got;
      while (true) {
        auto x = f.ask(part);
        for (auto& id : all(x, "/id"))
          got.push_back(id);
        if (x.at("nextCursor").is_null())
          break;
        part.cursor = at(x, "/nextCursor");
      }
      CHECK(got == wanted);
    }
  }
}

TEST_CASE("filters of a list hold together") {
  fixture f;
  f.node("n1", 2);
  f.node("n2", 2);
  f.submit(a_job{"db"}.tasks(2).labelled("tier", "data"));
  f.submit(
    a_job{"web"}.tasks(3).labelled("tier", "front").of(job_kind::service));
  f.place();
  auto node = f.state.node_of(*f.state.find_task({"db", 0}));
  f.report(node, {"db", 0}, task_state::running);
  auto ids = [&](const list_tasks& x) { return all(f.ask(x), "/id"); };
  CHECK(ids({.states = {task_state::running}}) == strings{"db.0"});
  CHECK(ids({.states = {task_state::pending}, .job = "db"}).empty());
  CHECK(ids({.states = {task_state::pending}}) == strings{"web.2"});
  CHECK(ids({.job = "web"}).size() == 3);
  CHECK(ids({.job = "nobody"}).empty());
  CHECK(ids({.labels = {{"tier", "data"}}}).size() == 2);
  CHECK(ids({.labels = {{"tier", "!data"}}}).size() == 3);
  CHECK(ids({.node = "n1"}).size() == 2);
  CHECK(ids({.states = {task_state::placed, task_state::running},
             .job = "db",
             .node = node})
        == strings{"db.0", "db.1"});
  CHECK(ids({.node = "nowhere"}).empty());
  auto jobs = [&](const list_jobs& x) { return all(f.ask(x), "/name"); };
  CHECK(jobs({.kinds = {job_kind::service}}) == strings{"web"});
  CHECK(jobs({.states = {job_state::running}}) == strings{"db"});
  CHECK(jobs({.labels = {{"tier", "*"}}}) == strings{"db", "web"});
}

TEST_CASE("a wrong limit or cursor is bad input with its name") {
  fixture f;
  for (auto limit : {0U, 10'001U}) {
    list_jobs x;
    x.limit = limit;
    auto no = f.refused(x);
    CHECK(no.kind == refusal_kind::bad_input);
    REQUIRE(no.problems.size() == 1);
    CHECK(no.problems[0].pointer == "/limit");
  }
  for (auto cursor : {"zz", "1", "7765"}) {
    list_tasks x;
    x.cursor = cursor;
    auto no = f.refused(x);
    CHECK(no.kind == refusal_kind::bad_input);
    CHECK(no.problems.at(0).pointer == "/cursor");
    list_queue y;
    y.cursor = cursor;
    CHECK(f.refused(y).kind == refusal_kind::bad_input);
  }
}

TEST_CASE("what is not there is not found by name") {
  fixture f;
  for (auto& x :
       std::vector<query>{get_job{"x"}, get_task{{"x", 0}}, get_node{"x"},
                          get_why{task_ref{"x", 0}, "", ""},
                          get_why{{}, "x", ""}, get_why{{}, "", "x"}}) {
    auto no = f.refused(x);
    CHECK(no.kind == refusal_kind::not_found);
    CHECK(no.detail.find("\"x") != std::string::npos);
  }
}

TEST_CASE("a node is shown with what it has, what is held and what it uses") {
  fixture f;
  f.node("n1", 4, {{"zone", "a"}});
  f.submit(a_job{"one"});
  f.place();
  auto& heard = f.measured["n1"];
  heard.last_heard = f.now;
  heard.used = {500, 1 << 20, 0, {}};
  f.now = f.now + milliseconds{1'200};
  auto x = f.ask(get_node{"n1"});
  CHECK(at(x, "/name") == "n1");
  CHECK(at(x, "/state") == "ready");
  CHECK(at(x, "/eligibility") == "eligible");
  CHECK(at(x, "/labels/zone") == "a");
  CHECK(x.at_pointer("/capacity/cpu").to_number<double>() == 4);
  CHECK(at(x, "/capacity/memory") == "8589934592");
  CHECK(x.at_pointer("/reserved/cpu").to_number<double>() == 1);
  CHECK(x.at_pointer("/used/cpu").to_number<double>() == 0.5);
  CHECK(at(x, "/tasks") == "1");
  CHECK(x.at("heartbeatAgeSeconds").to_number<double>()
        == doctest::Approx(1.2));
  f.measured.clear();
  CHECK(f.ask(get_node{"n1"}).at("heartbeatAgeSeconds").is_null());
}

TEST_CASE("the queue is in the order of placement and resumes in it") {
  fixture f;
  f.submit(a_job{"low"});
  f.submit(a_job{"high"}.priority(10));
  f.submit(a_job{"late"});
  f.place();
  auto x = f.ask(list_queue{});
  CHECK(all(x, "/job") == strings{"high", "low", "late"});
  CHECK(at(x, "/items/0/reason") == "noNodes");
  CHECK(at(x, "/items/0/message") == "there are no nodes");
  list_queue one;
  one.limit = 1;
  strings got;
  for (int i = 0; i < 3; ++i) {
    auto y = f.ask(one);
    got.push_back(at(y, "/items/0/job"));
    one.cursor = y.at("nextCursor").is_null() ? "" : at(y, "/nextCursor");
  }
  CHECK(got == strings{"high", "low", "late"});
  CHECK(one.cursor.empty());
}

TEST_CASE("totals name every state") {
  fixture f;
  f.node("n1", 4);
  f.submit(a_job{"one"}.tasks(6));
  f.place();
  auto x = f.ask(get_cluster{});
  CHECK(keys(x.at("nodes"))
        == std::set<std::string>{"ready", "unhealthy", "removed"});
  CHECK(at(x, "/tasks/placed") == "4");
  CHECK(at(x, "/tasks/pending") == "2");
  CHECK(at(x, "/jobs/running") == "1");
  CHECK(x.at_pointer("/reserved/cpu").to_number<double>() == 4);
  CHECK(f.ask(list_policies{}).at("items").as_array().size()
        == placement::policy_names().size());
  CHECK(f.ask(list_gangs{}).at("items").as_array().empty());
}

// -- why ----------------------------------------------------------------------

TEST_CASE(
  "why a task waits: each reason with nodes, an example and who is ahead") {
  fixture f;
  for (auto name : {"n1", "n2", "n3"})
    f.node(name, 4);
  f.run(cordon_node{"n3", true});
  f.submit(a_job{"fill"}.cores(3).tasks(2).priority(5));
  f.place();
  f.submit(a_job{"first"}.cores(2).priority(5));
  f.submit(a_job{"second"}.cores(2));
  f.place();
  auto x = f.ask(get_why{task_ref{"second", 0}, "", ""});
  CHECK(at(x, "/task") == "second.0");
  CHECK(at(x, "/state") == "pending");
  CHECK(at(x, "/reason") == "insufficientCpu");
  CHECK(at(x, "/ahead") == "1");
  CHECK(at(x, "/strategy") == "binpack");
  CHECK(at(x, "/nodes/0/node") == "n1");
  CHECK(at(x, "/nodes/0/nodes") == "2");
  CHECK(at(x, "/nodes/0/verdict") == "insufficientCpu");
  CHECK(at(x, "/nodes/0/message") == "needs 2 cores, 1 free");
  CHECK(at(x, "/nodes/1/verdict") == "cordoned");
  CHECK(at(x, "/message")
        == "2 of 3 nodes lack cpu, 1 is cordoned; 1 job is ahead of it");
}

TEST_CASE("who makes room for whom is told of both") {
  fixture f;
  f.node("n1", 4);
  f.submit(a_job{"low"}.cores(4));
  f.place();
  f.submit(a_job{"high"}.cores(2).priority(5));
  f.place();
  auto high = f.ask(get_why{task_ref{"high", 0}, "", ""});
  CHECK(at(high, "/state") == "pending");
  CHECK(at(high, "/reason") == "insufficientCpu");
  CHECK(at(high, "/message")
        == "has a place on n1 as soon as low.0, which it preempted, stopped "
           "there");
  CHECK(at(high, "/nodes/0/node") == "n1");
  CHECK(at(high, "/nodes/0/verdict") == "kept");
  auto low = f.ask(get_task{{"low", 0}});
  CHECK(at(low, "/reason") == "preempted");
  CHECK(at(low, "/message")
        == "is being stopped on n1: preempted by high.0 (priority 5 over 0)");
  auto queue = f.ask(list_queue{});
  CHECK(queue.at("items").as_array().empty());
  auto job = f.ask(get_job{"high"});
  CHECK(at(job, "/reasons/insufficientCpu") == "1");
}

TEST_CASE("why a task waits that no node could ever hold") {
  fixture f;
  f.node("n1", 4);
  f.submit(a_job{"huge"}.cores(64));
  f.place();
  auto x = f.ask(get_why{task_ref{"huge", 0}, "", ""});
  CHECK(at(x, "/reason") == "neverFits");
}

TEST_CASE("without nodes it is suggested to add one") {
  fixture f;
  f.submit(a_job{"one"});
  f.place();
  auto x = f.ask(get_why{{}, "one", ""});
  CHECK(at(x, "/reason") == "noNodes");
  CHECK(at(x, "/suggestions/0/change") == "addNode");
}

TEST_CASE("why a task runs where it runs: scores of its node and the others") {
  fixture f;
  for (auto name : {"n1", "n2", "n3", "n4", "n5", "n6"})
    f.node(name, 4);
  f.submit(a_job{"one"});
  f.place();
  auto before = f.state.digest();
  auto x = f.ask(get_why{task_ref{"one", 0}, "", ""});
  CHECK(at(x, "/nodes/0/node")
        == f.state.node_of(*f.state.find_task({"one", 0})));
  CHECK(at(x, "/nodes/0/verdict") == "chosen");
  CHECK(x.at("nodes").as_array().size() == 4);
  CHECK(at(x, "/nodes/1/verdict") == "feasible");
  for (auto& node : x.at("nodes").as_array()) {
    double sum = 0;
    for (auto& [name, part] : node.at("parts").as_object())
      sum += part.to_number<double>();
    CHECK(sum == doctest::Approx(node.at("score").to_number<double>()));
  }
  CHECK(at(x, "/message").find("placing it anew") != std::string::npos);
  CHECK(f.state.digest() == before);
}

TEST_CASE("a node that would not be chosen again still shows its own score") {
  fixture f;
  f.node("n6", 4);
  f.submit(a_job{"one"});
  f.place();
  for (auto name : {"n1", "n2", "n3", "n4", "n5"})
    f.node(name, 2);
  f.run(cordon_node{"n6", true});
  auto x = f.ask(get_why{task_ref{"one", 0}, "", ""});
  CHECK(at(x, "/nodes/0/node") == "n6");
  CHECK(at(x, "/nodes/0/verdict") == "chosen");
  CHECK(x.at("nodes").as_array().size() == 4);
}

TEST_CASE("why a task has ended") {
  fixture f;
  f.node("n1", 4);
  f.submit(a_job{"one"});
  f.place();
  f.report("n1", {"one", 0}, task_state::running);
  f.report("n1", {"one", 0}, task_state::failed, reason::exit_code, 3);
  auto x = f.ask(get_why{task_ref{"one", 0}, "", ""});
  CHECK(at(x, "/state") == "failed");
  CHECK(at(x, "/reason") == "exitCode");
  CHECK(at(x, "/message")
        == "attempt 1 on n1 failed at " + to_string(f.now)
             + ": it ended with exit code 3");
  auto job = f.ask(get_why{{}, "one", ""});
  CHECK(at(job, "/task") == "one.0");
  CHECK(at(job, "/job") == "one");
  CHECK(at(job, "/tasks/failed") == "1");
  CHECK(at(job, "/reasons/exitCode") == "1");
}

TEST_CASE("why of a node tells its state and what it refuses") {
  fixture f;
  f.node("n1", 1);
  f.submit(a_job{"fill"}.tasks(3));
  f.place();
  auto x = f.ask(get_why{{}, "", "n1"});
  CHECK(at(x, "/node") == "n1");
  CHECK(at(x, "/reason") == "null");
  CHECK(at(x, "/verdicts/insufficientCpu") == "2");
  CHECK(at(x, "/waiting/0/job") == "fill");
  f.run(cordon_node{"n1", true});
  CHECK(at(f.ask(get_why{{}, "", "n1"}), "/reason") == "cordoned");
  f.run(change_node_health{"n1", node_state::unhealthy});
  CHECK(at(f.ask(get_why{{}, "", "n1"}), "/reason") == "unhealthy");
}

TEST_CASE("a task of a lost node waits again and keeps why in its history") {
  fixture f;
  f.node("n1", 4);
  f.submit(a_job{"one"}.of(job_kind::service));
  f.place();
  f.report("n1", {"one", 0}, task_state::running);
  f.run(change_node_health{"n1", node_state::unhealthy});
  auto x = f.ask(get_task{{"one", 0}});
  CHECK(at(x, "/state") == "pending");
  CHECK(at(x, "/attempts/0/state") == "lost");
  CHECK(at(x, "/attempts/0/reason") == "nodeLost");
  f.place();
  x = f.ask(get_task{{"one", 0}});
  CHECK(at(x, "/reason") == "unhealthy");
  CHECK(at(x, "/message") == "the only node is unhealthy");
}
