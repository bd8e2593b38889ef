#include "tools/troupe/verbs.hpp"
#include "tools/troupe/writing.hpp"

namespace troupe::tools {

int run_uncordon(int argc, char** argv) {
  writing x;
  std::vector<std::string> names;
  command_line line{"uncordon",
                    "Lets nodes take work again, after a cordon or a drain"};
  line.words("NODE", 1, names, "names of nodes");
  declare(line, x);
  line.example("troupe uncordon n1",
               "undoes a cordon or a drain, also one that goes on");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  return act_on_nodes(x, names, "uncordon", "takes work again");
}

} // namespace troupe::tools
