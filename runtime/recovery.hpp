#pragma once

#include <memory>
#include <string>

#include "messages/expected.hpp"

#include "runtime/cluster/cluster.hpp"
#include "runtime/journal/journal.hpp"

namespace troupe::runtime {

/// What a journal held when it was read to its end.
struct recovered {
  std::shared_ptr<cluster> state;
  /// Version of the snapshot that it began with; 0 if there was none.
  version_number snapshot_version = 0;
};

/// Folds `from`: its latest snapshot and all facts after it.
/// Errors: a sentence that says which fact or snapshot cannot be read and why.
[[nodiscard]] expected<recovered, std::string> recover(const journal& from);

/// Writes the state of `from` into a snapshot of `to`.
[[nodiscard]] expected<void, journal_error>
save_snapshot(const cluster& from, journal& to);

} // namespace troupe::runtime
