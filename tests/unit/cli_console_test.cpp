#include <string>
#include <vector>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "tools/troupe/console/model.hpp"

using namespace troupe;
using namespace troupe::tools;
using namespace troupe::tools::console;

namespace {

json_value json(const std::string& text) {
  return boost::json::parse(text);
}

boost::json::array list(const std::string& text) {
  return json(text).get_array();
}

constexpr auto two_jobs = R"([
  {"name": "web", "kind": "service", "state": "running", "count": 3,
   "tasks": {"running": 3}, "priority": 5,
   "submittedAt": "2026-01-01T00:00:00.000Z"},
  {"name": "db", "kind": "service", "state": "degraded", "count": 1,
   "tasks": {"running": 0, "failed": 1}, "priority": 50,
   "submittedAt": "2026-01-01T00:00:30.000Z"}])";

constexpr auto two_nodes = R"([
  {"name": "n1", "state": "ready", "eligibility": "eligible", "tasks": 3,
   "capacity": {"cpu": 4, "memory": 4294967296, "gpu": 0},
   "reserved": {"cpu": 2, "memory": 1073741824, "gpu": 0},
   "used": {"cpu": 1, "memory": 0, "gpu": 0}, "heartbeatAgeSeconds": 2.4,
   "labels": {"zone": "a"}},
  {"name": "n2", "state": "unhealthy", "eligibility": "eligible", "tasks": 0,
   "capacity": {"cpu": 4, "memory": 4294967296, "gpu": 0}}])";

/// A console that knows something, and what it shows.
struct fixture {
  model aut{"http://127.0.0.1:4640"};

  fixture() {
    aut.set_time(*read_timestamp("2026-01-01T00:01:00.000Z"));
    aut.set_link(link::live);
    aut.set_cluster(json(R"({"version": 7, "nodes": {"ready": 1},
                             "tasks": {"running": 3}})"));
    aut.set_list(tab::nodes, list(two_nodes), false);
    aut.set_list(tab::jobs, list(two_jobs), false);
  }

  std::optional<action> type(std::string_view letters) {
    std::optional<action> result;
    for (auto x : letters)
      result = aut.press({key::code::text, std::string(1, x)});
    return result;
  }
  std::optional<action> press(key::code x) { return aut.press({x}); }

  std::vector<std::string> lines() {
    auto grid = aut.draw();
    std::vector<std::string> result;
    for (size_t i = 0; i < grid.height(); ++i)
      result.push_back(grid.line(i));
    return result;
  }
  std::string line(size_t i) { return lines()[i]; }
  bool shows(std::string_view text) {
    for (auto& x : lines())
      if (x.find(text) != std::string::npos)
        return true;
    return false;
  }
  /// Front of the line that is in reverse below the tabs.
  std::string chosen() {
    auto grid = aut.draw();
    for (size_t i = 2; i < grid.height(); ++i)
      if (grid.at(i, 0).look.chosen)
        return grid.line(i).substr(0, grid.line(i).find(' '));
    return "";
  }
};

} // namespace

// -- grid -----------------------------------------------------------------------

TEST_CASE("what is put on a screen stays in its cells") {
  grid aut{6, 2};
  CHECK(aut.put(0, 0, "a\x1b[2J\n") == 6);
  CHECK(aut.line(0) == "a\\x1b[");
  CHECK(aut.put(1, 4, "long") == 6);
  CHECK(aut.line(1) == "    lo");
  CHECK(aut.put(5, 0, "x") == 0);
}

TEST_CASE("wide characters take two cells and are never halved") {
  grid aut{5, 1};
  CHECK(aut.put(0, 0, "\xe6\x9d\xb1\xe4\xba\xac\xe6\x9d\xb1") == 4);
  CHECK(aut.at(0, 1).glyph.empty());
  CHECK(aut.line(0) == "\xe6\x9d\xb1\xe4\xba\xac");
  aut.put(0, 1, "x");
  CHECK(aut.line(0) == " x\xe4\xba\xac");
  aut.put(0, 2, "y");
  CHECK(aut.line(0) == " xy");
}

TEST_CASE("marks stand on the character before them") {
  grid aut{3, 1};
  CHECK(aut.put(0, 0,
                "\xcc\x81"
                "e\xcc\x81x")
        == 2);
  CHECK(aut.at(0, 0).glyph == "e\xcc\x81");
}

TEST_CASE("colours become looks, and other sequences are shown") {
  grid aut{20, 1};
  aut.put_coloured(0, "a\x1b[31mb\x1b[0m\tc\x1b[2J");
  CHECK(aut.line(0) == "ab      c\\x1b[2J");
  CHECK(aut.at(0, 0).look == paint{});
  CHECK(aut.at(0, 1).look == paint{tone::bad});
  grid moved{3, 1};
  moved.put_coloured(0, "\x1b[32mabcdef\x1b[0m", 2);
  CHECK(moved.line(0) == "cde");
  CHECK(moved.at(0, 0).look.t == tone::good);
}

// -- rows -----------------------------------------------------------------------

TEST_CASE("numbers in names are sorted as numbers") {
  auto named = [](const char* x) {
    return row{.id = x, .cells = {x}, .ranks = {std::nullopt}, .about = {}};
  };
  CHECK(comes_before(named("web.9"), named("web.10"), 0));
  CHECK_FALSE(comes_before(named("web.10"), named("web.9"), 0));
  CHECK(comes_before(named("web"), named("web.0"), 0));
  CHECK(comes_before(named("a"), named("b"), 0));
  CHECK_FALSE(comes_before(named("n01"), named("n1"), 0));
}

TEST_CASE("a bar shows what is used, reserved and free") {
  CHECK(bar(1, 2, 4, 8)
        == "\xe2\x96\x88\xe2\x96\x88\xe2\x96\x92\xe2\x96\x92"
           "\xc2\xb7\xc2\xb7\xc2\xb7\xc2\xb7");
  CHECK(bar(0, 0, 4, 2) == "\xc2\xb7\xc2\xb7");
  CHECK(bar(0, 0.001, 4, 2) == "\xe2\x96\x92\xc2\xb7");
  CHECK(bar(9, 9, 4, 2) == "\xe2\x96\x88\xe2\x96\x88");
  CHECK(bar(1, 1, 0, 2) == "\xc2\xb7\xc2\xb7");
}

// -- the screen -----------------------------------------------------------------

TEST_CASE("the first screen fits 80 columns and 24 lines") {
  fixture x;
  CHECK(x.line(0).find("nodes 1 ready  tasks 3 running") != std::string::npos);
  CHECK(x.line(0).ends_with("live"));
  CHECK(x.line(1).starts_with(" 1 Nodes  2 Jobs  3 Tasks"));
  CHECK(x.line(2).starts_with("NAME   STATE"));
  CHECK(x.line(3).starts_with("n1     ready"));
  CHECK(x.line(3).find("2/4") != std::string::npos);
  CHECK(x.line(3).find("zone=a") != std::string::npos);
  CHECK(x.line(4).starts_with("n2     unhealthy"));
  CHECK(x.line(23).find("? keys") != std::string::npos);
  CHECK(x.chosen() == "n1");
}

TEST_CASE("any size of the window is drawn, and a tiny one is told") {
  fixture x;
  for (size_t width = 1; width < 130; width += 3)
    for (size_t height = 1; height < 40; height += 3) {
      x.aut.resize(width, height);
      auto grid = x.aut.draw();
      CHECK(grid.width() == width);
      CHECK(grid.height() == height);
    }
  x.aut.resize(30, 5);
  CHECK(x.line(0) == "At least 40 by 8.");
}

TEST_CASE("keys go through the lists and select in them") {
  fixture x;
  x.type("2");
  CHECK(x.chosen() == "web");
  x.press(key::code::down);
  CHECK(x.chosen() == "db");
  x.press(key::code::down);
  CHECK(x.chosen() == "db");
  x.type("g");
  CHECK(x.chosen() == "web");
  x.press(key::code::tab);
  CHECK(x.line(2).starts_with("TASK"));
  x.press(key::code::left);
  CHECK(x.line(2).starts_with("NAME"));
  CHECK(x.aut.wanted_list()->target.text() == "/v1/jobs");
}

TEST_CASE("a selected row stays selected when the list is new") {
  fixture x;
  x.type("2j");
  CHECK(x.chosen() == "db");
  x.aut.set_list(tab::jobs, list(R"([{"name": "a"}, {"name": "b"},
                                     {"name": "db"}])"),
                 false);
  CHECK(x.chosen() == "db");
  x.aut.set_list(tab::jobs, list(R"([{"name": "a"}])"), false);
  CHECK(x.chosen() == "a");
  x.aut.set_list(tab::jobs, {}, false);
  CHECK(x.chosen().empty());
  CHECK(x.shows("There are no jobs."));
}

TEST_CASE("long lists scroll with what is selected") {
  fixture x;
  boost::json::array many;
  for (int i = 0; i < 100; ++i)
    many.push_back(json(fmt::format(R"({{"name": "j{}"}})", i)));
  x.aut.set_list(tab::jobs, many, true);
  x.type("2");
  CHECK(x.line(1).ends_with("100+"));
  x.press(key::code::page_down);
  CHECK(x.chosen() == "j19");
  x.press(key::code::end);
  CHECK(x.chosen() == "j99");
  CHECK(x.line(21).starts_with("j99"));
  x.press(key::code::home);
  CHECK(x.line(3).starts_with("j0"));
}

TEST_CASE("a filter shows what holds it, whatever the case") {
  fixture x;
  x.type("2/DB");
  CHECK(x.line(22) == "/DB_");
  CHECK(x.chosen() == "db");
  CHECK_FALSE(x.shows("web"));
  x.press(key::code::backspace);
  x.press(key::code::backspace);
  x.type("xyz");
  CHECK(x.shows("Nothing holds this text."));
  x.press(key::code::enter);
  CHECK(x.line(1).find("/xyz") != std::string::npos);
  x.press(key::code::escape);
  CHECK(x.shows("web"));
}

TEST_CASE("rows are sorted by one column after the other, either way") {
  fixture x;
  x.type("2");
  CHECK(x.chosen() == "web");
  x.type("o");
  CHECK(x.chosen() == "web");
  CHECK(x.line(2).starts_with("NAME\xe2\x96\xb2"));
  CHECK(x.line(3).starts_with("db"));
  x.type("O");
  CHECK(x.line(3).starts_with("web"));
  x.type("Ooooo"); // PRIORITY
  CHECK(x.line(2).find("PRIORITY\xe2\x96\xb2") != std::string::npos);
  CHECK(x.line(3).starts_with("web"));
  x.type("ooo");
  CHECK(x.line(2).find("\xe2\x96\xb2") == std::string::npos);
}

TEST_CASE("what changes something is done only after a yes") {
  fixture x;
  CHECK_FALSE(x.type("2s"));
  CHECK(x.line(22) == "Stop job web?  y/N");
  CHECK_FALSE(x.type("n"));
  CHECK(x.line(22) == "nothing was changed");
  CHECK_FALSE(x.type("s"));
  auto todo = x.type("y");
  REQUIRE(todo);
  CHECK(todo->method == "POST");
  CHECK(todo->target.text() == "/v1/jobs/web/stop");
  CHECK(todo->said == "job web: stopping");
  CHECK_FALSE(x.type("r"));
  CHECK_FALSE(x.press(key::code::enter));
  CHECK_FALSE(x.type("y"));
}

TEST_CASE("nodes are drained, cordoned and let work again") {
  fixture x;
  for (auto& [letter, verb] :
       {std::pair{"d", "drain"}, {"c", "cordon"}, {"u", "uncordon"}}) {
    x.type(letter);
    auto todo = x.type("y");
    REQUIRE(todo);
    CHECK(todo->target.text() == std::string{"/v1/nodes/n1/"} + verb);
  }
  x.type("2d");
  CHECK(x.line(22) == "job web is not a node; select one with 1");
  CHECK_FALSE(x.type("y"));
  x.type("1s");
  CHECK(x.shows("node n1 is not a job or a task"));
}

TEST_CASE("a job is scaled to what is typed") {
  fixture x;
  x.type("2n1x2");
  CHECK(x.line(22) == "Tasks of web: 12_");
  auto todo = x.press(key::code::enter);
  REQUIRE(todo);
  CHECK(todo->target.text() == "/v1/jobs/web/scale");
  CHECK(todo->body == json(R"({"count": 12})"));
  x.type("n");
  CHECK_FALSE(x.press(key::code::enter));
  x.type("n99999999999999999999999999");
  CHECK_FALSE(x.press(key::code::enter));
}

TEST_CASE("a thing opens in full, and closes") {
  fixture x;
  x.type("2");
  auto before = x.aut.pane_serial();
  x.press(key::code::enter);
  REQUIRE(x.aut.open_pane());
  CHECK(x.aut.pane_serial() != before);
  auto sources = x.aut.open_pane()->sources();
  REQUIRE(sources.size() == 2);
  CHECK(sources[0].text() == "/v1/jobs/web");
  CHECK(sources[1].text() == "/v1/tasks?limit=50&job=web");
  CHECK(x.shows("Asking..."));
  x.aut.open_pane()->take(0, json(two_jobs).get_array()[0]);
  CHECK(x.shows("Job:"));
  CHECK(x.shows("3/3 running"));
  x.press(key::code::escape);
  CHECK_FALSE(x.aut.open_pane());
  CHECK(x.chosen() == "web");
}

TEST_CASE("why is asked of what is selected, also from its pane") {
  fixture x;
  x.type("w");
  REQUIRE(x.aut.open_pane());
  CHECK(x.aut.open_pane()->sources()[0].text() == "/v1/nodes/n1/why");
  x.type("q2");
  x.press(key::code::enter);
  x.type("w");
  CHECK(x.aut.open_pane()->sources()[0].text() == "/v1/jobs/web/why");
}

TEST_CASE("logs follow their end until somebody scrolls") {
  fixture x;
  x.type("2l");
  auto* logs = x.aut.open_pane();
  REQUIRE(logs);
  CHECK(x.shows("Nothing yet."));
  for (int i = 0; i < 50; ++i)
    logs->add_log(fmt::format("line {}\nhal", i));
  CHECK(x.shows("halline 49"));
  CHECK_FALSE(x.shows("halline 2"));
  CHECK(x.line(1).ends_with("following"));
  x.press(key::code::home);
  CHECK(x.line(2) == "line 0");
  CHECK(x.line(1).ends_with("not following"));
  logs->add_log("f\n");
  CHECK(x.line(2) == "line 0");
  x.press(key::code::end);
  CHECK(x.line(21) == "half");
  logs->end_log("The end.");
  CHECK(x.line(21) == "The end.");
}

TEST_CASE("logs keep the last lines, each of a size that can be shown") {
  fixture x;
  x.type("2l");
  auto* logs = x.aut.open_pane();
  for (size_t i = 0; i < pane::log_lines_max + 10; ++i)
    logs->add_log(fmt::format("line {}\n", i));
  CHECK(logs->lines({}).size() == pane::log_lines_max);
  CHECK(logs->lines({}).front() == "line 10");
  logs->add_log(std::string(1'000'000, 'x'));
  CHECK(logs->lines({}).back().size() < 20'000);
  logs->add_log("\n10%\r50%\r100%\r\n");
  CHECK(logs->lines({}).back() == "100%");
}

TEST_CASE("tasks of a job or node are a list of their own") {
  fixture x;
  x.type("2t");
  CHECK(x.aut.wanted_list()->target.text() == "/v1/tasks?job=web");
  CHECK(x.line(1).find("of job web") != std::string::npos);
  x.press(key::code::escape);
  CHECK(x.aut.wanted_list()->target.text() == "/v1/tasks");
  x.type("1t");
  CHECK(x.aut.wanted_list()->target.text() == "/v1/tasks?node=n1");
  x.type("23");
  CHECK(x.aut.wanted_list()->target.text() == "/v1/tasks");
}

TEST_CASE("events come newest first, and a selected one stays selected") {
  fixture x;
  x.type("5");
  CHECK_FALSE(x.aut.wanted_list());
  CHECK(x.shows("Nothing has happened."));
  auto add = [&x](int version) {
    x.aut.add_event(json(fmt::format(
      R"({{"version": {}, "type": "taskStarted", "task": "web.{}"}})", version,
      version)));
  };
  add(1);
  add(2);
  CHECK(x.line(3).find("web.2") != std::string::npos);
  add(3);
  CHECK(x.aut.draw().at(3, 0).look.chosen);
  x.press(key::code::down);
  add(4);
  CHECK(x.line(5).find("web.2") != std::string::npos);
  CHECK(x.aut.draw().at(5, 0).look.chosen);
  x.press(key::code::enter);
  CHECK(x.aut.open_pane()->sources()[0].text() == "/v1/tasks/web.2");
}

TEST_CASE("events are remembered up to a limit") {
  fixture x;
  for (size_t i = 0; i < model::events_max + 5; ++i)
    x.aut.add_event(json(fmt::format(R"({{"version": {}}})", i)));
  x.type("5");
  CHECK(x.line(1).ends_with(std::to_string(model::events_max)));
}

TEST_CASE("a lost controller is told, with for how long and why") {
  fixture x;
  x.aut.set_link(link::lost, "cannot reach the controller: refused");
  x.aut.set_time(*read_timestamp("2026-01-01T00:01:12.000Z"));
  CHECK(x.line(0).ends_with("LOST for 12s"));
  CHECK(x.line(22) == "cannot reach the controller: refused");
  CHECK(x.shows("n1"));
  x.aut.set_link(link::live);
  CHECK(x.line(0).ends_with("live"));
}

TEST_CASE("names with control characters are inert everywhere") {
  fixture x;
  x.aut.set_list(tab::nodes, list(R"([{"name": "n\u001b[2J\n1",
    "labels": {"a\u0007": "\u202e"}, "state": "re\rady"}])"),
                 false);
  x.type("d");
  for (auto& line : x.lines()) {
    CHECK(line.find('\x1b') == std::string::npos);
    CHECK(line.find('\x07') == std::string::npos);
    CHECK(line.find("\xe2\x80\xae") == std::string::npos);
  }
  CHECK(x.shows("n\\x1b[2J\\n1"));
}

TEST_CASE("help tells every key on a screen of 24 lines") {
  fixture x;
  x.type("?");
  CHECK(x.shows("drain a node"));
  CHECK(x.shows("Bars:"));
  x.type("?");
  CHECK_FALSE(x.aut.open_pane());
  CHECK_FALSE(x.aut.over());
  x.type("q");
  CHECK(x.aut.over());
}

TEST_CASE("ctrl-c leaves from anywhere") {
  fixture x;
  x.type("2s");
  x.press(key::code::quit);
  CHECK(x.aut.over());
}

TEST_CASE("no keys in any order break the screen") {
  fixture x;
  uint64_t random = 42;
  constexpr std::string_view letters = "123456qjkgGwltducsrnb/oO?yY0 fx";
  for (int i = 0; i < 20'000; ++i) {
    random = random * 6364136223846793005u + 1442695040888963407u;
    auto pick = random >> 33;
    if (pick % 3 == 0)
      x.aut.press({static_cast<key::code>(1 + pick / 3 % 13)});
    else
      x.aut.press(
        {key::code::text, std::string(1, letters[pick / 3 % letters.size()])});
    if (i % 50 == 0)
      x.aut.resize(40 + pick % 60, 8 + pick % 20);
    if (i % 20 == 0)
      CHECK(x.aut.draw().height() >= 8);
  }
}

TEST_CASE("long texts are wrapped at blanks") {
  using lines = std::vector<std::string>;
  CHECK(wrapped("one two three", 7) == lines{"one two", "three"});
  CHECK(wrapped("one two three", 0) == lines{"one two three"});
  CHECK(wrapped("abcdefgh ij", 4) == lines{"abcd", "efgh", "ij"});
  CHECK(wrapped("", 5) == lines{""});
  CHECK(wrapped("\xe6\x9d\xb1\xe4\xba\xac", 1).size() == 2);
  look narrow{.width = 30};
  CHECK(key_lines({{"Reason", "there is not enough memory for it"}}, narrow)
        == "Reason:  there is not enough\n"
           "         memory for it\n");
}
