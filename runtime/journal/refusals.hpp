#pragma once

#include <cstdint>
#include <string_view>

#include "runtime/journal/journal.hpp"

namespace troupe::runtime {

// Refusals that all backends word alike. `where` is the journal's address.

journal_error refuse_conflict(std::string_view where, std::uint64_t expected,
                              std::uint64_t head);

journal_error refuse_truncated(std::string_view where, std::uint64_t from,
                               std::uint64_t oldest);

/// "journal WHERE: WHAT".
journal_error
refuse(journal_ec code, std::string_view where, std::string_view what);

} // namespace troupe::runtime
