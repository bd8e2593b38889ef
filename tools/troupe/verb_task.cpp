#include "tools/troupe/output.hpp"
#include "tools/troupe/verbs.hpp"

namespace troupe::tools {

int run_task(int argc, char** argv) {
  connection to;
  output how;
  std::string name;
  command_line line{"task", "Shows a task in full, with all its attempts"};
  line.word("TASK", name, "such as web.0");
  declare(line, how);
  declare(line, to);
  line.example("troupe task web.0", "where it runs, and what became of it");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  auto task = rest{to}.get(url{"/v1/tasks"} / name);
  if (!task)
    return report(task.error());
  return print_one(*task, how, "id",
                   [&](const screen& s) { return show_task(*task, s); });
}

} // namespace troupe::tools
