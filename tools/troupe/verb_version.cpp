#include <fmt/format.h>

#include "tools/troupe/command_line.hpp"
#include "tools/troupe/output.hpp"
#include "tools/troupe/verbs.hpp"

namespace troupe::tools {

int run_version(int argc, char** argv) {
  command_line line{"version", "Shows the version of this program"};
  line.example("troupe version", "one line, such as `troupe 0.1.0`");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  print(fmt::format("troupe {}\n", TROUPE_VERSION));
  return exit_code::done;
}

} // namespace troupe::tools
