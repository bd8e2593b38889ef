#include "tools/troupe/output.hpp"
#include "tools/troupe/verbs.hpp"

namespace troupe::tools {

int run_node_shown(int argc, char** argv) {
  // A screenful. `troupe tasks --node` shows all.
  constexpr uint64_t tasks_max = 50;
  connection to;
  output how;
  std::string name;
  command_line line{"node", "Shows a node in full"};
  line.word("NODE", name, "name of the node");
  declare(line, how);
  declare(line, to);
  line.example("troupe node n1", "what it has, what is free, what runs there");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  rest controller{to};
  auto node = controller.get(url{"/v1/nodes"} / name);
  if (!node)
    return report(node.error());
  json_value tasks;
  if (how.format == "table" || how.format == "wide")
    if (auto list = fetch_list(controller, url{"/v1/tasks"}.with("node", name),
                               tasks_max))
      tasks = field(*list, "items");
  return print_one(*node, how, "name",
                   [&](const screen& s) { return show_node(*node, tasks, s); });
}

} // namespace troupe::tools
