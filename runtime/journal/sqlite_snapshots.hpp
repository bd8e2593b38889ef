#pragma once

#include <vector>

#include "runtime/journal/block.hpp"
#include "runtime/journal/journal.hpp"
#include "runtime/journal/sqlite_connection.hpp"

namespace troupe::runtime {

/// The tables of snapshots: the newest and the one before it. A state is kept
/// in parts, so that a large one needs neither one giant blob nor one giant
/// transaction. The row that makes a snapshot count is written last. One that
/// was found damaged goes with the next save, so that facts are not let go for
/// its sake.
class sqlite_snapshots {
public:
  /// Errors: `corrupt`, `unavailable`.
  [[nodiscard]] static expected<sqlite_snapshots, journal_error>
  load(const sqlite_connection& connection);

  /// Versions of the two snapshots, 0 if there are none.
  std::uint64_t newest() const { return newest_; }

  std::uint64_t previous() const { return previous_; }

  [[nodiscard]] expected<std::optional<journal_snapshot>, journal_error>
  latest(const sqlite_connection& connection);

  /// REQUIRES: version >= newest().
  [[nodiscard]] expected<void, journal_error>
  save(const sqlite_connection& connection, std::uint64_t version,
       std::string_view state);

  /// Removes what is no part of a snapshot: half written, or replaced.
  [[nodiscard]] expected<void, journal_error>
  remove_leftovers(const sqlite_connection& connection);

private:
  expected<void, journal_error> find(const sqlite_connection& connection);

  expected<std::uint64_t, journal_error>
  write_parts(const sqlite_connection& connection, std::uint64_t id,
              std::string_view state);

  expected<void, journal_error>
  finish(const sqlite_connection& connection, std::uint64_t id,
         std::uint64_t version, std::uint64_t parts, std::uint64_t bytes);

  expected<std::optional<std::string>, journal_error>
  read_parts(const sqlite_connection& connection, std::uint64_t id,
             std::uint64_t parts, std::uint64_t bytes);

  sqlite_statement list_;
  sqlite_statement select_parts_;
  sqlite_statement insert_part_;
  sqlite_statement remove_leftovers_;
  block_codec codec_{3};
  std::vector<std::uint64_t> damaged_; // Ids, found by `latest`.
  std::uint64_t next_id_ = 1;
  std::uint64_t newest_ = 0;
  std::uint64_t previous_ = 0;
};

} // namespace troupe::runtime
