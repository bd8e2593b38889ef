#pragma once

#include <memory>

#include "runtime/journal/journal.hpp"

namespace troupe::runtime {

/// Opens the journal that an address names: `memory`, `sqlite:PATH`, or
/// `etcd://HOST:PORT,HOST:PORT/prefix`, as its leader.
/// Errors: `unavailable` for any other address; otherwise those of the backend.
[[nodiscard]] expected<std::unique_ptr<journal>, journal_error>
open_journal(std::string_view address, const journal_options& options = {});

} // namespace troupe::runtime
