#include <fmt/format.h>

#include "tools/troupe/table.hpp"
#include "tools/troupe/verbs.hpp"
#include "tools/troupe/writing.hpp"

namespace troupe::tools {

int run_label(int argc, char** argv) {
  writing x;
  std::string node;
  std::vector<std::string> changes;
  command_line line{"label", "Sets and removes labels of a node"};
  line.word("NODE", node, "name of the node");
  line.words("NAME=VALUE|NAME-", 1, changes,
             "a label to set; with a dash at the end, one to remove");
  declare(line, x);
  line.example("troupe label n1 zone=us-east gpu-", "sets one, removes one");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  boost::json::object labels;
  for (auto& change : changes) {
    if (auto pair = split_pair(change))
      labels[pair->first] = pair->second;
    else if (change.size() > 1 && change.ends_with('-'))
      labels[change.substr(0, change.size() - 1)] = nullptr;
    else
      return finish(line.wrong(fmt::format(
        "\"{}\" should be NAME=VALUE, or NAME- to remove it", inert(change))));
  }
  auto answer = rest{x.to}.call("PATCH", x.mark(url{"/v1/nodes"} / node),
                                boost::json::object{{"labels", labels}});
  if (!answer)
    return report(answer.error());
  x.tell(fmt::format("node {}: labels changed", node));
  return exit_code::done;
}

} // namespace troupe::tools
