#include <boost/json/parse.hpp>
#include <caf/all.hpp>
#include <doctest/doctest.h>

#include "runtime/http/exchange.hpp"
#include "runtime/http/mailbox.hpp"

#include "actors/live.hpp"

#include "tests/virtual_world/world.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::test;

namespace http = troupe::runtime::http;

namespace {

event fact_of(version_number version) {
  return {version, {1'000}, node_ready{"n1"}};
}

/// A page, as the HTTP server sees it.
struct page {
  std::shared_ptr<http::mailbox> box = std::make_shared<http::mailbox>([] {
    // Nobody sleeps on it.
  });
  std::shared_ptr<http::stream_state> stream;
  std::string refused;
  size_t unread = 0;

  http_call call(bool upgrade = true) {
    http::request request;
    request.path = "/v1/live";
    if (upgrade)
      request.headers = {{"Upgrade", "websocket"},
                         {"Connection", "Upgrade"},
                         {"Sec-WebSocket-Version", "13"},
                         {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="}};
    return {std::make_shared<http::exchange>(
      request, http::reply_to{box, 1, true, 1 << 20})};
  }

  /// What it was told since the last call.
  std::string told() {
    std::string result;
    for (auto& x : box->take({})) {
      if (x.what == http::command::kind::upgrade)
        stream = x.stream;
      else if (x.what == http::command::kind::chunk)
        result += x.bytes;
      else
        refused += x.bytes;
      unread += x.what == http::command::kind::chunk ? x.bytes.size() : 0;
    }
    return result;
  }

  void read() {
    static_cast<void>(told());
    stream->sent(std::exchange(unread, 0));
  }
};

struct stage {
  virtual_world world;
  scheduler_actor scheduler;
  watch_actor watch;
  journal_actor journal;
  live_actor aut;
  int answers = 0;
  bool silent = false;
  std::vector<version_number> read_since;

  explicit stage(live_actor_options options = {}) {
    scheduler = world.fake<scheduler_actor>(
      "scheduler", [this](caf::event_based_actor*) -> caf::behavior {
        return {[this](const run_query& x) -> caf::result<query_answer> {
          if (silent)
            return caf::make_error(caf::sec::request_timeout);
          boost::json::value answer;
          if (std::holds_alternative<get_usage>(x.what))
            answer = boost::json::parse(
              R"({"names":["n1"],"values":[1,2,3,4,-1,-1]})");
          else
            answer = boost::json::object{{"answer", ++answers}};
          return query_answer{
            std::make_shared<const boost::json::value>(std::move(answer)),
            std::nullopt};
        }};
      });
    watch = world.fake<watch_actor>("watch");
    journal = world.fake<journal_actor>(
      "journal", [this](caf::event_based_actor*) -> caf::behavior {
        return {[this](const read_events& x) {
          read_since.push_back(x.since);
          auto found = std::make_shared<std::vector<event>>();
          for (auto v = x.since + 1; found->size() < x.count_max; ++v)
            found->push_back(fact_of(v));
          return event_batch{found};
        }};
      });
    aut = world.system().spawn(live, options, scheduler, watch, journal);
    world.name(aut, "live");
    world.settle();
  }

  ~stage() { world.end(); }

  void open(page& x) {
    caf::anon_send(aut, x.call());
    world.settle();
    CHECK(x.told().find("hello") != std::string::npos);
    x.read();
  }

  void say(page& x, std::string text) {
    x.stream->heard(std::move(text));
    world.settle();
  }

  void add(version_number version) {
    caf::anon_send(aut, event_batch{std::make_shared<const std::vector<event>>(
                          std::vector<event>{fact_of(version)})});
    world.settle();
  }
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("a page is told what it asks for at once, and of changes soon") {
  stage s;
  page p;
  s.open(p);
  s.say(p, R"({"follow":1,"path":"/v1/cluster"})");
  CHECK(has(p.told(), R"("all":{"answer":1})"));
  p.read();
  s.world.pass(500ms);
  CHECK(p.told() == "");
  s.add(1);
  s.world.pass(500ms);
  CHECK(has(p.told(), R"("all":{"answer":2})"));
}

TEST_CASE("a page that takes nothing is told how it is once it does") {
  stage s;
  page p;
  s.open(p);
  s.say(p, R"({"follow":1,"path":"/v1/cluster"})");
  auto first = p.told();
  for (version_number v = 1; v <= 5; ++v) {
    s.add(v);
    s.world.pass(1s);
  }
  CHECK(p.told() == "");
  p.read();
  s.world.pass(200ms);
  CHECK(has(p.told(), "{\"answer\":" + std::to_string(s.answers) + "}"));
}

TEST_CASE("a scheduler that is silent is told of, and asked again") {
  stage s;
  page p;
  s.open(p);
  s.silent = true;
  s.say(p, R"({"follow":1,"path":"/v1/cluster"})");
  CHECK(has(p.told(), "\"status\":503"));
  p.read();
  s.silent = false;
  s.world.pass(3s);
  CHECK(has(p.told(), R"("all":{"answer":1})"));
}

TEST_CASE("nothing is asked for a page that has gone") {
  stage s;
  page p;
  s.open(p);
  s.say(p, R"({"follow":1,"path":"/v1/cluster"})");
  p.stream->close();
  s.world.settle();
  auto before = s.answers;
  s.add(1);
  s.world.pass(5s);
  CHECK(s.answers == before);
}

TEST_CASE("who asks for no WebSocket, or for one too many, is refused") {
  stage s{{.pages = {.tabs_max = 1}}};
  page plain;
  caf::anon_send(s.aut, plain.call(false));
  s.world.settle();
  static_cast<void>(plain.told());
  CHECK(has(plain.refused, "HTTP/1.1 426 "));
  page first;
  s.open(first);
  page second;
  caf::anon_send(s.aut, second.call());
  s.world.settle();
  static_cast<void>(second.told());
  CHECK(has(second.refused, "HTTP/1.1 503 "));
}

TEST_CASE("what was before this process is read from the journal, once") {
  stage s;
  s.add(5'000);
  s.add(5'001);
  CHECK(s.read_since == std::vector<version_number>{2'999});
  page p;
  s.open(p);
  s.say(p, R"({"follow":1,"path":"/v1/events?limit=3"})");
  auto told = p.told();
  CHECK(has(told, "\"version\":4999"));
  CHECK(has(told, "\"version\":5001"));
}

TEST_CASE("use is sampled also while nobody looks") {
  stage s;
  s.world.pass(26s);
  auto told = s.world.ask<query_answer>(s.aut, read_usage{{"n1"}, 100});
  s.world.settle();
  REQUIRE(told->value);
  CHECK(
    told->value->view->at("items").at(0).at("cpu").at("used").as_array().size()
    == 6);
}
