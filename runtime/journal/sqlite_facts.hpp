#pragma once

#include "runtime/journal/block.hpp"
#include "runtime/journal/journal.hpp"
#include "runtime/journal/sqlite_connection.hpp"

namespace troupe::runtime {

/// The table of facts. A row holds some neighbouring facts of one batch.
class sqlite_facts {
public:
  /// @param check  look at every row for gaps, not only at the ends.
  /// Errors: `corrupt`, `unavailable`.
  [[nodiscard]] static expected<sqlite_facts, journal_error>
  load(const sqlite_connection& connection, bool check);

  std::uint64_t head() const { return head_; }

  std::uint64_t oldest() const { return oldest_; }

  /// Lets the facts begin with `first`, for a copy of a journal whose earlier ones
  /// are gone. REQUIRES: there are none yet, and one is appended next.
  void begin_with(std::uint64_t first);

  /// Adds facts after the head, and lets a few old ones go, in one transaction.
  /// @param release_until  newest fact that may go.
  /// Errors: `conflict`, `full`, `in_use`, `corrupt`, `unavailable`.
  [[nodiscard]] expected<void, journal_error>
  append(const sqlite_connection& connection,
         std::span<const std::string> facts, std::uint64_t release_until);

  /// Lets some old facts go, in a transaction of its own.
  [[nodiscard]] expected<void, journal_error>
  release(const sqlite_connection& connection, std::uint64_t release_until);

  /// REQUIRES: from >= oldest().
  [[nodiscard]] expected<void, journal_error>
  read(const sqlite_connection& connection, std::uint64_t from,
       const journal::reader& read_fact);

private:
  sqlite_facts() = default;

  expected<void, journal_error> find_ends(const sqlite_connection& connection);

  expected<std::uint64_t, journal_error>
  find_oldest(const sqlite_connection& connection);

  expected<void, journal_error> check_rows(const sqlite_connection& connection);

  expected<void, journal_error> insert(const sqlite_connection& connection,
                                       std::span<const std::string> facts);

  expected<std::uint64_t, journal_error>
  remove_rows(const sqlite_connection& connection, std::uint64_t release_until,
              std::uint64_t rows_max);

  sqlite_statement insert_;
  sqlite_statement select_;
  sqlite_statement remove_;
  sqlite_statement first_;
  block_codec codec_{1};
  std::string lines_;
  std::uint64_t head_ = 0;
  std::uint64_t oldest_ = 1;
};

} // namespace troupe::runtime
