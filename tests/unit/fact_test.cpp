#include <set>

#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include "messages/fact.hpp"

#include "tests/builders.hpp"

namespace troupe {

namespace {

/// One of each type, with every member set to something else than its default.
std::vector<fact> all_facts() {
  task_ref task{"a.b", 12};
  node_profile profile
    = a_node("n1").label_of("zone", "a").gpus(2).drivers({"docker"});
  profile.capacity.named = {{"license", 3}};
  profile.http_address = "http://n1:7770";
  profile.protocol = 7;
  job_spec_ptr spec = a_job("a.b")
                        .service()
                        .tasks(3)
                        .priority(-4)
                        .port("http", 80)
                        .label_of("app", "p")
                        .requires_label("zone", {"a", "!b"});
  return {
    job_submitted{"a.b", spec, "key"},
    job_updated{"a.b", spec, 4, "key", 2, "why"},
    job_surged{"a.b", 2},
    job_settled{"a.b", 4},
    job_scaled{"a.b", 9},
    job_stopped{"a.b", true},
    job_forgotten{"a.b"},
    task_placed{task, 2, "n1", {{"http", 80, 20'001}}, {0, 3}},
    task_starting{task, "n1", "pulls"},
    task_started{task, "n1"},
    task_health_changed{task, task_health::unhealthy, "no answer"},
    task_stopping{task, reason::drained, "line\nfeed \"quoted\"", true},
    task_ended{task, 2, "n1", task_state::stopped, reason::exit_code, "why", -9,
               true, "sha256:01"},
    task_requeued{task, reason::node_lost, "again", {1'700'000'000'123}, "n1"},
    task_preempted{task, "n1", {"high", 3}, -7, 90, reason::preempted, "by"},
    place_held{task,
               "n1",
               {{"http", 80, 20'001}},
               {0, 3},
               {{7}, {9}},
               {{"low", 1}},
               reason::insufficient_cpu,
               {1'700'000'000'123}},
    place_released{task, "n1", "too late"},
    gang_reserved{
      "g",
      {{task, "n1", {{"http", 80, 20'001}}, {0, 3}}, {{"b", 0}, "n2", {}, {}}},
      {{7}},
      {{"low", 1}},
      {1'700'000'000'123}},
    gang_committed{"g"},
    gang_released{"g", reason::node_lost, "n1 is silent"},
    gang_broken{"g", "a.b.12 is lost"},
    node_joined{"n1", profile},
    node_unhealthy{"n1"},
    node_ready{"n1"},
    node_removed{"n1", "by hand"},
    node_cordoned{"n1", false},
    node_draining{"n1", {1'700'000'000'123}},
    node_drained{"n1"},
    node_quarantined{"n1", false, "why", {1'700'000'000'123}},
    node_labelled{"n1", {{"disk", "ssd"}}, 0.1, 1.75},
    settings_changed{{"spread",
                      "fair",
                      "team",
                      {{"ann", 2.5}},
                      1.5,
                      {{"urgent", 9}},
                      {{"user=ann", 3}},
                      "binpack",
                      5}},
    leader_elected{"me", "1.2.3"},
    job_dependency_met{"a.b", "extract"},
    job_ticked{"a.b", {1'700'000'000'123}, tick_outcome::missed, 12},
    task_bound{task, "n1"},
    task_unbound{task, "n1", reason::node_lost, "it is silent"},
    cache_hit{task,
              "00ff",
              {{"b", 3}, 2, {7}, "n1", {1'700'000'000'123}, milliseconds{9}},
              true},
    cache_invalidated{{"00ff", "b", "b"}},
    node_troubled{"n1", {"docker"}, "it hangs"},
  };
}

bool equal(const fact& x, const fact& y) {
  // Specs are compared by what they say, not by where they stand.
  event a{1, {}, x};
  event b{1, {}, y};
  return x.index() == y.index() && write_line(a) == write_line(b);
}

} // namespace

TEST_CASE("every fact is read as it was written, with all its members") {
  auto facts = all_facts();
  REQUIRE(facts.size() == std::variant_size_v<fact>);
  std::set<std::string_view> types;
  for (size_t i = 0; i < facts.size(); ++i) {
    CAPTURE(type_of(facts[i]));
    CHECK(facts[i].index() == i);
    types.insert(type_of(facts[i]));
    event x{41, {1'700'000'000'007}, facts[i]};
    auto line = write_line(x);
    CHECK(line.find('\n') == std::string::npos);
    auto y = read_line(41, line);
    REQUIRE(y);
    CHECK(y->version == 41);
    CHECK(y->time == x.time);
    CHECK(equal(y->what, x.what));
    if (!std::holds_alternative<job_submitted>(x.what)
        && !std::holds_alternative<job_updated>(x.what))
      CHECK(*y == x);
  }
  CHECK(types.size() == facts.size());
  // The spec itself, member by member.
  auto y = read_line(1, write_line({1, {}, facts[0]}));
  CHECK(*std::get<job_submitted>(y->what).spec
        == *std::get<job_submitted>(facts[0]).spec);
}

TEST_CASE("members that a newer version adds are ignored") {
  auto x = read_line(
    3, R"({"type":"jobScaled","ms":5,"job":"x","count":2,"mood":"good"})");
  REQUIRE(x);
  CHECK(x->what == fact{job_scaled{"x", 2}});
}

TEST_CASE("members that an older version did not write have their defaults") {
  auto x = read_line(3, R"({"type":"taskEnded","ms":5,"task":"x.0"})");
  REQUIRE(x);
  CHECK(x->what
        == fact{task_ended{
          {"x", 0}, 0, "", task_state::failed, {}, "", std::nullopt}});
  x = read_line(3, R"({"type":"nodeCordoned","ms":5,"node":"n"})");
  CHECK(x->what == fact{node_cordoned{"n", true}});
  x = read_line(3, R"({"type":"nodeLabelled","ms":5,"node":"n"})");
  CHECK(x->what == fact{node_labelled{"n", {}, 1, {}}});
}

TEST_CASE("the journal holds what a fact came of, and users are not shown it") {
  event x{3, {5'000}, job_scaled{"x", 2}};
  CHECK(write_line(x)
        == R"({"type":"jobScaled","ms":5000,"job":"x","count":2})");
  x.facts = 2;
  x.steps = {{.kind = step_kind::time, .ago = std::chrono::milliseconds{20}},
             {.kind = step_kind::proposal}};
  auto line = write_line(x);
  CHECK(line.ends_with(R"("facts":2,"steps":[{"kind":"time","ago":20},)"
                       R"({"kind":"proposal"}]})"));
  auto y = read_line(3, line);
  REQUIRE(y);
  CHECK(*y == x);
  CHECK(!write_event(x).contains("steps"));
  // What only a newer version knows is no reason to refuse the fact.
  y = read_line(3, R"({"type":"jobScaled","ms":5,"steps":[{"kind":"dream"}]})");
  REQUIRE(y);
  CHECK(y->steps == std::vector<step>{{.kind = step_kind::untold}});
}

TEST_CASE("what cannot be read is refused with its version and a reason") {
  auto error_of = [](std::string_view line) {
    auto x = read_line(7, line);
    return x ? std::string{} : x.error();
  };
  CHECK(error_of(R"({"type":"moonRisen","ms":5})")
        == "fact 7 is a moonRisen, which only a newer version of troupe knows");
  CHECK(error_of("{") == "fact 7 is not a JSON object");
  CHECK(error_of("[]") == "fact 7 is not a JSON object");
  CHECK(error_of(R"({"type":"jobScaled"})")
        == "fact 7 lacks its type or its time");
  CHECK(error_of(R"({"type":"jobScaled","ms":5,"count":-1})")
          .starts_with("fact 7: /count: expected a whole number"));
  CHECK(error_of(R"({"type":"taskEnded","ms":5,"state":"odd"})")
          .starts_with("fact 7: /state"));
}

TEST_CASE("an event shows its version, its time, its type and its job") {
  auto x = write_event({9, {1'700'000'000'007}, all_facts()[9]});
  CHECK(boost::json::serialize(x)
        == R"({"version":9,"time":"2023-11-14T22:13:20.007Z",)"
           R"("type":"taskStarted","job":"a.b","task":"a.b.12","node":"n1"})");
  // Also what is the default.
  x = write_event({9, {1}, task_ended{}});
  CHECK(x.at("state") == "failed");
}

TEST_CASE("text that is not UTF-8 can be read again") {
  event x{1, {5}, node_removed{"n", "a\xFFz"}};
  auto y = read_line(1, write_line(x));
  REQUIRE(y);
  CHECK(std::get<node_removed>(y->what).message == "a\xEF\xBF\xBDz");
}

TEST_CASE("times are read as they were written") {
  for (auto ms :
       {int64_t{0}, int64_t{1}, int64_t{999}, int64_t{951'826'800'000},
        int64_t{1'700'000'000'123}, int64_t{253'402'300'799'999}}) {
    auto text = to_string(timestamp{ms});
    CHECK(text.size() == 24);
    CHECK(read_timestamp(text) == timestamp{ms});
  }
  CHECK(to_string(timestamp{951'826'800'000}) == "2000-02-29T12:20:00.000Z");
  for (auto* text : {"", "2001-02-29T00:00:00.000Z", "2000-13-01T00:00:00.000Z",
                     "2000-01-01T24:00:00.000Z", "2000-01-01T00:60:00.000Z",
                     "2000-01-01 00:00:00.000Z", "2000-01-01T00:00:00",
                     "2000-01-01T00:00:00.00aZ", "-000-01-01T00:00:00.000Z",
                     "2000-01-01T00:00:00.Z", "2000-01-01T00:00:00.000",
                     "2000-01-01T00:00:00+1:00", "2000-01-01T00:00:00+24:00",
                     "2000-01-01T00:00:00+01:60", "2000-01-01T00:00:00 01:00",
                     "2000-01-01T00:00:00ZZ", "2000-01-01T00:00:00Z+01:00"})
    CHECK(read_timestamp(text) == std::nullopt);
}

TEST_CASE("times are read as RFC 3339 lets people write them") {
  auto reads = [](const char* text, const char* meant) {
    CAPTURE(text);
    auto x = read_timestamp(text);
    REQUIRE(x);
    CHECK(to_string(*x) == meant);
  };
  reads("2030-01-01T00:00:00Z", "2030-01-01T00:00:00.000Z");
  reads("2030-01-01T00:00:00.5Z", "2030-01-01T00:00:00.500Z");
  reads("2030-01-01T00:00:00.123999999999Z", "2030-01-01T00:00:00.123Z");
  reads("2030-01-01T01:30:00+01:30", "2030-01-01T00:00:00.000Z");
  reads("2029-12-31T16:00:00.25-08:00", "2030-01-01T00:00:00.250Z");
  reads("2030-01-01T00:00:00-00:00", "2030-01-01T00:00:00.000Z");
}

} // namespace troupe
