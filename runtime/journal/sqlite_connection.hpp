#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include <sqlite3.h>

#include "runtime/journal/journal.hpp"

namespace troupe::runtime {

/// A statement that is prepared once and run many times.
class sqlite_statement {
public:
  sqlite_statement() = default;

  explicit sqlite_statement(sqlite3_stmt* statement) : statement_{statement} {}

  sqlite3_stmt* get() const { return statement_.get(); }

private:
  struct finalize {
    void operator()(sqlite3_stmt* x) const { sqlite3_finalize(x); }
  };

  std::unique_ptr<sqlite3_stmt, finalize> statement_;
};

/// One run of a statement: arguments in order, then rows. Ends with itself,
/// whatever happened, so that no read transaction stays open.
class sqlite_run {
public:
  explicit sqlite_run(const sqlite_statement& statement);

  sqlite_run(const sqlite_run&) = delete;

  sqlite_run& operator=(const sqlite_run&) = delete;

  ~sqlite_run();

  /// Numbers are below 2^63, except for bit patterns such as checksums.
  sqlite_run& with(std::uint64_t number);

  /// The bytes are not copied and must outlive the run.
  sqlite_run& with_blob(std::string_view bytes);

  /// The same for text.
  sqlite_run& with_text(std::string_view text);

  /// The next row. False at the end and after an error: see `result`.
  bool step();

  /// SQLITE_ROW, SQLITE_DONE, or an error.
  int result() const { return result_; }

  std::uint64_t number(int column) const;

  /// Text or a blob, valid until the next step.
  std::string_view bytes(int column) const;

private:
  sqlite3_stmt* statement_;
  int arguments_ = 0;
  int result_ = SQLITE_OK;
};

/// A connection to the file of a journal, by one thread.
class sqlite_connection {
public:
  /// @param flags  SQLITE_OPEN_...
  [[nodiscard]] static expected<sqlite_connection, journal_error>
  open(const std::filesystem::path& path, int flags);

  [[nodiscard]] expected<void, journal_error>
  execute(const char* sql, std::string_view doing) const;

  [[nodiscard]] expected<sqlite_statement, journal_error>
  prepare(const char* sql) const;

  /// Keeps the log as it is when the connection closes, so that a file that is
  /// refused stays as it was.
  void keep_log_on_close(int keep) const;

  /// The refusal for what just failed, in words that fit `doing`.
  journal_error error(int result, std::string_view doing) const;

  const std::filesystem::path& path() const { return path_; }

  /// Where the connection is, as refusals name it.
  std::string name() const { return path_.string(); }

  sqlite3* get() const { return database_.get(); }

private:
  struct close {
    void operator()(sqlite3* x) const { sqlite3_close_v2(x); }
  };

  sqlite_connection(std::filesystem::path path, sqlite3* database);

  std::filesystem::path path_;
  std::unique_ptr<sqlite3, close> database_;
};

/// What is done between its begin and its commit happens wholly or not at all.
class sqlite_transaction {
public:
  explicit sqlite_transaction(const sqlite_connection& connection);

  sqlite_transaction(const sqlite_transaction&) = delete;

  sqlite_transaction& operator=(const sqlite_transaction&) = delete;

  /// Takes everything back unless it was committed.
  ~sqlite_transaction();

  [[nodiscard]] expected<void, journal_error> begin();

  /// Durable when it returns.
  [[nodiscard]] expected<void, journal_error> commit();

private:
  const sqlite_connection& connection_;
};

} // namespace troupe::runtime
