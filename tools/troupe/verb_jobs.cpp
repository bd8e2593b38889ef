#include "tools/troupe/output.hpp"
#include "tools/troupe/verbs.hpp"

namespace troupe::tools {

int run_jobs(int argc, char** argv) {
  connection to;
  output how;
  listing x{.target = url{"/v1/jobs"},
            .key = "name",
            .show = show_jobs,
            .nothing
            = "There are no jobs. Submit one: troupe run --image nginx:alpine"};
  std::vector<std::string> kinds;
  std::vector<std::string> states;
  std::vector<std::string> labels;
  command_line line{"jobs", "Lists jobs"};
  line.option("--kind", "KIND", kinds, "only service, batch or system");
  line.option("--state", "STATE", states,
              "only in this state; may be repeated");
  line.option("-l,--label", "NAME=VALUE", labels,
              "only with this label; NAME alone for any value");
  declare(line, x);
  declare(line, how);
  declare(line, to);
  line.example("troupe jobs --state pending -o wide",
               "jobs that wait, with all there is to know");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  if (!kinds.empty() || !states.empty() || !labels.empty())
    x.nothing = "No job matches. All there are: troupe jobs";
  for (auto& value : kinds)
    x.target = x.target.with("kind", value);
  for (auto& value : states)
    x.target = x.target.with("state", value);
  for (auto& value : labels)
    x.target = x.target.with("label", value);
  return print_list(rest{to}, x, how);
}

} // namespace troupe::tools
