#include <caf/all.hpp>
#include <doctest/doctest.h>

#include "messages/json.hpp"
#include "messages/view.hpp"

#include "runtime/base64.hpp"

#include "actors/black_box.hpp"

#include "tests/builders.hpp"
#include "tests/virtual_world/world.hpp"

using namespace troupe;
using namespace troupe::test;
using namespace std::chrono_literals;

namespace {

/// BLACK BOX among a scheduler, nodes and a watch that are not there.
struct stage {
  virtual_world world;
  scheduler_actor scheduler;
  nodes_actor nodes;
  watch_actor watch;
  black_box_actor aut;
  version_number head = 0;
  /// What runs before the black box begins.
  boost::json::array running;
  /// What tasks have written, by allocation, stdout first; not there when their
  /// node is gone.
  std::map<uint64_t, std::pair<std::string, std::string>> written;
  size_t reads = 0;

  stage() {
    scheduler = world.fake<scheduler_actor>(
      "scheduler", [this](caf::event_based_actor*) -> caf::behavior {
        return {[this](const run_query&) {
          boost::json::value page{{"items", running}, {"nextCursor", nullptr}};
          return query_answer{std::make_shared<const boost::json::value>(page),
                              {}};
        }};
      });
    nodes = world.fake<nodes_actor>(
      "nodes", [this](caf::event_based_actor*) -> caf::behavior {
        return {[this](const forward_read_log& x) {
          ++reads;
          CHECK(x.what.once);
          auto at = written.find(x.what.allocation.value);
          if (at == written.end())
            return log_chunk{"node " + x.node + " is not connected"};
          log_chunk result;
          result.bytes = runtime::to_base64(
            x.what.stream == "stdout" ? at->second.first : at->second.second);
          return result;
        }};
      });
    watch = world.fake<watch_actor>(
      "watch", [](caf::event_based_actor*) -> caf::behavior {
        return {[](const event_listener_actor&) {
          // It is told by the test.
        }};
      });
  }

  ~stage() { world.end(); }

  void begin() {
    aut = world.system().spawn(black_box, black_box_options{}, scheduler, nodes,
                               watch);
    world.settle();
  }

  /// A fact becomes durable; its version.
  version_number say(fact x) {
    auto batch = std::make_shared<std::vector<event>>();
    batch->push_back({++head, timestamp{1'000}, std::move(x)});
    caf::anon_send(aut, event_batch{batch});
    world.settle();
    return head;
  }

  void end(const task_ref& task) {
    task_ended x;
    x.task = task;
    x.attempt = 1;
    x.node = "n1";
    say(x);
  }

  kept_output kept(uint64_t allocation) {
    auto answer
      = world.ask<kept_output>(aut, read_kept_output{{allocation}, 1});
    world.settle();
    REQUIRE(answer->is_there());
    return answer->value.value();
  }
};

const task_ref web{"web", 0};

} // namespace

TEST_CASE("what a task wrote is kept when it ends") {
  stage s;
  s.begin();
  auto run = s.say(task_placed{web, 1, "n1", {}, {}});
  s.say(task_started{web, "n1"});
  CHECK_FALSE(s.kept(run).found);
  s.written[run] = {"hello", "oh"};
  s.end(web);
  auto kept = s.kept(run);
  CHECK(kept.found);
  CHECK(kept.out == "hello");
  CHECK(kept.err == "oh");
}

TEST_CASE("of a running task the output is kept before its node dies") {
  stage s;
  s.begin();
  auto run = s.say(task_placed{web, 1, "n1", {}, {}});
  s.say(task_started{web, "n1"});
  s.written[run] = {"still here", ""};
  s.world.pass(2s);
  s.written.clear();
  s.end(web);
  CHECK(s.kept(run).out == "still here");
}

TEST_CASE("tasks that ran before the black box began are read as well") {
  stage s;
  task_view before;
  before.id = web;
  before.job = "web";
  before.allocation = {41};
  before.attempt = 1;
  before.node = "n1";
  before.state = task_state::running;
  s.running.push_back(json::write(before, json::detail::full));
  s.written[41] = {"older", ""};
  s.begin();
  s.world.pass(2s);
  CHECK(s.kept(41).out == "older");
}

TEST_CASE("nobody is asked for the output of what runs nothing") {
  stage s;
  s.begin();
  s.say(job_submitted{"web", a_job("web"), {}});
  s.say(task_placed{web, 1, "n1", {}, {}});
  s.say(task_started{web, "n1"});
  s.world.pass(1min);
  s.end(web);
  CHECK(s.reads == 0);
}

TEST_CASE("a task that is silent is asked more and more rarely") {
  stage s;
  s.begin();
  auto run = s.say(task_placed{web, 1, "n1", {}, {}});
  s.say(task_started{web, "n1"});
  s.written[run] = {"", ""};
  s.world.pass(10min);
  // Pauses of 0.3, 2, 4, 8, 16 and 32 s, then a minute; two streams each time.
  CHECK(s.reads <= 2 * (6 + 10));
  CHECK(s.reads >= 2 * (6 + 8));
}
