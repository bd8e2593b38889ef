#include <fmt/format.h>

#include "tools/troupe/drain.hpp"
#include "tools/troupe/table.hpp"
#include "tools/troupe/verbs.hpp"
#include "tools/troupe/writing.hpp"

namespace troupe::tools {

int run_drain(int argc, char** argv) {
  writing x;
  std::vector<std::string> names;
  std::string deadline;
  bool no_wait = false;
  command_line line{"drain",
                    "Moves the tasks of nodes elsewhere, and places nothing "
                    "more there"};
  line.words("NODE", 1, names, "names of nodes");
  line.option("--deadline", "DURATION", deadline,
              "stop what is left by then, such as 10m [1h]");
  line.flag("--no-wait", no_wait, "do not wait until the nodes are empty");
  declare(line, x);
  line.example("troupe drain n1",
               "waits until nothing runs there but tasks of system jobs");
  line.example("troupe drain n1 n2 --deadline 10m --no-wait",
               "begins to empty two nodes; `troupe nodes` shows how far");
  line.example("troupe uncordon n1", "undoes it");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  json_value body;
  if (!deadline.empty())
    body = boost::json::object{{"deadline", deadline}};
  rest controller{x.to};
  std::vector<std::string> begun;
  int result = exit_code::done;
  for (auto& name : names) {
    auto answer = controller.call(
      "POST", x.mark(url{"/v1/nodes"} / name / "drain"), body);
    if (!answer) {
      auto code = report(answer.error());
      result = result == exit_code::done ? code : result;
      continue;
    }
    x.tell(
      fmt::format("node {0}: draining; `troupe uncordon {0}` undoes it", name));
    begun.push_back(name);
  }
  if (no_wait || x.dry_run || begun.empty())
    return result;
  auto code = wait_for_drains(controller, begun);
  return result == exit_code::done ? code : result;
}

} // namespace troupe::tools
