#include <array>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include "tools/troupe/command_line.hpp"
#include "tools/troupe/exit_code.hpp"
#include "tools/troupe/run_flags.hpp"
#include "tools/troupe/verbs.hpp"

using namespace troupe;
using namespace troupe::tools;

namespace {

/// A verb that takes one of everything.
struct fixture {
  std::string job;
  std::vector<std::string> labels;
  std::optional<uint64_t> limit;
  std::string format = "table";
  std::vector<std::string> command;
  bool follow = false;
  command_line aut{"look", "Looks at something"};

  fixture() {
    static constexpr std::array<std::string_view, 2> formats{"table", "json"};
    aut.word("JOB", job, "name of the job");
    aut.option("-l,--label", "NAME=VALUE", labels, "a label");
    aut.option("--limit", "N", limit, "at most");
    aut.choice("-o,--output", formats, format, "how to print");
    aut.flag("-f,--follow", follow, "go on");
    aut.rest("COMMAND", command, "what to run");
    aut.example("troupe look web", "looks at web");
  }

  std::string error(std::vector<std::string> arguments) {
    auto end = aut.parse(std::move(arguments));
    REQUIRE(end.has_value());
    CHECK(end->code == exit_code::bad_input);
    CHECK(end->out.empty());
    return end->err.substr(0, end->err.find('\n'));
  }
};

bool node_daemon(std::vector<std::string> words) {
  words.insert(words.begin(), "node");
  std::vector<char*> argv;
  for (auto& word : words)
    argv.push_back(word.data());
  return is_node_daemon(static_cast<int>(argv.size()), argv.data());
}

} // namespace

TEST_CASE("options stand before, between and behind words") {
  fixture x;
  CHECK_FALSE(x.aut.parse(
    {"-l", "a=b", "web", "--limit=5", "-fo", "json", "--label", "c=d"}));
  CHECK(x.job == "web");
  CHECK(x.labels == std::vector<std::string>{"a=b", "c=d"});
  CHECK(x.limit == 5u);
  CHECK(x.format == "json");
  CHECK(x.follow);
}

TEST_CASE("what follows two dashes is left as it is") {
  fixture x;
  CHECK_FALSE(x.aut.parse({"web", "--", "ls", "-l", "--", "--limit"}));
  CHECK(x.command == std::vector<std::string>{"ls", "-l", "--", "--limit"});
}

TEST_CASE("an option takes one value and not the words behind it") {
  fixture x;
  CHECK_FALSE(x.aut.parse({"--label", "a=b", "web"}));
  CHECK(x.job == "web");
}

TEST_CASE("a wrong command line is told with the nearest that is right") {
  CHECK(fixture{}.error({"web", "--limt", "3"})
        == "troupe look: unknown option --limt; did you mean --limit?");
  CHECK(fixture{}.error({"web", "--zzzzzz"})
        == "troupe look: unknown option --zzzzzz");
  CHECK(fixture{}.error({}) == "troupe look: JOB is missing");
  CHECK(fixture{}.error({"web", "db"})
        == "troupe look: \"db\" is one word too many");
  CHECK(fixture{}.error({"web", "--limit"})
        == "troupe look: --limit needs a value");
  CHECK(fixture{}.error({"web", "--limit", "-1"})
        == "troupe look: --limit must be a whole number from 0, not \"-1\"");
  CHECK(fixture{}.error({"web", "-o", "xml"})
        == "troupe look: --output must be one of table, json, not \"xml\"");
}

TEST_CASE("errors hold no control characters of the command line") {
  auto error = fixture{}.error({"web", "--\x1b[31m"});
  CHECK(error.find('\x1b') == std::string::npos);
}

TEST_CASE("help names everything that is taken, with an example") {
  fixture x;
  auto end = x.aut.parse({"--help"});
  REQUIRE(end);
  CHECK(end->code == exit_code::done);
  for (auto part : {"Looks at something.", "JOB", "-l, --label NAME=VALUE",
                    "--limit N", "table|json", "troupe look web", "COMMAND"})
    CHECK_MESSAGE(end->out.find(part) != std::string::npos, part);
}

TEST_CASE("two letters that changed places are one mistake") {
  std::vector<std::string> known{"jobs", "job", "logs"};
  CHECK(nearest_word("jbos", known) == "jobs");
  CHECK(nearest_word("lgos", known) == "logs");
  CHECK_FALSE(nearest_word("restart", known));
  CHECK_FALSE(nearest_word("", known));
}

TEST_CASE("every verb can be found, has a summary and no other's name") {
  size_t count = 0;
  for (auto& group : verb_groups())
    for (auto& x : group.verbs) {
      ++count;
      CHECK(find_verb(x.name) == &x);
      CHECK_FALSE(x.summary.empty());
      CHECK(help_text().find(x.name) != std::string::npos);
    }
  CHECK(count > 20);
  CHECK(find_verb("") == nullptr);
}

TEST_CASE("node shows a node if it names one, and else is one") {
  CHECK_FALSE(node_daemon({"n1"}));
  CHECK_FALSE(node_daemon({"-o", "json", "n1"}));
  CHECK_FALSE(node_daemon({"--address=http://x", "n1", "-o", "wide"}));
  CHECK(node_daemon({}));
  CHECK(node_daemon({"--controller", "127.0.0.1:4641"}));
  CHECK(node_daemon({"--name", "n1"}));
}

TEST_CASE("flags become the job that a file would hold") {
  run_flags x;
  x.image = "nginx";
  x.cpu = "250m";
  x.count = 3;
  x.priority = "-5";
  x.env = {"A=1", "B=x=y", "C="};
  x.requires_ = {"gpu", "zone=a", "zone=b", "disk!=hdd"};
  x.prefers = {"zone=a:-20", "host=a:b"};
  x.ports = {"http=80", "8080:443", "9000"};
  x.volumes = {"/data:/mnt:ro"};
  auto job = job_of(x);
  REQUIRE(job);
  CHECK(*job == boost::json::parse(R"({
    "image": "nginx", "env": {"A": "1", "B": "x=y", "C": ""}, "cpu": "250m",
    "count": 3, "priority": "-5",
    "requires": {"gpu": "*", "zone": ["a", "b"], "disk": "!hdd"},
    "prefers": [{"label": "zone", "value": "a", "weight": -20},
                {"label": "host", "value": "a:b"}],
    "ports": {"http": 80, "port-443": {"container": 443, "host": 8080},
              "port-9000": 9000},
    "volumes": [{"host": "/data", "path": "/mnt", "readOnly": true}]})"));
}

TEST_CASE("all wrong flags are told at once, each by its own name") {
  run_flags x;
  x.image = "nginx";
  x.cpu = "much";
  x.memory_limit = "1";
  auto job = job_of(x);
  REQUIRE_FALSE(job);
  CHECK(job.error().code == exit_code::bad_input);
  CHECK(job.error().text.find("--cpu: ") != std::string::npos);
  CHECK(job.error().text.find("--memory-limit: ") != std::string::npos);

  run_flags y;
  y.image = "nginx";
  y.ports = {"http=eighty"};
  y.env = {"PATH"};
  auto other = job_of(y);
  REQUIRE_FALSE(other);
  CHECK(other.error().text.find("--port: \"http=eighty\"")
        != std::string::npos);
  CHECK(other.error().text.find("--env: \"PATH\"") != std::string::npos);
}

TEST_CASE("no flags are no job") {
  CHECK_FALSE(any({}));
  run_flags x;
  x.image = "nginx";
  CHECK(any(x));
}
