#include <fmt/format.h>

#include "tools/troupe/output.hpp"
#include "tools/troupe/verbs.hpp"

namespace troupe::tools {

int run_help(int argc, char** argv) {
  std::string name;
  command_line line{"help", "Shows all verbs, or the help of one"};
  line.optional_word("VERB", name, "what to explain");
  line.example("troupe help run", "the same as `troupe run --help`");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  if (name.empty()) {
    print(help_text());
    return exit_code::done;
  }
  std::string program = "troupe";
  std::string option = "--help";
  char* words[] = {program.data(), name.data(), option.data(), nullptr};
  return run_command_line(3, words);
}

} // namespace troupe::tools
