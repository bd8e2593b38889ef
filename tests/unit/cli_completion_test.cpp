#include <array>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "tools/troupe/command_line.hpp"
#include "tools/troupe/completion.hpp"

using namespace troupe::tools;

namespace {

using words = std::vector<std::string>;

/// A verb's help as this program writes it.
std::string help_of(const std::string& verb) {
  static constexpr std::array<std::string_view, 2> formats{"table", "json"};
  command_line line{verb, "Does it"};
  std::string text;
  words several;
  bool flag = false;
  std::string format;
  if (verb == "stop" || verb == "why")
    line.words("NAME", 1, several, "names");
  if (verb == "job")
    line.word("JOB", text, "the job");
  if (verb == "scale")
    line.words("JOB=COUNT", 1, several, "counts");
  if (verb == "label") {
    line.word("NODE", text, "the node");
    line.words("NAME=VALUE|NAME-", 1, several, "labels");
  }
  if (verb == "run") {
    line.words("FILE", 0, several, "files");
    line.rest("COMMAND", several, "what to run");
  }
  if (verb == "events")
    line.option("--types", "TYPE,TYPE", several, "only these");
  line.flag("-f,--follow", flag, "go on");
  line.option("--node", "NODE", text, "only there");
  line.option("--state", "STATE", text, "only those");
  line.choice("-o,--output", formats, format, "how to print");
  return line.help();
}

completion offered(const words& line) {
  completion_sources from;
  from.verbs = {{"job", "show a job"}, {"jobs", "list jobs"}, {"stop", "stop"}};
  from.help = help_of;
  from.names = [](named what, const std::string&) {
    std::map<named, words> all{{named::jobs, {"web", "worker"}},
                               {named::tasks, {"web.0", "web.1"}},
                               {named::nodes, {"n1", "n2"}}};
    return all[what];
  };
  return complete(line, from);
}

words words_for(const words& line) {
  words result;
  for (auto& x : offered(line).offers)
    result.push_back(x.word);
  return result;
}

} // namespace

TEST_CASE("the first word is a verb, with what it does") {
  CHECK(offered({"jo"}).offers
        == std::vector<offer>{{"job", "show a job"}, {"jobs", "list jobs"}});
  CHECK(words_for({"--address", "http://x", "st"}) == words{"stop"});
  CHECK(words_for({"--address=http://x", "st"}) == words{"stop"});
  CHECK(words_for({"--ver"}) == words{"--version"});
}

TEST_CASE("what a verb takes is what its help says") {
  CHECK(words_for({"stop", ""}) == words{"web", "worker", "web.0", "web.1"});
  CHECK(words_for({"why", "n"}) == words{"n1", "n2"});
  CHECK(words_for({"job", "wo"}) == words{"worker"});
  CHECK(words_for({"scale", "we"}) == words{"web="});
  CHECK(words_for({"label", ""}) == words{"n1", "n2"});
}

TEST_CASE("a word that can stand only once is not offered twice") {
  CHECK(words_for({"job", "web", ""}).empty());
  CHECK(words_for({"stop", "web", "w"}) == words{"worker", "web.0", "web.1"});
  CHECK(words_for({"label", "n1", ""}).empty());
}

TEST_CASE("options and their values are offered where they can stand") {
  CHECK(words_for({"stop", "--f"}) == words{"--follow"});
  CHECK(offered({"stop", "--f"}).offers.front().meaning == "go on");
  CHECK(words_for({"stop", "-o", ""}) == words{"table", "json"});
  CHECK(words_for({"stop", "--output=js"}) == words{"--output=json"});
  CHECK(words_for({"stop", "--node", ""}) == words{"n1", "n2"});
  // A flag takes none: the next word is the verb's own.
  CHECK(words_for({"job", "-f", "we"}) == words{"web"});
  CHECK(words_for({"job", "--node", "n1", "we"}) == words{"web"});
}

TEST_CASE("words that help names only in general are known by verb") {
  CHECK(words_for({"nodes", "--state", "un"}) == words{"unhealthy"});
  CHECK(words_for({"tasks", "--state", "c"}) == words{"cached"});
  CHECK(words_for({"events", "--types", "taskEnded,nodeRe"})
        == words{"taskEnded,nodeReady", "taskEnded,nodeRemoved"});
}

TEST_CASE("files are offered where files can stand") {
  CHECK(offered({"run", ""}).files);
  CHECK_FALSE(offered({"job", ""}).files);
  auto behind = offered({"run", "--", "ec"});
  CHECK(behind.files);
  CHECK(behind.offers.empty());
}

TEST_CASE("plans know their own words") {
  CHECK(words_for({"plan", "l"}) == words{"lose"});
  CHECK(words_for({"plan", "drain", ""}) == words{"n1", "n2"});
}

TEST_CASE("help of daemons is read as well") {
  auto usage = read_usage("Runs it.\n"
                          "Usage: troupe up [OPTIONS]\n"
                          "\n"
                          "Options:\n"
                          "  -h,--help           Print this\n"
                          "  --data TEXT (Env:TROUPE_DATA)\n"
                          "                      Directory for all\n"
                          "  --nodes UINT=1 (Env:TROUPE_NODES)\n"
                          "                      How many\n"
                          "  --keep-tasks        Leave them\n");
  REQUIRE(usage.options.size() == 4);
  CHECK(usage.words.empty());
  CHECK(usage.options[0].names == words{"-h", "--help"});
  CHECK(usage.options[0].value.empty());
  CHECK(usage.options[1].value == "TEXT");
  CHECK(usage.options[1].meaning == "Directory for all");
  CHECK(usage.options[2].value == "UINT");
  CHECK(usage.options[3].value.empty());
  CHECK(usage.options[3].meaning == "Leave them");
}

TEST_CASE("nothing is offered where nothing is known") {
  CHECK(words_for({"nonsense", ""}).empty());
  CHECK(words_for({"--address"}) == words{"--address"});
  CHECK(words_for({"--address", ""}).empty());
}

TEST_CASE("there is a script for each shell and none for others") {
  for (auto shell : {"bash", "zsh", "fish"})
    CHECK(completion_script(shell).find("completion --offer --")
          != std::string_view::npos);
  CHECK(completion_script("csh").empty());
}
