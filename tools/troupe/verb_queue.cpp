#include "tools/troupe/output.hpp"
#include "tools/troupe/verbs.hpp"

namespace troupe::tools {

int run_queue(int argc, char** argv) {
  connection to;
  output how;
  listing x{.target = url{"/v1/queue"},
            .key = "job",
            .show = show_queue,
            .nothing = "Nothing waits."};
  command_line line{
    "queue", "Lists what waits for a place, in the order in which it is tried"};
  declare(line, x);
  declare(line, how);
  declare(line, to);
  line.example("troupe queue --limit 10", "the ten jobs that are next");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  return print_list(rest{to}, x, how);
}

} // namespace troupe::tools
