#include <algorithm>

#include <fmt/format.h>

#include "tools/troupe/machine.hpp"
#include "tools/troupe/output.hpp"
#include "tools/troupe/verbs.hpp"

namespace troupe::tools {

namespace {

struct doctor_options {
  std::string docker = "unix:///var/run/docker.sock";
  std::string data = "/var/lib";
  output how;
};

std::string show(const std::vector<finding>& findings, const screen& s) {
  size_t width = 0;
  for (auto& x : findings)
    width = std::max(width, x.subject.size());
  std::string result;
  for (auto& x : findings) {
    auto tone = x.verdict == health_verdict::fine      ? tone::good
                : x.verdict == health_verdict::missing ? tone::bad
                                                       : tone::waiting;
    result += fmt::format(
      "{}  {:<{}}  {}\n",
      painted(fmt::format("{:<7}", word_of(x.verdict)), tone, s.l), x.subject,
      width, inert(x.detail));
    if (!x.remedy.empty())
      result += fmt::format("{:<9}{:<{}}  -> {}\n", "", "", width, x.remedy);
  }
  return result;
}

json_value json_of(const std::vector<finding>& findings) {
  boost::json::array items;
  for (auto& x : findings)
    items.push_back(boost::json::object{{"subject", x.subject},
                                        {"verdict", word_of(x.verdict)},
                                        {"detail", x.detail},
                                        {"remedy", x.remedy}});
  return boost::json::object{{"items", std::move(items)}};
}

} // namespace

int run_doctor(int argc, char** argv) {
  doctor_options x;
  if (auto* docker = std::getenv("TROUPE_DOCKER"))
    x.docker = docker;
  command_line line{"doctor", "Says what is missing on this machine, and the "
                              "command that mends it"};
  line.option("--docker", "URL", x.docker,
              "the engine to look for [TROUPE_DOCKER, "
              "unix:///var/run/docker.sock]");
  line.option("--data", "DIR", x.data, "where data is to be kept [/var/lib]");
  declare(line, x.how);
  line.example("troupe doctor", "exits with 1 if something is missing");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  auto findings = examine_machine({.docker = x.docker, .data = x.data});
  auto list = json_of(findings);
  if (x.how.format == "json")
    print(pretty_json(list));
  else if (x.how.format == "jsonl" || x.how.format == "name")
    for (auto& each : elements(field(list, "items")))
      print((x.how.format == "name" ? text(each, "subject") : line_json(each))
            + '\n');
  else
    print(show(findings, screen_of_stdout()));
  auto missing = std::any_of(findings.begin(), findings.end(), [](auto& y) {
    return y.verdict == health_verdict::missing;
  });
  return missing ? exit_code::no : exit_code::done;
}

} // namespace troupe::tools
