#include <chrono>
#include <random>
#include <string>
#include <vector>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include "tools/troupe/drain.hpp"
#include "tools/troupe/figures.hpp"
#include "tools/troupe/line_prefix.hpp"
#include "tools/troupe/machine.hpp"
#include "tools/troupe/plan.hpp"
#include "tools/troupe/rest.hpp"
#include "tools/troupe/show.hpp"
#include "tools/troupe/sse.hpp"
#include "tools/troupe/wait.hpp"

using namespace troupe;
using namespace troupe::tools;
using namespace std::chrono_literals;

namespace {

json_value json(const char* text) {
  return boost::json::parse(text);
}

screen at(const char* now) {
  return {.l = {}, .now = *read_timestamp(now)};
}

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("ages have two units at most") {
  CHECK(age_text(-5s) == "0s");
  CHECK(age_text(450ms) == "450ms");
  CHECK(age_text(59s) == "59s");
  CHECK(age_text(192s) == "3m12s");
  CHECK(age_text(1h) == "1h");
  CHECK(age_text(125min) == "2h5m");
  CHECK(age_text(25h) == "1d1h");
  CHECK(age_text(24h * 12 + 3h) == "12d");
}

TEST_CASE("memory is told in the unit that people would take") {
  CHECK(memory_text(0) == "0B");
  CHECK(memory_text(1023) == "1023B");
  CHECK(memory_text(128 << 20) == "128MiB");
  CHECK(memory_text(1536 << 20) == "1.5GiB");
  // 1023.99 MiB would be rounded to 1024.
  CHECK(memory_text((1 << 30) - 10'000) == "1GiB");
}

TEST_CASE("amounts have no digits that say nothing") {
  CHECK(amount_text(4) == "4");
  CHECK(amount_text(0.25) == "0.25");
  CHECK(amount_text(0.1 + 0.2) == "0.3");
  CHECK(amount_text(-0.0001) == "0");
  CHECK(amount_text(100) == "100");
}

TEST_CASE("output of tasks keeps its lines and colours, and nothing else") {
  CHECK(inert_output("a\tb\n\x1b[1;31mred\x1b[0m")
        == "a\tb\n\x1b[1;31mred\x1b[0m");
  CHECK(inert_output("\x1b[2J\x1b]0;title\x07")
        == "\\x1b[2J\\x1b]0;title\\x07");
  CHECK(inert_output("\x1b[31") == "\\x1b[31");
}

TEST_CASE("empty cells are dashes and numbers stand right") {
  sheet aut{{"NAME", ">N", "LAST"}};
  aut.row({"web", "5", ""});
  aut.row({"x", "1000", "y"});
  CHECK(aut.render({})
        == "NAME     N  LAST\n"
           "web      5  -\n"
           "x     1000  y\n");
}

TEST_CASE("what does not fit the terminal is cut, unless all is asked for") {
  sheet aut{{"NAME", "MESSAGE"}};
  aut.row({"web", "a long message of many words"});
  CHECK(holds(aut.render({.width = 24}), "a long message of\xe2\x80\xa6\n"));
  CHECK(holds(aut.render({.width = 24, .wide = true}), "many words"));
  CHECK(holds(aut.render({}), "many words"));
}

TEST_CASE("colours do not change what stands where") {
  sheet aut{{"STATE", ">N"}};
  aut.row({{"failed", tone::bad}, "1"});
  aut.row({"", {"22", tone::good}});
  for (size_t width : {0u, 80u, 9u}) {
    auto plain = aut.render({.colour = false, .width = width});
    auto text = aut.render({.colour = true, .width = width});
    for (auto at = text.find('\x1b'); at != std::string::npos;
         at = text.find('\x1b'))
      text.erase(at, text.find('m', at) - at + 1);
    CHECK(text == plain);
  }
}

TEST_CASE("colours are there on request only") {
  sheet aut{{"STATE"}};
  aut.row({{"failed", tone::bad}});
  CHECK_FALSE(holds(aut.render({}), "\x1b"));
  CHECK(holds(aut.render({.colour = true}), "\x1b[31mfailed\x1b[0m"));
}

TEST_CASE("a list of jobs says how far they are and what they wait for") {
  auto text = show_jobs(json(R"([
    {"name": "web", "kind": "service", "state": "pending", "count": 3,
     "priority": 5, "tasks": {"pending": 1, "running": 2, "failed": 0},
     "reasons": {"insufficientCpu": 1},
     "submittedAt": "2026-11-22T02:00:00.000Z"}])"),
                        at("2026-11-22T02:03:12.000Z"));
  CHECK(text
        == "NAME  KIND     STATE    TASKS                   PRIORITY  AGE    "
           "REASONS\n"
           "web   service  pending  2/3 running, 1 pending         5  3m12s  "
           "1 insufficientCpu\n");
}

TEST_CASE(
  "a task that failed is shown with its attempts and what to ask next") {
  auto text = show_task(json(R"({"id": "etl.0", "job": "etl",
    "state": "failed", "reason": "exitCode", "message": "exited with 3",
    "exitCode": 3, "attempts": [{"attempt": 1, "node": "n1",
    "state": "failed", "exitCode": 3, "startedAt": "2026-11-22T02:00:00.000Z",
    "endedAt": "2026-11-22T02:00:05.000Z", "reason": "exitCode"}]})"),
                        at("2026-11-22T02:01:00.000Z"));
  CHECK(holds(text, "Reason:     exitCode: exited with 3\n"));
  CHECK(holds(text, "1  n1    failed     3  1m ago   5s   exitCode\n"));
  CHECK(holds(text, "troupe logs etl.0"));
  CHECK(!holds(text, "Burst"));
}

TEST_CASE("a task whose burst is held back says to what") {
  auto text = show_task(json(R"({"id": "etl.0", "state": "running",
    "burstLimit": {"cpu": 0.25, "memory": 8388608}})"),
                        at("2026-11-22T02:01:00.000Z"));
  CHECK(holds(text, "held back to cpu 0.25, memory 8MiB while its node has "
                    "little left\n"));
}

TEST_CASE("a node shows what is reserved of what it has") {
  auto node = json(R"({"name": "n1", "state": "ready",
    "eligibility": "cordoned", "labels": {"zone": "a"}, "tasks": 2,
    "capacity": {"cpu": 4, "memory": 8589934592, "gpu": 0,
    "resources": {"license-x": 2}},
    "reserved": {"cpu": 1.5, "memory": 1073741824, "gpu": 0,
    "resources": {"license-x": 2}},
    "used": {"cpu": 0.25, "memory": 0}, "heartbeatAgeSeconds": 1.2})");
  auto list = show_nodes(json_value(boost::json::array{node}), {});
  CHECK(holds(list, "ready, cordoned      2  1.5/4  1GiB/8GiB    -"));
  auto text = show_node(node, {}, {});
  CHECK(holds(text, "cpu               4       1.5  0.25   2.5\n"));
  CHECK(holds(text, "license-x         2         2     -     0\n"));
  CHECK(holds(text, "troupe uncordon n1"));
}

TEST_CASE("a node that takes not everything is told apart, and says why") {
  auto node = json(R"({"name": "n1", "state": "ready",
    "eligibility": "eligible", "tasks": 2, "message": "its engine hangs"})");
  auto list = json_value(boost::json::array{node});
  CHECK(holds(show_nodes(list, {}), "ready, impaired"));
  screen wide;
  wide.l.wide = true;
  CHECK(holds(show_nodes(list, wide), "its engine hangs"));
  auto text = show_node(node, {}, {});
  CHECK(holds(text, "Message:"));
  CHECK(holds(text, "its engine hangs\n"));
}

TEST_CASE("a decision is shown with its verdicts and what would help") {
  auto text = show_why(json(R"({"task": "web.0", "state": "pending",
    "reason": "insufficientCpu", "message": "2 nodes lack cpu", "ahead": 2,
    "nodes": [{"node": "n1", "nodes": 2, "verdict": "insufficientCpu",
    "message": "0.2 free"}, {"node": "n3", "verdict": "chosen", "score": 0.5,
    "parts": {"binpack": 0.5}}],
    "suggestions": [{"change": "addNode", "message": "add a node"}]})"),
                       {});
  CHECK(holds(text, "Reason:              insufficientCpu: 2 nodes lack cpu"));
  CHECK(holds(text, "n1 and 1 alike  insufficientCpu      -  0.2 free\n"));
  CHECK(holds(text, "n3              chosen             0.5  binpack 0.5\n"));
  CHECK(holds(text, "  - add a node\n"));
}

TEST_CASE("a decision of long ago is shown with its time and whom it cost") {
  auto text = show_why(json(R"({"task": "web.0", "state": "running",
    "decision": {"version": 7, "time": "2026-11-22T02:00:00.000Z",
    "policy": "binpack", "asked": 3, "placed": 2,
    "preempted": [{"task": "low.0", "priority": 1}]}})"),
                       {});
  CHECK(holds(text, "2026-11-22T02:00:00.000Z by binpack, version 7, 2 of 3 "
                    "tasks placed at once, instead of low.0"));
  CHECK_FALSE(holds(text, "Last try"));
}

TEST_CASE("an event is one line, whatever it holds") {
  auto line = show_event(json(R"({"version": 3, "type": "taskEnded",
    "time": "2026-11-22T02:00:00.000Z", "task": "web.0", "node": "n1",
    "state": "failed", "reason": "exitCode", "message": "a\nb",
    "exitCode": 3})"),
                         {});
  CHECK(line
        == "3        02:00:00.000  taskEnded          web.0                    "
           "on n1 failed with exit code 3: a\\nb\n");
}

TEST_CASE("answers of another kind are shown as nothing, without harm") {
  for (auto text : {"null", "[]", "3", R"({"attempts": {}, "tasks": [1],
                     "labels": 3, "capacity": [], "nodes": "x"})"}) {
    auto x = json(text);
    (void)show_jobs(x, {});
    (void)show_job(x, x, {});
    (void)show_task(x, {});
    (void)show_node(x, x, {});
    (void)show_why(x, {});
    (void)show_cluster(x, {});
    (void)show_event(x, {});
    (void)show_tasks(json_value(boost::json::array{x}), {});
  }
}

TEST_CASE("JSON for people has short numbers and no controls") {
  auto x = json(R"({"a": [1, 0.5, 4.0], "b": "\u009b\u007f", "c": {}})");
  CHECK(line_json(x) == R"({"a":[1,0.5,4],"b":"\u009b\u007f","c":{}})");
  CHECK(pretty_json(x)
        == "{\n  \"a\": [\n    1,\n    0.5,\n    4\n  ],\n"
           "  \"b\": \"\\u009b\\u007f\",\n  \"c\": {}\n}\n");
}

TEST_CASE("names and values are encoded in a request") {
  CHECK((url{"/v1/jobs"} / "a/b?" / "why").text() == "/v1/jobs/a%2Fb%3F/why");
  CHECK((url{"/v1/jobs"} / "..").text() == "/v1/jobs/%2E%2E");
  CHECK(url{"/v1/tasks"}.with("job", "").with("label", "a=b&c").text()
        == "/v1/tasks?label=a%3Db%26c");
}

TEST_CASE("a problem becomes sentences, and its status an exit code") {
  auto bad = failure_of({400, R"({"detail": "two things are wrong",
    "errors": [{"pointer": "/cpu", "detail": "too much"},
               {"pointer": "/name", "detail": "bad\u001b"}]})"});
  CHECK(bad
        == failure{exit_code::bad_input, "two things are wrong\n"
                                         "  /cpu: too much\n"
                                         "  /name: bad\\x1b"});
  // One problem is said once.
  for (auto detail : {"/cpu: cpu is no amount", "cpu is no amount"})
    CHECK(failure_of({400, R"({"detail": ")" + std::string{detail}
                             + R"(", "errors": [{"pointer": "/cpu",
                             "detail": "cpu is no amount"}]})"})
            .text
          == detail);
  CHECK(failure_of({404, "{}"}).code == exit_code::not_found);
  CHECK(failure_of({401, "{}"}).code == exit_code::refused);
  CHECK(failure_of({403, "{}"}).code == exit_code::refused);
  CHECK(failure_of({409, "{}"}).code == exit_code::no);
  CHECK(failure_of({503, "{}"}).code == exit_code::unreachable);
  CHECK(failure_of({500, "<html>"}).text == "the controller answered 500");
}

TEST_CASE("an event stream reads the same in whatever pieces it comes") {
  std::string_view stream = ": hello\r\n\r\nid: 7\r\nevent: x\r\n"
                            "data: a\r\ndata:b\r\n\r\nid: 8\ndata: c\n\n"
                            "data: cut";
  std::vector<sse_message> wanted{{"7", "x", "a\nb"}, {"8", "", "c"}};
  for (size_t split = 0; split <= stream.size(); ++split) {
    sse_reader aut;
    std::vector<sse_message> found;
    auto take = [&](const sse_message& x) { found.push_back(x); };
    aut.feed(stream.substr(0, split), take);
    aut.feed(stream.substr(split), take);
    CHECK(found == wanted);
    CHECK(aut.last_id() == "8");
  }
}

TEST_CASE("a message that was cut is forgotten") {
  sse_reader aut;
  std::vector<sse_message> found;
  auto take = [&](const sse_message& x) { found.push_back(x); };
  aut.feed("id: 1\ndata: a\n\nid: 2\ndata: b", take);
  aut.reset();
  aut.feed("data: c\n\n", take);
  REQUIRE(found.size() == 2);
  CHECK(found[1].data == "c");
}

TEST_CASE("lines of several tasks do not mix") {
  line_prefix a{"a | "};
  line_prefix b{"b | "};
  CHECK(a.feed("on") == "");
  CHECK(b.feed("1\n2\n3") == "b | 1\nb | 2\n");
  CHECK(a.feed("e\n") == "a | one\n");
  CHECK(a.end() == "");
  CHECK(b.end() == "b | 3\n");
  line_prefix none{""};
  CHECK(none.feed("x") == "x");
}

TEST_CASE("a batch job is waited for until it ends, a service until it runs") {
  auto end = [](const char* job, const char* tasks = "[]") {
    return end_of(json(job), json(tasks));
  };
  CHECK(end(R"({"kind": "batch", "state": "running"})") == job_end::none);
  CHECK(end(R"({"kind": "batch", "state": "succeeded"})") == job_end::good);
  CHECK(end(R"({"kind": "batch", "state": "failed"})") == job_end::bad);
  CHECK(end(R"({"kind": "batch", "state": "pending",
                "spec": {"schedule": {"cron": "* * * * *"}}})")
        == job_end::good);
  CHECK(end(R"({"kind": "service", "state": "running", "count": 2,
                "tasks": {"running": 1}})")
        == job_end::none);
  CHECK(end(R"({"kind": "service", "state": "running", "count": 2,
                "tasks": {"running": 2}})")
        == job_end::good);
  CHECK(end(R"({"kind": "service", "state": "running", "count": 1,
                "tasks": {"running": 1}})",
            R"([{"health": "unknown"}])")
        == job_end::none);
  CHECK(end(R"({"kind": "service", "state": "degraded"})") == job_end::none);
  CHECK(end(R"({"kind": "service", "state": "stopped"})") == job_end::bad);
}

TEST_CASE("a failed task never gives the code of success") {
  CHECK(code_of_task(json(R"({"exitCode": 7})")) == 7);
  CHECK(code_of_task(json(R"({"exitCode": null})")) == 1);
  CHECK(code_of_task(json(R"({"exitCode": 0})")) == 1);
  CHECK(code_of_task(json(R"({"exitCode": 256})")) == 1);
  CHECK(code_of_task(json(R"({"exitCode": -1})")) == 255);
}

TEST_CASE("the listener of a port is found in the kernel's table") {
  auto table
    = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when "
      "retrnsmt   uid  timeout inode\n"
      "   0: 0100007F:1220 0100007F:8001 01 00000000:00000000 00:00000000 "
      "00000000     0        0 111 1\n"
      "   1: 0100007F:1220 00000000:0000 0A 00000000:00000000 00:00000000 "
      "00000000     0        0 222 1\n";
  CHECK(listening_inode(table, 4640) == 222u);
  CHECK_FALSE(listening_inode(table, 4641));
  CHECK_FALSE(listening_inode("", 4640));
}

TEST_CASE("a drain is over when the node says so, or when it is undone") {
  CHECK(step_of(json(R"({"eligibility": "draining"})"))
        == drain_step::draining);
  CHECK(step_of(json(R"({"eligibility": "drained"})")) == drain_step::drained);
  CHECK(step_of(json(R"({"eligibility": "eligible"})")) == drain_step::undone);
  CHECK(step_of(json(R"({"eligibility": "cordoned"})")) == drain_step::undone);
}

TEST_CASE("a drain shows what is left to move") {
  auto node = json(R"({"name": "n1", "tasks": 3})");
  CHECK(drain_text(node, json(R"([{"id": "web.0"}, {"id": "web.1"}])"))
        == "n1: 3 tasks to move: web.0, web.1, ..");
  CHECK(drain_text(json(R"({"name": "n1", "tasks": 1})"),
                   json(R"([{"id": "web.0"}])"))
        == "n1: 1 task to move: web.0");
  CHECK(drain_text(json(R"({"name": "n1", "tasks": 2})"), json("[]"))
        == "n1: 2 tasks to move");
}

TEST_CASE("words of a plan become its change") {
  auto change = [](std::vector<std::string> words, imagined_nodes nodes = {}) {
    auto result = change_of(words, nodes);
    return result ? line_json(*result) : result.error().text;
  };
  CHECK(change({"drain", "n1", "n2"}) == R"({"drainNode":["n1","n2"]})");
  CHECK(change({"lose", "n1"}) == R"({"loseNode":["n1"]})");
  CHECK(change({"stop", "web"}) == R"({"stopJob":["web"]})");
  CHECK(change({"scale", "web=5"})
        == R"({"scaleJob":[{"job":"web","count":5}]})");
  CHECK(change({"add"}) == R"({"addNodes":{}})");
  CHECK(change({"add"}, {.count = "2",
                         .capacity = "cpu=8,memory=16GiB",
                         .labels = "zone=1",
                         .like = "n1"})
        == R"({"addNodes":{"count":2,"capacity":{"cpu":8,"memory":"16GiB"},)"
           R"("labels":{"zone":"1"},"like":"n1"}})");
  CHECK(holds(change({"drain"}), "needs a name"));
  CHECK(holds(change({"scale", "web"}), "as in web=5"));
  CHECK(holds(change({"add"}, {.count = "0"}), "--count must be"));
  CHECK(holds(change({"add"}, {.capacity = "cpu"}), "--capacity: \"cpu\""));
  CHECK(holds(change({"drain", "n1"}, {.count = "2"}), "troupe plan add"));
}

TEST_CASE("a plan of a drain says what moves at once and what may end first") {
  auto plan = json(R"({"time": "2026-01-02T10:00:00Z",
    "drains": [{"node": "n1", "deadline": "2026-01-02T11:00:00Z"}],
    "moves": [
      {"task": "web.0", "from": "n1", "to": "n2", "mayEndFirst": false,
       "at": "2026-01-02T10:00:00Z"},
      {"task": "web.1", "from": "n1", "to": "n2", "mayEndFirst": false,
       "at": "2026-01-02T10:00:10Z"},
      {"task": "sum.0", "from": "n1", "to": "n2", "mayEndFirst": true,
       "at": "2026-01-02T11:00:00Z"}],
    "counts": {"moves": 3}, "complete": true})");
  CHECK(show_plan(plan, {})
        == "Moves:\n"
           "TASK   FROM  TO  WHEN\n"
           "web.0  n1    n2  at once\n"
           "web.1  n1    n2  in 10s\n"
           "sum.0  n1    n2  in 1h, unless it ends first\n"
           "\n"
           "n1 would be empty by 2026-01-02T11:00:00Z, in 1h at the latest.\n"
           "Services leave at once, each when another in its place runs; batch "
           "tasks may run until\nthen, and only those that have not ended "
           "move. `troupe drain --deadline` sets another time.\n"
           "\n"
           "3 tasks would move.\n");
}

TEST_CASE("a plan shows what does not fit first, and a sum last") {
  auto plan = json(R"({"moves": [
      {"task": "web.0", "from": "n1", "to": "n2"},
      {"task": "new.0", "from": null, "to": "n2"}],
    "victims": [{"task": "low.0", "node": "n2", "priority": -5}],
    "stops": [],
    "doesNotFit": [{"job": "big", "tasks": 3, "reason": "insufficientCpu",
                    "message": "2 nodes have too little"}],
    "counts": {"moves": 2, "victims": 1, "stops": 0, "doesNotFit": 3},
    "complete": true})");
  CHECK(show_plan(plan, {})
        == "Does not fit:\n"
           "JOB  TASKS  WHY\n"
           "big      3  insufficientCpu: 2 nodes have too little\n"
           "\n"
           "Makes room:\n"
           "TASK   NODE  PRIORITY\n"
           "low.0  n2          -5\n"
           "\n"
           "Moves:\n"
           "TASK   FROM  TO  WHEN\n"
           "web.0  n1    n2  -\n"
           "new.0  -     n2  -\n"
           "\n"
           "1 task would start, 1 task would move, 1 task would be preempted, "
           "3 tasks would not fit.\n");
  CHECK(code_of_plan(plan) == 2);
  CHECK(code_of_plan(json(R"({"moves": [{}], "doesNotFit": []})")) == 1);
  CHECK(code_of_plan(json(R"({"moves": []})")) == 0);
  CHECK(show_plan(json(R"({"moves": []})"), {}) == "Nothing would change.\n");
}
