#pragma once

#include <memory>

#include "runtime/journal/journal.hpp"

namespace troupe::runtime {

/// Opens the journal in an SQLite file, or makes it, folders included. What it
/// refuses it leaves as it was, except for the `PATH.lock` beside it.
/// Errors: every `journal_ec` except `conflict` and `truncated`.
[[nodiscard]] expected<std::unique_ptr<journal>, journal_error>
open_sqlite_journal(const std::filesystem::path& path,
                    const journal_options& options = {});

} // namespace troupe::runtime
