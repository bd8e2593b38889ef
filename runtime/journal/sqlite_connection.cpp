#include "runtime/journal/sqlite_connection.hpp"

#include <cerrno>
#include <system_error>
#include <utility>

#include "messages/contract.hpp"

#include "runtime/journal/refusals.hpp"

namespace troupe::runtime {

namespace {

/// Another program may look into the file for a moment; the lock file keeps
/// other controllers out. Milliseconds.
constexpr auto busy_timeout_ms = 1000;

bool lacks_space(int extended_result, int system_error) {
  if ((extended_result & 0xff) == SQLITE_FULL)
    return true;
  // SQLite reports ENOSPC as such only where it writes pages: growing the
  // shared memory file and exceeding a quota come as I/O errors.
  if (extended_result == SQLITE_IOERR_SHMSIZE)
    return true;
  return (extended_result & 0xff) == SQLITE_IOERR
         && extended_result != SQLITE_IOERR_FSYNC
         && (system_error == ENOSPC || system_error == EDQUOT);
}

} // namespace

// -- runs ---------------------------------------------------------------------

sqlite_run::sqlite_run(const sqlite_statement& statement)
  : statement_{statement.get()} {
  TROUPE_ASSERT(statement_ != nullptr);
  // A run within a run of the same statement would end the outer one.
  TROUPE_ASSERT(!sqlite3_stmt_busy(statement_));
}

sqlite_run::~sqlite_run() {
  sqlite3_reset(statement_);
  sqlite3_clear_bindings(statement_);
}

sqlite_run& sqlite_run::with(std::uint64_t number) {
  sqlite3_bind_int64(statement_, ++arguments_,
                     static_cast<sqlite3_int64>(number));
  return *this;
}

sqlite_run& sqlite_run::with_blob(std::string_view bytes) {
  // A null pointer would become NULL instead of an empty blob.
  auto first = bytes.empty() ? "" : bytes.data();
  sqlite3_bind_blob64(statement_, ++arguments_, first, bytes.size(),
                      SQLITE_STATIC);
  return *this;
}

sqlite_run& sqlite_run::with_text(std::string_view text) {
  sqlite3_bind_text64(statement_, ++arguments_, text.data(), text.size(),
                      SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

bool sqlite_run::step() {
  result_ = sqlite3_step(statement_);
  return result_ == SQLITE_ROW;
}

std::uint64_t sqlite_run::number(int column) const {
  return static_cast<std::uint64_t>(sqlite3_column_int64(statement_, column));
}

std::string_view sqlite_run::bytes(int column) const {
  auto first
    = static_cast<const char*>(sqlite3_column_blob(statement_, column));
  auto size = sqlite3_column_bytes(statement_, column);
  return first == nullptr
           ? std::string_view{}
           : std::string_view{first, static_cast<std::size_t>(size)};
}

// -- connections --------------------------------------------------------------

sqlite_connection::sqlite_connection(std::filesystem::path path,
                                     sqlite3* database)
  : path_{std::move(path)}, database_{database} {}

expected<sqlite_connection, journal_error>
sqlite_connection::open(const std::filesystem::path& path, int flags) {
  sqlite3* database = nullptr;
  auto result = sqlite3_open_v2(
    path.c_str(), &database,
    flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
  auto connection = sqlite_connection{path, database};
  if (database == nullptr)
    return unexpected{refuse(journal_ec::unavailable, path.string(),
                             "there is no memory to open it")};
  if (result != SQLITE_OK)
    return unexpected{connection.error(result, "opening it")};
  sqlite3_busy_timeout(database, busy_timeout_ms);
  return connection;
}

expected<void, journal_error>
sqlite_connection::execute(const char* sql, std::string_view doing) const {
  auto result = sqlite3_exec(get(), sql, nullptr, nullptr, nullptr);
  if (result != SQLITE_OK)
    return unexpected{error(result, doing)};
  return {};
}

expected<sqlite_statement, journal_error>
sqlite_connection::prepare(const char* sql) const {
  sqlite3_stmt* statement = nullptr;
  auto result = sqlite3_prepare_v3(get(), sql, -1, SQLITE_PREPARE_PERSISTENT,
                                   &statement, nullptr);
  if (result != SQLITE_OK)
    return unexpected{error(result, sql)};
  return sqlite_statement{statement};
}

void sqlite_connection::keep_log_on_close(int keep) const {
  sqlite3_db_config(get(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, keep, nullptr);
}

journal_error
sqlite_connection::error(int result, std::string_view doing) const {
  auto extended = sqlite3_extended_errcode(get());
  if ((extended & 0xff) != (result & 0xff))
    extended = result;
  auto system_error = sqlite3_system_errno(get());
  auto text = std::string{doing} + " failed: " + sqlite3_errstr(extended);
  auto primary = extended & 0xff;
  if (lacks_space(extended, system_error))
    return refuse(journal_ec::full, name(),
                  "the disk is full; free some space there, what was "
                  "acknowledged is safe");
  if (primary == SQLITE_NOTADB)
    return refuse(journal_ec::corrupt, name(),
                  "is not an SQLite database; correct the path, or restore a "
                  "backup");
  if (primary == SQLITE_CORRUPT)
    return refuse(journal_ec::corrupt, name(),
                  text + "; the file is damaged, restore a backup");
  if (primary == SQLITE_BUSY || primary == SQLITE_LOCKED)
    return refuse(journal_ec::in_use, name(),
                  "another program keeps it locked; find it with `fuser "
                    + name() + "` and stop it");
  if (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN
      || primary == SQLITE_READONLY) {
    if (system_error != 0)
      text += " (" + std::generic_category().message(system_error) + ")";
    text += "; look at the disk and the system's log";
  }
  return refuse(journal_ec::unavailable, name(), text);
}

// -- transactions -------------------------------------------------------------

sqlite_transaction::sqlite_transaction(const sqlite_connection& connection)
  : connection_{connection} {}

sqlite_transaction::~sqlite_transaction() {
  // Some errors have taken it back already, and a rollback that fails leaves
  // nothing that a later begin would not report.
  if (!sqlite3_get_autocommit(connection_.get()))
    sqlite3_exec(connection_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
}

expected<void, journal_error> sqlite_transaction::begin() {
  return connection_.execute("BEGIN IMMEDIATE", "writing to it");
}

expected<void, journal_error> sqlite_transaction::commit() {
  return connection_.execute("COMMIT", "writing to it");
}

} // namespace troupe::runtime
