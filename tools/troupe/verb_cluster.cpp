#include "tools/troupe/output.hpp"
#include "tools/troupe/verbs.hpp"

namespace troupe::tools {

int run_cluster(int argc, char** argv) {
  connection to;
  output how;
  command_line line{"cluster", "Shows totals of the cluster"};
  declare(line, how);
  declare(line, to);
  line.example("troupe cluster",
               "nodes, jobs and tasks by state; what is free");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  auto answer = rest{to}.get(url{"/v1/cluster"});
  if (!answer)
    return report(answer.error());
  return print_one(*answer, how, "id",
                   [&](const screen& s) { return show_cluster(*answer, s); });
}

} // namespace troupe::tools
