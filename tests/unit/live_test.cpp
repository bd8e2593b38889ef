#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include "runtime/live/changes.hpp"
#include "runtime/live/live.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace std::chrono_literals;
using boost::json::value;

namespace {

constexpr timestamp wall{1'700'000'000'000};

value json_of(std::string_view text) {
  return boost::json::parse({text.data(), text.size()});
}

std::string change(std::string_view before, std::string_view now) {
  auto old = json_of(before);
  auto found = changes(&old, json_of(now));
  return found ? boost::json::serialize(*found) : "none";
}

event fact_of(version_number version, std::string node = "n1") {
  return {version, wall, node_ready{std::move(node)}};
}

std::vector<event> facts(version_number first, version_number last) {
  std::vector<event> result;
  for (; first <= last; ++first)
    result.push_back(fact_of(first));
  return result;
}

/// Pages, and a scheduler that answers what it is told to.
struct stage {
  live aut;
  live::time_point now{1h};
  tab_id tab;

  explicit stage(live_options options = {})
    : aut{options}, tab{aut.open().value()} {
    CHECK(take() == R"([{"hello":{"program":"0.1.0"}}])");
  }

  void say(std::string_view text) { aut.hear(tab, text); }
  std::string take() { return aut.take(tab, wall); }

  /// Answers all that is due. Returns how much that was.
  size_t answer(std::string_view text, std::chrono::milliseconds after = 0ms) {
    auto due = aut.due(now);
    now += after;
    for (auto& x : due)
      aut.answered(x.topic, std::make_shared<const value>(json_of(text)), now);
    return due.size();
  }
};

} // namespace

TEST_CASE("a page without an answer gets the whole of it") {
  auto found = changes(nullptr, json_of(R"({"items":[]})"));
  REQUIRE(found);
  CHECK(boost::json::serialize(*found) == R"({"all":{"items":[]}})");
}

TEST_CASE("of a list only what has changed is told") {
  constexpr auto before
    = R"({"items":[{"id":"a","x":1},{"id":"b","x":1}],"nextCursor":null,"version":3})";
  CHECK(change(before, before) == "none");
  // The journal's version alone is nothing that a page would show otherwise.
  CHECK(
    change(
      before,
      R"({"items":[{"id":"a","x":1},{"id":"b","x":1}],"nextCursor":null,"version":4})")
    == "none");
  CHECK(
    change(
      before,
      R"({"items":[{"id":"a","x":1},{"id":"b","x":2}],"nextCursor":null,"version":4})")
    == R"({"members":{},"items":[{"id":"b","x":2}]})");
  CHECK(
    change(
      before,
      R"({"items":[{"id":"b","x":1},{"id":"c","x":1}],"nextCursor":"q","version":4})")
    == R"({"members":{"nextCursor":"q"},"items":[{"id":"c","x":1}],"keys":["b","c"]})");
}

TEST_CASE("a heartbeat that grows older is no news, a new one is") {
  auto list = [](int age) {
    return R"({"items":[{"name":"n","heartbeatAgeSeconds":)"
           + std::to_string(age) + "}]}";
  };
  CHECK(change(list(3), list(5)) == "none");
  CHECK(change(list(9), list(0)) != "none");
}

TEST_CASE("one thing is told again as a whole, if it has changed") {
  CHECK(change(R"({"name":"a","count":1,"version":1})",
               R"({"name":"a","count":2,"version":1})")
        == R"({"all":{"name":"a","count":2,"version":1}})");
  CHECK(change(R"({"name":"a","count":1})", R"({"name":"a","count":1})")
        == "none");
}

TEST_CASE("the two parts of a job in the queue are told apart") {
  CHECK(
    change(R"({"items":[{"job":"a","notBefore":null,"tasks":1}]})",
           R"({"items":[{"job":"a","notBefore":null,"tasks":1},)"
           R"({"job":"a","notBefore":"2026","tasks":2}]})")
    == R"({"members":{},"items":[{"job":"a","notBefore":"2026","tasks":2}],)"
       R"("keys":["a","a late"]})");
}

TEST_CASE("a page is told what it follows, and then what changes") {
  stage s;
  s.say(R"({"follow":7,"path":"/v1/nodes?limit=2"})");
  CHECK(s.take() == "");
  CHECK(s.answer(R"({"items":[{"name":"a"}],"version":1})") == 1);
  CHECK(s.take()
        == R"([{"follow":7,"now":1700000000000,"all":{"items":[{"name":"a"}],)"
           R"("version":1},"version":1}])");
  CHECK(s.take() == "");
  s.aut.events().add(facts(1, 2));
  s.now += 300ms;
  CHECK(s.answer(R"({"items":[{"name":"a"},{"name":"b"}],"version":2})") == 1);
  CHECK(s.take()
        == R"([{"follow":7,"now":1700000000000,"members":{},)"
           R"("items":[{"name":"b"}],"keys":["a","b"],"version":2}])");
}

TEST_CASE("without facts a question is seldom asked again") {
  stage s;
  s.say(R"({"follow":1,"path":"/v1/cluster"})");
  CHECK(s.answer("{}") == 1);
  s.now += 1s;
  CHECK(s.answer("{}") == 0);
  s.now += 1'100ms;
  CHECK(s.answer("{}") == 1);
}

TEST_CASE("however many facts come, a question is not asked all the time") {
  stage s;
  s.say(R"({"follow":1,"path":"/v1/cluster"})");
  size_t asked = 0;
  // One second, with a fact in each millisecond.
  for (version_number v = 1; v <= 1'000; ++v) {
    s.aut.events().add(facts(v, v));
    asked += s.answer("{}");
    s.now += 1ms;
  }
  CHECK(asked == 4);
}

TEST_CASE("what is answered slowly is asked less often") {
  stage s;
  s.say(R"({"follow":1,"path":"/v1/map"})");
  s.aut.events().add(facts(1, 1));
  CHECK(s.answer("{}", 100ms) == 1);
  s.aut.events().add(facts(2, 2));
  s.now += 700ms;
  CHECK(s.answer("{}") == 0);
  s.now += 200ms;
  CHECK(s.answer("{}") == 1);
}

TEST_CASE("a question that is open is not asked again") {
  stage s;
  s.say(R"({"follow":1,"path":"/v1/cluster"})");
  CHECK(s.aut.due(s.now).size() == 1);
  s.aut.events().add(facts(1, 5));
  s.now += 10s;
  CHECK(s.aut.due(s.now).empty());
}

TEST_CASE("pages that follow the same share one question") {
  stage s;
  auto other = s.aut.open().value();
  s.say(R"({"follow":1,"path":"/v1/jobs"})");
  s.aut.hear(other, R"({"follow":9,"path":"/v1/jobs"})");
  CHECK(s.answer(R"({"items":[]})") == 1);
  CHECK(s.take().find("\"follow\":1") != std::string::npos);
  CHECK(s.aut.take(other, wall).find("\"follow\":9") != std::string::npos);
  // It lives as long as one of them.
  s.aut.close(other);
  s.now += 3s;
  CHECK(s.answer(R"({"items":[]})") == 1);
  s.say(R"({"leave":1})");
  s.now += 3s;
  CHECK(s.answer(R"({"items":[]})") == 0);
}

TEST_CASE("a page that was slow is told only how it is now") {
  stage s;
  s.say(R"({"follow":1,"path":"/v1/jobs"})");
  s.answer(R"({"items":[{"name":"a","n":1}]})");
  static_cast<void>(s.take());
  for (int n = 2; n < 6; ++n) {
    s.aut.events().add(
      facts(static_cast<version_number>(n), static_cast<version_number>(n)));
    s.now += 1s;
    s.answer(R"({"items":[{"name":"a","n":)" + std::to_string(n) + "}]}");
  }
  CHECK(s.take()
        == R"([{"follow":1,"now":1700000000000,"members":{},)"
           R"("items":[{"name":"a","n":5}]}])");
}

TEST_CASE("what cannot be followed is told once, as REST would") {
  stage s;
  auto problem = [&](std::string_view path) {
    s.say(R"({"follow":1,"path":")" + std::string{path} + "\"}");
    auto text = s.take();
    CHECK(s.take() == "");
    return text.empty() ? value{}
                        : json_of(text).at(0).at("problem").at("status");
  };
  CHECK(problem("/v1/nothing") == 404);
  CHECK(problem("/v1/tasks?limit=x") == 400);
  CHECK(problem("/v1/tasks?limit=5000") == 400);
  CHECK(problem("/metrics") == 400);
  CHECK(problem("no path") == 400);
  CHECK(problem("/v1/jobs?cursor=" + std::string(5'000, 'x')) == 400);
}

TEST_CASE("what is not found may come yet") {
  stage s;
  s.say(R"({"follow":1,"path":"/v1/jobs/web"})");
  auto refuse = [&] {
    for (auto& x : s.aut.due(s.now))
      s.aut.answered(x.topic,
                     refusal{refusal_kind::not_found, "there is no job", {}},
                     s.now);
  };
  refuse();
  CHECK(json_of(s.take()).at(0).at("problem").at("status") == 404);
  s.now += 3s;
  refuse();
  CHECK(s.take() == "");
  s.now += 3s;
  s.answer(R"({"name":"web"})");
  CHECK(json_of(s.take()).at(0).at("all").at("name") == "web");
}

TEST_CASE("a page may say nonsense, and too much") {
  stage s{{.follows_max = 3}};
  for (auto* text : {"", "{", "[]", "7", R"({"follow":"x","path":"/v1/jobs"})",
                     R"({"follow":1})", R"({"follow":1,"path":7})",
                     R"({"leave":99})", R"({"leave":{}})"})
    s.say(text);
  CHECK(s.answer("{}") == 0);
  for (int i = 0; i < 10; ++i)
    s.say(R"({"follow":)" + std::to_string(i) + R"(,"path":"/v1/jobs?limit=)"
          + std::to_string(i + 1) + "\"}");
  CHECK(s.answer("{}") == 3);
}

TEST_CASE("there are only so many pages") {
  stage s{{.tabs_max = 2}};
  auto second = s.aut.open();
  REQUIRE(second);
  CHECK_FALSE(s.aut.open());
  s.aut.close(*second);
  CHECK(s.aut.open());
}

TEST_CASE("a page hears of facts, of those it wants, and of each once") {
  stage s;
  s.aut.events().add(facts(1, 3));
  s.say(R"({"follow":1,"path":"/v1/events?limit=2"})");
  auto versions = [&] {
    std::string result;
    if (auto text = s.take(); !text.empty()) {
      auto first = json_of(text).at(0);
      for (auto& x : first.at("events").as_array())
        result += std::to_string(x.at("version").to_number<int>()) + ' ';
      result += first.at("missed").as_bool() ? "missed" : "";
    }
    return result;
  };
  CHECK(versions() == "2 3 missed");
  CHECK(versions() == "");
  s.aut.events().add({fact_of(4)});
  CHECK(versions() == "4 ");
  s.say(R"({"follow":1,"path":"/v1/events?node=n2"})");
  CHECK(versions() == "");
  s.aut.events().add({fact_of(5, "n2"), fact_of(6)});
  CHECK(versions() == "5 ");
}

TEST_CASE(
  "of a flood of facts a page is told the last ones, and that it is so") {
  stage s{{.events_max = 50, .event_page_max = 10}};
  s.say(R"({"follow":1,"path":"/v1/events"})");
  static_cast<void>(s.take());
  s.aut.events().add(facts(1, 1'000));
  auto x = json_of(s.take()).at(0);
  CHECK(x.at("events").as_array().size() == 10);
  CHECK(x.at("events").at(9).at("version") == 1'000);
  CHECK(x.at("missed") == true);
}

TEST_CASE("what was before comes first") {
  recent_events aut{10};
  aut.add(facts(20, 22));
  aut.add_older(facts(1, 19));
  CHECK(aut.first() == 13);
  CHECK(aut.last() == 22);
  // Nothing twice.
  aut.add(facts(21, 23));
  CHECK(aut.after(0, {}, 100).size() == 10);
}

TEST_CASE("use is remembered for a while, node by node") {
  usage_history aut;
  auto sample = [](int x) {
    return json_of(R"({"names":["n1",""],"values":[)" + std::to_string(x)
                   + ",1,2,3,-1,-1,9,9,9,9,9,9]}");
  };
  for (int i = 0; i < 200; ++i)
    aut.add(sample(i % 100));
  auto told = aut.tell({"n1", "gone"}, 3);
  REQUIRE(told.at("items").as_array().size() == 1);
  auto& n1 = told.at("items").at(0);
  CHECK(n1.at("cpu").at("reserved") == json_of("[97,98,99]"));
  CHECK(n1.at("memory").at("used") == json_of("[3,3,3]"));
  CHECK(n1.at("gpu").at("used") == json_of("[null,null,null]"));
  CHECK(aut.tell({""}, 1'000)
          .at("items")
          .at(0)
          .at("cpu")
          .at("used")
          .as_array()
          .size()
        == usage_history::length);
  aut.add(json_of(R"({"names":["n2"],"values":[1,1,1,1,1,1]})"));
  CHECK(aut.tell({"n1"}, 1).at("items").as_array().empty());
  CHECK(aut.tell({"n2"}, 2).at("items").at(0).at("cpu").at("used")
        == json_of("[null,1]"));
}

TEST_CASE("a page that follows use is told of each sample") {
  stage s;
  s.aut.history().add(json_of(R"({"names":[""],"values":[1,1,1,1,1,1]})"));
  s.say(R"({"follow":1,"path":"/v1/usage"})");
  CHECK(s.answer("{}") == 0);
  CHECK(s.take() != "");
  s.answer("{}");
  CHECK(s.take() == "");
  s.aut.history().add(json_of(R"({"names":[""],"values":[2,1,1,1,1,1]})"));
  s.answer("{}");
  CHECK(s.take() != "");
}
