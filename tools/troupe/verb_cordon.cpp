#include "tools/troupe/verbs.hpp"
#include "tools/troupe/writing.hpp"

namespace troupe::tools {

int run_cordon(int argc, char** argv) {
  writing x;
  std::vector<std::string> names;
  command_line line{"cordon",
                    "Places nothing more on nodes; what runs there goes on"};
  line.words("NODE", 1, names, "names of nodes");
  declare(line, x);
  line.example("troupe cordon n1 n2", "keeps new tasks away from two nodes");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  return act_on_nodes(x, names, "cordon", "cordoned");
}

} // namespace troupe::tools
