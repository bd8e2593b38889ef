#include "tools/troupe/output.hpp"
#include "tools/troupe/verbs.hpp"

namespace troupe::tools {

int run_job(int argc, char** argv) {
  // A screenful. `troupe tasks --job` shows all.
  constexpr uint64_t tasks_max = 50;
  connection to;
  output how;
  std::string name;
  command_line line{"job", "Shows a job in full"};
  line.word("JOB", name, "name of the job");
  declare(line, how);
  declare(line, to);
  line.example("troupe job web", "its state, spec and tasks");
  line.example("troupe job web -o json", "the same, for programs");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  rest controller{to};
  auto job = controller.get(url{"/v1/jobs"} / name);
  if (!job)
    return report(job.error());
  json_value tasks;
  if (how.format == "table" || how.format == "wide")
    if (auto list
        = fetch_list(controller, url{"/v1/tasks"}.with("job", name), tasks_max))
      tasks = field(*list, "items");
  return print_one(*job, how, "name",
                   [&](const screen& s) { return show_job(*job, tasks, s); });
}

} // namespace troupe::tools
