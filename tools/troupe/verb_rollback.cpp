#include <fmt/format.h>

#include "tools/troupe/table.hpp"
#include "tools/troupe/verbs.hpp"
#include "tools/troupe/wait.hpp"
#include "tools/troupe/writing.hpp"

namespace troupe::tools {

int run_rollback(int argc, char** argv) {
  writing x;
  std::vector<std::string> names;
  bool wait = false;
  command_line line{"rollback",
                    "Takes jobs back to the last other spec that ran well"};
  line.words("JOB", 1, names, "names of jobs");
  line.flag("--wait", wait, "until all tasks run as they did before");
  declare(line, x);
  line.example("troupe rollback web", "undoes the last update of a job");
  line.example("troupe job web", "shows which version it is at");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  rest controller{x.to};
  std::vector<std::string> begun;
  int result = exit_code::done;
  for (auto& name : names) {
    auto answer
      = controller.call("POST", x.mark(url{"/v1/jobs"} / name / "rollback"));
    if (!answer) {
      auto code = report(answer.error());
      result = result == exit_code::done ? code : result;
      continue;
    }
    x.tell(fmt::format(
      "job {}: going back to the last other spec that ran well", name));
    begun.push_back(name);
  }
  if (!wait || x.dry_run || begun.empty())
    return result;
  auto code = wait_for_jobs(controller, begun);
  return result == exit_code::done ? code : result;
}

} // namespace troupe::tools
