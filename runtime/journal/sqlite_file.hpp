#pragma once

#include <string>

#include "runtime/journal/file_lock.hpp"
#include "runtime/journal/journal.hpp"
#include "runtime/journal/sqlite_connection.hpp"

namespace troupe::runtime {

/// The file of a journal, locked and checked, but not yet written to.
struct sqlite_file {
  file_lock lock; // Outlives the connection.
  sqlite_connection connection;
  std::string cluster_id;
  /// The file is small enough that all of it can be checked at the start.
  bool is_small;
};

/// Opens the file, or makes it. A file that is refused is left as it was.
/// Errors: every `journal_ec` except `conflict` and `truncated`.
[[nodiscard]] expected<sqlite_file, journal_error>
open_sqlite_file(const std::filesystem::path& path,
                 const journal_options& options);

/// Makes the connection durable, after all checks.
/// Errors: `full`, `in_use`, `unavailable`.
[[nodiscard]] expected<void, journal_error>
prepare_for_writing(const sqlite_connection& connection);

} // namespace troupe::runtime
