#include "tools/troupe/output.hpp"
#include "tools/troupe/verbs.hpp"

namespace troupe::tools {

int run_gangs(int argc, char** argv) {
  connection to;
  output how;
  listing x{.target = url{"/v1/gangs"},
            .key = "name",
            .show = show_gangs,
            .nothing = "There are no gangs."};
  command_line line{"gangs",
                    "Lists gangs: tasks that start together or not at all"};
  declare(line, x);
  declare(line, how);
  declare(line, to);
  line.example("troupe gangs", "which gangs run, and what the others wait for");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  return print_list(rest{to}, x, how);
}

} // namespace troupe::tools
