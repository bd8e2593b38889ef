#pragma once

#include <span>

#include "runtime/journal/block.hpp"
#include "runtime/journal/etcd_store.hpp"

namespace troupe::runtime {

/// The facts of a journal in etcd. A record is some neighbouring facts of one
/// append, packed; its bytes lie in one key or more, since a key has a limit:
///
///   facts/<first version>.<part>   part 0 begins with a line that tells of all
///
/// Records follow each other without a gap up to the head. What lies beyond it
/// was never finished, and is removed before anything is written there.
class etcd_facts {
public:
  /// Errors: `conflict`, `full`, `unavailable`.
  [[nodiscard]] expected<void, journal_error>
  append(etcd_store& store, std::span<const std::string> facts);

  /// REQUIRES: from >= store.head().oldest.
  [[nodiscard]] expected<void, journal_error>
  read(etcd_store& store, std::uint64_t from, const journal::reader& read_fact);

  /// Lets whole records go whose facts are all at most `until`, in at most
  /// `slices_max` writes of a thousand records each.
  /// REQUIRES: until is below the head, or 0.
  [[nodiscard]] expected<void, journal_error>
  release(etcd_store& store, std::uint64_t until, std::size_t slices_max);

private:
  struct record;

  expected<void, journal_error> remove_unfinished(etcd_store& store);

  /// The record with the fact `version`: its first version.
  expected<std::uint64_t, journal_error>
  find(etcd_store& store, std::uint64_t version);

  block_codec codec_{1};
  std::string lines_;
  bool has_unfinished_ = false;
};

} // namespace troupe::runtime
