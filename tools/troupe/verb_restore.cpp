#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "runtime/backup.hpp"

#include "tools/troupe/output.hpp"
#include "tools/troupe/table.hpp"
#include "tools/troupe/verbs.hpp"

namespace troupe::tools {

int run_restore(int argc, char** argv) {
  namespace fs = std::filesystem;
  std::string path;
  std::string data;
  command_line line{"restore",
                    "Makes an empty data directory hold what a backup holds"};
  line.word("FILE", path, "what `troupe backup` wrote");
  line.option("--data", "DIR", data, "the data directory of the controller");
  line.example("troupe restore troupe.bak --data /var/lib/troupe",
               "then start: troupe controller --data /var/lib/troupe");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  if (data.empty())
    return finish(line.wrong("needs --data, the directory that it fills"));
  std::ifstream file{path, std::ios::binary};
  if (!file)
    return report(
      {exit_code::bad_input,
       fmt::format("cannot read {}: {}", inert(path), std::strerror(errno))});
  std::string bytes{std::istreambuf_iterator<char>{file}, {}};
  std::error_code error;
  fs::create_directories(data, error);
  if (error)
    return report({exit_code::no, fmt::format("cannot make {}: {}", inert(data),
                                              error.message())});
  auto made = runtime::restore_backup(bytes, fs::path{data} / "journal.db");
  if (!made)
    return report({exit_code::no, inert(made.error())});
  fmt::print(stderr,
             "restored version {}: {} job{}, {} node{}, state {:016x}\n"
             "Start it: troupe controller --data {}\n",
             made->version, made->jobs, made->jobs == 1 ? "" : "s", made->nodes,
             made->nodes == 1 ? "" : "s", made->digest, inert(data));
  return exit_code::done;
}

} // namespace troupe::tools
