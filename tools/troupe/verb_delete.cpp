#include <fmt/format.h>

#include "tools/troupe/verbs.hpp"
#include "tools/troupe/writing.hpp"

namespace troupe::tools {

int run_delete(int argc, char** argv) {
  writing x;
  std::vector<std::string> names;
  command_line line{"delete", "Stops jobs and forgets them with their history"};
  line.words("JOB", 1, names, "names of jobs");
  declare(line, x);
  line.example("troupe delete web", "stops the job; nothing of it is kept");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  rest controller{x.to};
  int result = exit_code::done;
  for (auto& name : names) {
    auto answer = controller.call("DELETE", x.mark(url{"/v1/jobs"} / name));
    if (answer)
      x.tell(fmt::format("job {}: deleted", name));
    else if (auto code = report(answer.error()); result == exit_code::done)
      result = code;
  }
  return result;
}

} // namespace troupe::tools
