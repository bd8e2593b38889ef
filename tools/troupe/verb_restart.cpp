#include "tools/troupe/verbs.hpp"
#include "tools/troupe/writing.hpp"

namespace troupe::tools {

int run_restart(int argc, char** argv) {
  writing x;
  std::vector<std::string> names;
  command_line line{"restart", "Stops jobs or tasks and places them anew"};
  line.words("NAME", 1, names, "names of jobs, or of tasks such as web.0");
  declare(line, x);
  line.example("troupe restart web.0", "stops one task and starts it again");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  return act_on_jobs_or_tasks(x, names, "restart", "restarting");
}

} // namespace troupe::tools
