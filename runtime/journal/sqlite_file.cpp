#include "runtime/journal/sqlite_file.hpp"

#include <cerrno>
#include <chrono>
#include <fstream>
#include <utility>

#include <fmt/chrono.h>
#include <sys/stat.h>

#include "runtime/journal/disk.hpp"
#include "runtime/journal/refusals.hpp"

namespace troupe::runtime {

namespace {

/// Raised when older programs could no longer read the file.
constexpr auto format_version = std::uint64_t{1};

/// "Trup", in the header of the file: says whose database this is.
constexpr auto application_id = std::uint64_t{0x54727570};

/// Files up to this size are checked wholly at the start, in bytes: takes well
/// below a second.
constexpr auto small_file_bytes = std::uint64_t{64} << 20;

constexpr auto schema = R"(
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE batches(
  first_version INTEGER PRIMARY KEY, -- of the facts in `body`
  count INTEGER NOT NULL,            -- how many they are
  format INTEGER NOT NULL,           -- 0 plain, 1 zstd
  checksum INTEGER NOT NULL,         -- XXH64 of `body`
  body BLOB NOT NULL                 -- facts, each ended by a line feed
) STRICT;
CREATE TABLE snapshots(
  id INTEGER PRIMARY KEY,            -- a snapshot without a row here is not
  version INTEGER NOT NULL UNIQUE,   --   finished and does not count
  parts INTEGER NOT NULL,
  bytes INTEGER NOT NULL             -- of the state
) STRICT;
CREATE TABLE snapshot_parts(
  snapshot INTEGER NOT NULL,
  part INTEGER NOT NULL,             -- from 0
  format INTEGER NOT NULL,
  checksum INTEGER NOT NULL,
  body BLOB NOT NULL,
  PRIMARY KEY(snapshot, part)
) STRICT;
)";

using result = expected<void, journal_error>;

unexpected<journal_error> fail(const std::filesystem::path& path,
                               journal_ec code, std::string_view what) {
  return unexpected{refuse(code, path.string(), what)};
}

// -- what is there ------------------------------------------------------------

enum class presence { absent, present };

/// Refuses what is not a file, and what is left of one.
expected<presence, journal_error> look(const std::filesystem::path& path) {
  struct stat found = {};
  if (stat(path.c_str(), &found) != 0) {
    if (errno != ENOENT)
      return unexpected{refuse_errno(path, "cannot look at it", errno)};
    auto log = path.string() + "-wal";
    if (stat(log.c_str(), &found) == 0)
      return fail(path, journal_ec::corrupt,
                  "is missing although its log " + log
                    + " is there; bring the file back, or restore a backup "
                      "and remove the log");
    return presence::absent;
  }
  if (!S_ISREG(found.st_mode))
    return fail(path, journal_ec::unavailable,
                "is not a regular file; give the path of a file");
  if (found.st_size == 0)
    return fail(path, journal_ec::corrupt,
                "is empty, which no journal ever is; restore a backup, or "
                "remove the file to begin a new cluster");
  return presence::present;
}

result check_magic(const std::filesystem::path& path) {
  auto magic = std::string(16, '\0');
  auto file = std::ifstream{path, std::ios::binary};
  if (!file)
    return unexpected{refuse_errno(path, "cannot read it", errno)};
  file.read(magic.data(), static_cast<std::streamsize>(magic.size()));
  if (magic != std::string_view{"SQLite format 3\0", 16})
    return fail(path, journal_ec::corrupt,
                "is not an SQLite database; correct the path, or restore a "
                "backup");
  return {};
}

// -- making -------------------------------------------------------------------

std::string now_as_text() {
  auto now = std::chrono::system_clock::now();
  return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                     std::chrono::floor<std::chrono::seconds>(now));
}

result set_meta(const sqlite_connection& connection, std::string_view key,
                std::string_view value) {
  auto insert = connection.prepare("INSERT OR REPLACE INTO meta VALUES(?, ?)");
  if (!insert)
    return unexpected{insert.error()};
  auto run = sqlite_run{*insert};
  run.with_text(key).with_text(value).step();
  if (run.result() != SQLITE_DONE)
    return unexpected{connection.error(run.result(), "writing it")};
  return {};
}

result fill_new_file(const std::filesystem::path& path) {
  auto connection = sqlite_connection::open(path, SQLITE_OPEN_READWRITE);
  if (!connection)
    return unexpected{connection.error()};
  auto begin = fmt::format("PRAGMA synchronous=FULL;"
                           "PRAGMA application_id={};"
                           "PRAGMA user_version={};"
                           "BEGIN;",
                           application_id, format_version);
  return connection->execute(begin.c_str(), "making it")
    .and_then([&] { return connection->execute(schema, "making it"); })
    .and_then(
      [&] { return set_meta(*connection, "cluster_id", random_cluster_id()); })
    .and_then([&] { return set_meta(*connection, "created", now_as_text()); })
    .and_then([&] { return set_meta(*connection, "program", TROUPE_VERSION); })
    .and_then([&] { return connection->execute("COMMIT", "making it"); });
}

/// A file gets its name when it is whole, so that no start finds half of one.
result create(const std::filesystem::path& path) {
  auto unfinished = std::filesystem::path{path.string() + ".new"};
  return create_private_file(path, unfinished)
    .and_then([&] { return fill_new_file(unfinished); })
    .and_then([&] { return sync_to_disk(path, unfinished); })
    .and_then([&] { return rename_durably(unfinished, path); });
}

// -- checks -------------------------------------------------------------------

expected<std::uint64_t, journal_error>
first_number(const sqlite_connection& connection, const char* sql) {
  auto query = connection.prepare(sql);
  if (!query)
    return unexpected{query.error()};
  auto run = sqlite_run{*query};
  if (!run.step())
    return unexpected{connection.error(run.result(), sql)};
  return run.number(0);
}

/// The value, or "" if there is none.
expected<std::string, journal_error>
meta(const sqlite_connection& connection, std::string_view key) {
  auto query = connection.prepare("SELECT value FROM meta WHERE key = ?");
  if (!query)
    return unexpected{query.error()};
  auto run = sqlite_run{*query};
  if (run.with_text(key).step())
    return std::string{run.bytes(0)};
  if (run.result() != SQLITE_DONE)
    return unexpected{connection.error(run.result(), "reading it")};
  return std::string{};
}

result check_format(const sqlite_connection& connection) {
  auto application = first_number(connection, "PRAGMA application_id");
  if (!application)
    return unexpected{application.error()};
  if (*application != application_id)
    return fail(connection.path(), journal_ec::corrupt,
                "is a database of another program, not a journal; correct the "
                "path");
  auto format = first_number(connection, "PRAGMA user_version");
  if (!format)
    return unexpected{format.error()};
  if (*format <= format_version)
    return {};
  // A newer file may say it elsewhere: then without the name.
  auto program = meta(connection, "program").value_or("");
  return fail(connection.path(), journal_ec::newer_version,
              fmt::format("was written by troupe {} in format {}, this is "
                          "troupe {} and reads up to format {}; start the "
                          "newer program, or restore a backup from before the "
                          "upgrade",
                          program.empty() ? "of a newer version" : program,
                          *format, TROUPE_VERSION, format_version));
}

expected<std::string, journal_error>
check_cluster(const sqlite_connection& connection,
              const journal_options& options) {
  auto id = meta(connection, "cluster_id");
  if (!id)
    return id;
  if (id->size() != 32)
    return fail(connection.path(), journal_ec::corrupt,
                "does not name its cluster; restore a backup");
  if (options.expected_cluster && *options.expected_cluster != *id)
    return fail(connection.path(), journal_ec::foreign_cluster,
                "belongs to cluster " + *id + ", not to "
                  + *options.expected_cluster + "; correct the path");
  return id;
}

result check_pages(const sqlite_connection& connection) {
  auto query = connection.prepare("PRAGMA quick_check(1)");
  if (!query)
    return unexpected{query.error()};
  auto run = sqlite_run{*query};
  if (!run.step())
    return unexpected{connection.error(run.result(), "checking it")};
  if (run.bytes(0) != "ok")
    return fail(connection.path(), journal_ec::corrupt,
                "is damaged (" + std::string{run.bytes(0)}
                  + "); restore a backup");
  return {};
}

// -- opening ------------------------------------------------------------------

result make_if_absent(const std::filesystem::path& path,
                      const journal_options& options) {
  auto found = look(path);
  if (!found)
    return unexpected{found.error()};
  if (*found == presence::present)
    return check_magic(path);
  if (options.expected_cluster)
    return fail(path, journal_ec::foreign_cluster,
                "does not exist although cluster " + *options.expected_cluster
                  + " is expected there; mount its disk, or correct the path");
  return create(path);
}

} // namespace

expected<sqlite_file, journal_error>
open_sqlite_file(const std::filesystem::path& path,
                 const journal_options& options) {
  if (auto made = create_private_folder(path, folder_of(path)); !made)
    return unexpected{made.error()};
  // First the lock: to look into a file that this process has open would, on
  // closing it again, end SQLite's own locks on it.
  auto lock = file_lock::take(path);
  if (!lock)
    return unexpected{lock.error()};
  if (auto made = make_if_absent(path, options); !made)
    return unexpected{made.error()};
  auto connection = sqlite_connection::open(path, SQLITE_OPEN_READWRITE);
  if (!connection)
    return unexpected{connection.error()};
  connection->keep_log_on_close(1);
  auto setup = connection->execute("PRAGMA trusted_schema=OFF;"
                                   "PRAGMA cell_size_check=ON;",
                                   "opening it");
  auto format = setup.and_then([&] { return check_format(*connection); });
  if (!format)
    return unexpected{format.error()};
  auto cluster = check_cluster(*connection, options);
  if (!cluster)
    return unexpected{cluster.error()};
  auto failed = std::error_code{};
  auto size = std::filesystem::file_size(path, failed);
  auto is_small = !failed && size <= small_file_bytes;
  auto ready = is_small ? check_pages(*connection) : result{};
  if (!ready)
    return unexpected{ready.error()};
  return sqlite_file{std::move(*lock), std::move(*connection),
                     std::move(*cluster), is_small};
}

expected<void, journal_error>
prepare_for_writing(const sqlite_connection& connection) {
  if (sqlite3_db_readonly(connection.get(), "main") != 0)
    return fail(connection.path(), journal_ec::unavailable,
                "cannot be written; make the file writable for this user");
  // The log is written back every 1000 pages, 4 MB, and cut to 16 MB after a
  // large transaction.
  auto mode = connection.execute("PRAGMA journal_mode=WAL;"
                                 "PRAGMA synchronous=FULL;"
                                 "PRAGMA wal_autocheckpoint=1000;"
                                 "PRAGMA journal_size_limit=16777216;",
                                 "opening it");
  if (!mode)
    return mode;
  auto program = meta(connection, "program");
  if (!program)
    return unexpected{program.error()};
  if (*program != TROUPE_VERSION)
    return set_meta(connection, "program", TROUPE_VERSION);
  return {};
}

} // namespace troupe::runtime
