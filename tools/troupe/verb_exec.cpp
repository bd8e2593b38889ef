#include <fmt/format.h>

#include "tools/troupe/output.hpp"
#include "tools/troupe/verbs.hpp"

namespace troupe::tools {

int run_exec(int argc, char** argv) {
  connection to;
  std::string task;
  std::vector<std::string> command;
  command_line line{"exec", "Runs a command beside a task, in its container"};
  line.word("TASK", task, "such as web.0");
  line.rest("COMMAND", command, "what to run, with its arguments");
  declare(line, to);
  line.example("troupe exec web.0 -- ls -l /", "exits as the command did");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  if (command.empty())
    return finish(line.wrong("needs a command after --, as in `troupe exec "
                             "web.0 -- ls`"));
  boost::json::array words;
  for (auto& word : command)
    words.push_back(boost::json::value(word));
  auto answer = rest{to}.call("POST", url{"/v1/tasks"} / task / "exec",
                              boost::json::object{{"command", words}});
  if (!answer)
    return report(answer.error());
  auto written = text(*answer, "output");
  print(stdout_is_terminal() ? inert_output(written) : written);
  if (auto error = text(*answer, "error"); !error.empty())
    return report({exit_code::no, inert(error)});
  return static_cast<int>(whole(*answer, "exitCode") & 0xff);
}

} // namespace troupe::tools
