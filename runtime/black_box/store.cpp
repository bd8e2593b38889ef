#include "runtime/black_box/store.hpp"

#include <limits>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "runtime/log.hpp"

namespace troupe::runtime::black_box {

namespace {

namespace fs = std::filesystem;

/// What a run costs beside its output.
constexpr uint64_t row_bytes = 64;

constexpr auto schema = R"(
  PRAGMA auto_vacuum = INCREMENTAL;
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = NORMAL;
  CREATE TABLE IF NOT EXISTS output (
    allocation INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    at INTEGER NOT NULL,
    out BLOB NOT NULL,
    err BLOB NOT NULL,
    PRIMARY KEY (allocation, attempt)) WITHOUT ROWID;
  CREATE INDEX IF NOT EXISTS by_age ON output (at);
)";

std::string_view tail_of(std::string_view x) {
  return x.substr(x.size() - std::min(x.size(), stream_bytes_max));
}

uint64_t cost_of(const output& x) {
  return row_bytes + tail_of(x.out).size() + tail_of(x.err).size();
}

/// Moves a damaged file, and what belongs to it, out of the way.
void put_aside(const fs::path& file) {
  std::error_code ignored;
  fs::rename(file, file.string() + ".damaged", ignored);
  for (auto suffix : {"-wal", "-shm"})
    fs::remove(file.string() + suffix, ignored);
}

/// Output may hold secrets, so that nobody else may read it: SQLite gives its
/// other files the mode of this one. Those of an earlier version were open to all.
void keep_private(const fs::path& file) {
  auto fd = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd >= 0)
    ::close(fd);
  for (auto suffix : {"", "-wal", "-shm"})
    ::chmod((file.string() + suffix).c_str(), 0600);
}

expected<sqlite_connection, journal_error> connect(const fs::path& file) {
  if (!file.empty())
    keep_private(file);
  auto result = sqlite_connection::open(
    file.empty() ? fs::path{":memory:"} : file,
    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX);
  if (result)
    if (auto ok = result->execute(schema, "making its tables"); !ok)
      return make_unexpected(ok.error());
  return result;
}

} // namespace

store::store(store_options options, sqlite_connection connection)
  : options_(std::move(options)), connection_(std::move(connection)) {
  // nop
}

expected<store, std::string> store::open(store_options options) {
  auto connection = connect(options.file);
  if (!connection && connection.error().code == journal_ec::corrupt) {
    log::warn("{}; it is put aside, and output is kept anew",
              connection.error().message);
    put_aside(options.file);
    connection = connect(options.file);
  }
  if (!connection)
    return make_unexpected(connection.error().message);
  store result{std::move(options), std::move(*connection)};
  if (auto ok = result.prepare(); !ok)
    return make_unexpected(ok.error().message);
  return result;
}

expected<void, journal_error> store::prepare() {
  struct {
    sqlite_statement& to;
    const char* sql;
  } wanted[]
    = {{insert_, "INSERT OR REPLACE INTO output VALUES (?, ?, ?, ?, ?)"},
       {find_, "SELECT out, err FROM output WHERE allocation = ? AND attempt "
               "= ?"},
       {size_, "SELECT length(out) + length(err) FROM output WHERE allocation "
               "= ? AND attempt = ?"},
       {oldest_, "SELECT allocation, attempt FROM output WHERE at < ? ORDER BY "
                 "at LIMIT 1"},
       {erase_, "DELETE FROM output WHERE allocation = ? AND attempt = ?"}};
  for (auto& x : wanted) {
    auto made = connection_.prepare(x.sql);
    if (!made)
      return make_unexpected(made.error());
    x.to = std::move(*made);
  }
  auto total = connection_.prepare(
    "SELECT count(*), coalesce(sum(length(out) + length(err)), 0) FROM output");
  if (!total)
    return make_unexpected(total.error());
  sqlite_run row{*total};
  if (row.step())
    bytes_ = row.number(0) * row_bytes + row.number(1);
  return {};
}

uint64_t store::bytes_of(const run& which) const {
  sqlite_run row{size_};
  row.with(which.allocation.value).with(which.attempt);
  return row.step() ? row_bytes + row.number(0) : 0;
}

std::optional<output> store::find(const run& which) const {
  sqlite_run row{find_};
  row.with(which.allocation.value).with(which.attempt);
  if (!row.step())
    return std::nullopt;
  return output{std::string{row.bytes(0)}, std::string{row.bytes(1)}};
}

expected<void, journal_error>
store::write(const run& which, const output& x, timestamp now) {
  auto out = tail_of(x.out);
  auto err = tail_of(x.err);
  sqlite_run row{insert_};
  row.with(which.allocation.value)
    .with(which.attempt)
    .with(static_cast<uint64_t>(now.ms))
    .with_blob(out)
    .with_blob(err);
  row.step();
  if (row.result() != SQLITE_DONE)
    return make_unexpected(connection_.error(row.result(), "keeping output"));
  return {};
}

expected<void, std::string>
store::keep(const run& which, const output& x, timestamp now) {
  auto before = bytes_of(which);
  if (auto ok = write(which, x, now); !ok)
    return make_unexpected(ok.error().message);
  bytes_ = bytes_ - before + cost_of(x);
  make_room(now);
  return {};
}

void store::make_room(timestamp now) {
  auto dropped = false;
  auto too_old = now + -std::chrono::milliseconds{options_.age_max};
  while (drop_oldest(too_old))
    dropped = true;
  while (bytes_ > options_.bytes_max
         && drop_oldest({std::numeric_limits<int64_t>::max()}))
    dropped = true;
  // Gives the disk back what is free in the file.
  if (dropped)
    static_cast<void>(connection_.execute("PRAGMA incremental_vacuum(64)",
                                          "giving space back"));
}

bool store::drop_oldest(timestamp older_than) {
  run which;
  {
    sqlite_run row{oldest_};
    row.with(static_cast<uint64_t>(std::max<int64_t>(older_than.ms, 0)));
    if (!row.step())
      return false;
    which = {{row.number(0)}, static_cast<uint32_t>(row.number(1))};
  }
  auto size = bytes_of(which);
  sqlite_run row{erase_};
  row.with(which.allocation.value).with(which.attempt);
  row.step();
  bytes_ -= size;
  return row.result() == SQLITE_DONE;
}

} // namespace troupe::runtime::black_box
