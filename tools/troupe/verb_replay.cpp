#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <fmt/format.h>

#include "runtime/backup.hpp"
#include "runtime/rehearsal/recording.hpp"
#include "runtime/rehearsal/replay.hpp"
#include "runtime/rehearsal/what_if.hpp"

#include "tools/troupe/output.hpp"
#include "tools/troupe/verbs.hpp"

namespace troupe::tools {

namespace {

namespace fs = std::filesystem;
namespace rehearsal = runtime::rehearsal;

// Copying a large journal takes its time, and so does carrying it.
constexpr std::chrono::minutes patience{10};

using copy = expected<runtime::journal_copy, failure>;

/// Journals that cannot be read are bad input: 1 means that decisions differ.
unexpected<failure> bad(const std::string& what, const std::string& why) {
  return make_unexpected(
    failure{exit_code::bad_input, inert(what) + ' ' + inert(why)});
}

copy copy_of_file(const std::string& path) {
  std::ifstream file{path, std::ios::binary};
  if (!file)
    return make_unexpected(failure{
      exit_code::bad_input,
      fmt::format("cannot read {}: {}", inert(path), std::strerror(errno))});
  std::string bytes{std::istreambuf_iterator<char>{file}, {}};
  auto result = runtime::open_copy_of_backup(bytes);
  if (!result)
    return bad(path, result.error());
  return std::move(*result);
}

copy copy_of_data(const std::string& data) {
  auto path = fs::path{data} / "journal.db";
  std::error_code error;
  if (!fs::exists(path, error))
    return make_unexpected(
      failure{exit_code::bad_input, "there is no journal in " + inert(data)});
  auto result = runtime::open_copy_of(path);
  if (!result)
    return bad("cannot replay it:", result.error());
  return std::move(*result);
}

copy copy_over(const rest& controller) {
  auto reply = controller.send({.target = url{"/v1/backup"},
                                .accept = "application/octet-stream",
                                .timeout = patience});
  if (!reply)
    return make_unexpected(reply.error());
  auto result = runtime::open_copy_of_backup(reply->body);
  if (!result)
    return make_unexpected(failure{
      exit_code::unreachable, "what came " + result.error() + ". Try again"});
  return std::move(*result);
}

int print_replay(const rehearsal::recording& x, const output& how) {
  auto result = rehearsal::replay(x);
  if (!result)
    return report({exit_code::bad_input, inert(result.error())});
  auto shown = rehearsal::write_replayed(*result);
  static_cast<void>(print_one(shown, how, "facts", [&](const screen& s) {
    return show_replay(shown, s);
  }));
  if (result->first)
    return exit_code::no;
  // That nothing could be compared is not that nothing differs.
  return result->same > 0 ? exit_code::done : exit_code::bad_input;
}

int print_what_if(const rehearsal::recording& x,
                  const rehearsal::what_if_options& options,
                  const output& how) {
  auto result = rehearsal::imagine(x, options);
  if (!result)
    return report({exit_code::bad_input, inert(result.error())});
  auto shown = rehearsal::write_what_if(*result);
  if (how.format == "name") {
    for (auto& y : elements(field(shown, "changed")))
      print(inert(text(y, "task")) + '\n');
    return exit_code::done;
  }
  return print_one(shown, how, "tasks",
                   [&](const screen& s) { return show_what_if(shown, s); });
}

} // namespace

int run_replay(int argc, char** argv) {
  connection to;
  output how;
  std::string path;
  std::string data;
  rehearsal::what_if_options options;
  command_line line{
    "replay", "Decides again what a journal holds, by the same code on a "
              "virtual clock: whether the same comes out, or what another "
              "policy would have made of it. The journal stays as it is"};
  line.optional_word("FILE", path,
                     "what `troupe backup` wrote [the journal of the running "
                     "controller]");
  line.option("--data", "DIR", data,
              "of a data directory whose controller does not run");
  line.option("--policy", "NAME", options.strategy,
              "a strategy to imagine instead, such as spread; jobs that name "
              "their own keep it");
  line.option("--order", "NAME", options.order,
              "an order of the queue to imagine instead: priority, fifo, sjf, "
              "fair");
  declare(line, how);
  declare(line, to);
  line.example("troupe replay",
               "exit code: 0 the same decisions, 1 others, which are shown, 2 "
               "if nothing could be compared");
  line.example("troupe replay --data /var/lib/troupe --policy spread",
               "what would have been elsewhere, and how long tasks would have "
               "waited");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  if (!path.empty() && !data.empty())
    return finish(line.wrong("takes FILE or --data, not both"));
  auto journal = !path.empty()   ? copy_of_file(path)
                 : !data.empty() ? copy_of_data(data)
                                 : copy_over(rest{to});
  if (!journal)
    return report(journal.error());
  auto recording = rehearsal::read_recording(*journal->what);
  if (!recording)
    return report({exit_code::bad_input, inert(recording.error())});
  if (options.strategy || options.order)
    return print_what_if(*recording, options, how);
  return print_replay(*recording, how);
}

} // namespace troupe::tools
