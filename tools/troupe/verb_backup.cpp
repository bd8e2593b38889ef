#include <cerrno>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "runtime/backup.hpp"
#include "runtime/journal/open.hpp"

#include "tools/troupe/figures.hpp"
#include "tools/troupe/output.hpp"
#include "tools/troupe/verbs.hpp"

namespace troupe::tools {

namespace {

namespace fs = std::filesystem;

// Copying a large journal takes its time, and so does carrying it.
constexpr std::chrono::minutes patience{10};

expected<std::string, failure> backup_over(const rest& controller) {
  auto reply = controller.send({.target = url{"/v1/backup"},
                                .accept = "application/octet-stream",
                                .timeout = patience});
  if (!reply)
    return make_unexpected(reply.error());
  auto ok = runtime::unsealed(reply->body);
  if (!ok)
    return make_unexpected(failure{exit_code::unreachable,
                                   "what came " + ok.error() + ". Try again"});
  return std::move(reply->body);
}

expected<std::string, failure> backup_in(const std::string& data) {
  auto path = fs::path{data} / "journal.db";
  std::error_code error;
  if (!fs::exists(path, error))
    return make_unexpected(
      failure{exit_code::bad_input, "there is no journal in " + inert(data)});
  auto journal = runtime::open_journal("sqlite:" + path.string(), {});
  if (!journal)
    return make_unexpected(
      failure{exit_code::no, inert(journal.error().message)});
  auto made = runtime::backup_of(**journal);
  if (!made)
    return make_unexpected(failure{exit_code::no, inert(made.error())});
  return std::move(*made);
}

expected<void, failure> wrong(const std::string& path, const char* what) {
  return make_unexpected(
    failure{exit_code::no, fmt::format("cannot {} {}: {}", what, inert(path),
                                       std::strerror(errno))});
}

/// Writes all of it durably, or leaves nothing behind.
expected<void, failure>
write_file(const std::string& path, std::string_view bytes) {
  auto part = path + ".part";
  auto fd
    = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  if (fd < 0)
    return wrong(part, "make");
  auto left = bytes;
  while (!left.empty()) {
    auto size = ::write(fd, left.data(), left.size());
    if (size < 0 && errno == EINTR)
      continue;
    if (size <= 0)
      break;
    left.remove_prefix(static_cast<size_t>(size));
  }
  auto ok = left.empty() && ::fsync(fd) == 0;
  ::close(fd);
  if (ok && ::rename(part.c_str(), path.c_str()) == 0)
    return {};
  auto result = wrong(path, "write");
  ::unlink(part.c_str());
  return result;
}

} // namespace

int run_backup(int argc, char** argv) {
  connection to;
  std::string path;
  std::string data;
  bool force = false;
  command_line line{"backup",
                    "Copies the journal, consistent and with a digest, while "
                    "the controller runs"};
  line.word("FILE", path, "where the backup goes");
  line.option("--data", "DIR", data,
              "of a data directory whose controller does not run");
  line.flag("-f,--force", force, "write over FILE if it is there");
  declare(line, to);
  line.example("troupe backup /var/backups/troupe.bak", "of a running cluster");
  line.example("troupe restore /var/backups/troupe.bak --data /var/lib/troupe",
               "brings it back");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  std::error_code error;
  if (!force && fs::exists(path, error))
    return report({exit_code::bad_input,
                   inert(path) + " is there already; --force writes over it"});
  auto bytes = data.empty() ? backup_over(rest{to}) : backup_in(data);
  if (!bytes)
    return report(bytes.error());
  if (auto ok = write_file(path, *bytes); !ok)
    return report(ok.error());
  fmt::print(stderr, "{}: {}, its digest is right\n", inert(path),
             memory_text(static_cast<int64_t>(bytes->size())));
  return exit_code::done;
}

} // namespace troupe::tools
