#include "tools/troupe/output.hpp"
#include "tools/troupe/verbs.hpp"

namespace troupe::tools {

int run_nodes(int argc, char** argv) {
  connection to;
  output how;
  listing x{
    .target = url{"/v1/nodes"},
    .key = "name",
    .show = show_nodes,
    .nothing
    = "There are no nodes. Join one: troupe node --controller HOST:4641"};
  std::vector<std::string> states;
  std::vector<std::string> labels;
  command_line line{"nodes", "Lists nodes"};
  line.option("--state", "STATE", states, "only ready, unhealthy or removed");
  line.option("-l,--label", "NAME=VALUE", labels,
              "only with this label; NAME alone for any value");
  declare(line, x);
  declare(line, how);
  declare(line, to);
  line.example("troupe nodes --label zone=us-east", "nodes of a zone");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  if (!states.empty() || !labels.empty())
    x.nothing = "No node matches. All there are: troupe nodes";
  for (auto& value : states)
    x.target = x.target.with("state", value);
  for (auto& value : labels)
    x.target = x.target.with("label", value);
  return print_list(rest{to}, x, how);
}

} // namespace troupe::tools
