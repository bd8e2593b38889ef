#include "tools/troupe/output.hpp"
#include "tools/troupe/verbs.hpp"
#include "tools/troupe/writing.hpp"

namespace troupe::tools {

namespace {

std::string_view path_of(thing_kind x) {
  switch (x) {
  case thing_kind::job:
    return "/v1/jobs";
  case thing_kind::task:
    return "/v1/tasks";
  case thing_kind::node:
    return "/v1/nodes";
  }
  return "";
}

} // namespace

int run_why(int argc, char** argv) {
  connection to;
  output how;
  std::string name;
  command_line line{"why",
                    "Says why something waits, runs there, moved or ended, and "
                    "what would help"};
  line.word("NAME", name, "a job, a task such as web.0, or a node");
  declare(line, how);
  declare(line, to);
  line.example("troupe why web", "what its first waiting task waits for");
  line.example("troupe why n1", "what a node says to the tasks that wait");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  rest controller{to};
  auto found = find_thing(controller, name, search::nodes_as_well);
  if (!found)
    return report(found.error());
  auto why = controller.get(url{path_of(found->kind)} / name / "why");
  if (!why)
    return report(why.error());
  return print_one(*why, how, found->kind == thing_kind::node ? "node" : "task",
                   [&](const screen& s) { return show_why(*why, s); });
}

} // namespace troupe::tools
