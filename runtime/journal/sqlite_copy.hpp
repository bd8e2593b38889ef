#pragma once

#include "runtime/journal/journal.hpp"

namespace troupe::runtime {

/// What a copy of a journal is made of.
struct journal_content {
  std::string cluster_id;
  std::uint64_t oldest = 1;
  std::optional<journal_snapshot> snapshot;
  /// Reads all facts from `oldest` on.
  std::function<expected<void, journal_error>(const journal::reader&)> read;
};

/// Writes `from` into an SQLite journal at `path`, whole or not at all.
/// Errors: `in_use` if `path` exists, `full`, `unavailable`; those of `read`.
[[nodiscard]] expected<void, journal_error>
write_sqlite_copy(const journal_content& from,
                  const std::filesystem::path& path);

} // namespace troupe::runtime
