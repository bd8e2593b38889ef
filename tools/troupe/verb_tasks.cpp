#include "tools/troupe/output.hpp"
#include "tools/troupe/verbs.hpp"

namespace troupe::tools {

int run_tasks(int argc, char** argv) {
  connection to;
  output how;
  listing x{.target = url{"/v1/tasks"},
            .key = "id",
            .show = show_tasks,
            .nothing = "There are no such tasks."};
  std::vector<std::string> jobs;
  std::vector<std::string> states;
  std::vector<std::string> nodes;
  std::vector<std::string> labels;
  command_line line{"tasks", "Lists tasks"};
  line.option("--job", "JOB", jobs, "only of this job");
  line.option("--state", "STATE", states,
              "only in this state; may be repeated");
  line.option("--node", "NODE", nodes, "only on this node");
  line.option("-l,--label", "NAME=VALUE", labels,
              "only with this label; NAME alone for any value");
  declare(line, x);
  declare(line, how);
  declare(line, to);
  line.example("troupe tasks --job web -o wide",
               "tasks of a job: where they run, since when");
  line.example("troupe tasks --node n1 -o name",
               "names of the tasks on a node, for scripts");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  for (auto& value : jobs)
    x.target = x.target.with("job", value);
  for (auto& value : states)
    x.target = x.target.with("state", value);
  for (auto& value : nodes)
    x.target = x.target.with("node", value);
  for (auto& value : labels)
    x.target = x.target.with("label", value);
  return print_list(rest{to}, x, how);
}

} // namespace troupe::tools
