#include <doctest/doctest.h>

#include "messages/json.hpp"
#include "messages/session.hpp"
#include "messages/work.hpp"

#include "tests/builders.hpp"

namespace troupe {

TEST_CASE("names become camelCase, and why is called reason") {
  CHECK(json::camel_case("max_unavailable_now") == "maxUnavailableNow");
  CHECK(json::camel_case("plain") == "plain");
  CHECK(json::key_of("why") == "reason");
  CHECK(json::name_of(reason::no_matching_labels) == "noMatchingLabels");
  CHECK(json::enum_called<reason>("stoppedByUser") == reason::stopped_by_user);
  CHECK(json::enum_called<reason>("stopped_by_user") == std::nullopt);
  CHECK(json::names_of<driver_kind>()
        == std::vector<std::string>{"docker", "process", "simulated"});
}

TEST_CASE("brief leaves out what is the default, full does not") {
  task_report x;
  CHECK(json::text_of(x) == "{}");
  auto full = json::write(x, json::detail::full).as_object();
  CHECK(full.at("state") == "starting");
  CHECK(full.at("reason") == "none");
  // Absent is absent.
  CHECK_FALSE(full.contains("exitCode"));
  x.exit_code = 0;
  CHECK(json::text_of(x) == R"({"exitCode":0})");
}

TEST_CASE("work and reports are read as they were written") {
  work_item x;
  x.sequence = 18'446'744'073'709'551'615U;
  x.kind = work_kind::stop;
  x.task = {"a", 1};
  x.attempt = 2;
  x.allocation = {9'223'372'036'854'775'808U};
  x.ports = {{"p", 1, 2}};
  x.gpus = {3};
  x.why = reason::drained;
  auto y = json::parse<work_item>(json::text_of(x));
  REQUIRE(y);
  CHECK(*y == x);
  task_report r = a_report{x, task_state::failed}.exit_code(-1).message("m");
  r.at = {12};
  r.health = task_health::healthy;
  auto s = json::parse<task_report>(json::text_of(r));
  REQUIRE(s);
  CHECK(*s == r);
}

TEST_CASE("what is wrong is named with its place") {
  auto error_of = [](std::string_view text) {
    auto x = json::parse<work_item>(text);
    return x ? std::string{} : x.error().pointer + ": " + x.error().detail;
  };
  CHECK(error_of("{\"attempt\":4294967296}")
        == "/attempt: expected a whole number from 0 to 4294967295 here");
  CHECK(error_of("{\"attempt\":1.5}").starts_with("/attempt: "));
  CHECK(error_of("{\"ports\":[{\"host\":1},{\"host\":65536}]}")
          .starts_with("/ports/1/host: "));
  CHECK(error_of("{\"task\":\"x\"}").starts_with("/task: "));
  CHECK(error_of("{\"gpus\":{}}") == "/gpus: expected an array here");
  CHECK(error_of("{\"kind\":\"dance\"}").starts_with("/kind: "));
  CHECK(error_of("{").starts_with(": not JSON"));
  CHECK(error_of("[]") == ": expected an object here");
  // Null is as good as nothing, and unknown keys are nobody's concern.
  CHECK(error_of("{\"task\":null,\"new\":[1]}") == "");
}

TEST_CASE("labels are an object, in the order of their names") {
  auto x = json::parse<node_profile>(R"({"labels":{"b":"2","a":"1"}})");
  REQUIRE(x);
  CHECK(x->labels == label_set{{"a", "1"}, {"b", "2"}});
  CHECK(json::parse<node_profile>(R"({"labels":{"b":2}})").error().pointer
        == "/labels/b");
}

TEST_CASE("text is made readable: valid UTF-8, cut between characters") {
  CHECK(json::readable("") == "");
  CHECK(json::readable("plain") == "plain");
  CHECK(json::readable("h\xC3\xA9llo \xE2\x82\xAC \xF0\x9F\x8E\xAD")
        == "h\xC3\xA9llo \xE2\x82\xAC \xF0\x9F\x8E\xAD");
  // Alone, too long a form, a surrogate, above the last, cut off.
  for (auto* bad : {"\x80", "\xFF", "\xC0", "\xF5"})
    CHECK(json::readable(bad) == "\xEF\xBF\xBD");
  CHECK(json::readable("\xE0\x80\x80x").ends_with("x"));
  CHECK(json::readable("\xED\xA0\x80").find('\xED') == std::string::npos);
  CHECK(json::readable("\xF4\x90\x80\x80").find('\xF4') == std::string::npos);
  CHECK(json::readable("a\xE2\x82") == "a\xEF\xBF\xBD\xEF\xBF\xBD");
  CHECK(json::readable("ab\xE2\x82\xAC", 4) == "ab");
  CHECK(json::readable("ab\xE2\x82\xAC", 5) == "ab\xE2\x82\xAC");
  CHECK(json::readable("\xFF\xFF", 4) == "\xEF\xBF\xBD");
  CHECK(json::readable("abc", 0) == "");
}

} // namespace troupe
