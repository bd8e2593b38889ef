#include "tools/troupe/verbs.hpp"
#include "tools/troupe/writing.hpp"

namespace troupe::tools {

int run_stop(int argc, char** argv) {
  writing x;
  std::vector<std::string> names;
  command_line line{"stop", "Stops jobs or tasks"};
  line.words("NAME", 1, names, "names of jobs, or of tasks such as web.0");
  declare(line, x);
  line.example("troupe stop web",
               "stops all tasks of the job; its history stays");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  return act_on_jobs_or_tasks(x, names, "stop", "stopping");
}

} // namespace troupe::tools
