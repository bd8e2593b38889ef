#pragma once

#include <vector>

#include "runtime/journal/block.hpp"
#include "runtime/journal/etcd_store.hpp"

namespace troupe::runtime {

/// The snapshots of a journal in etcd: the newest and the one before it. The
/// parts of a state lie in keys of their own; the key `PREFIX/snapshots`, which
/// makes them count, is written last.
class etcd_snapshots {
public:
  struct entry {
    std::string id;
    std::uint64_t version = 0;
    std::uint64_t parts = 0;
    std::uint64_t bytes = 0; // Of the state.
  };

  /// @param listed  the value of the key `PREFIX/snapshots`, empty if none.
  /// Errors: `corrupt`.
  [[nodiscard]] static expected<etcd_snapshots, journal_error>
  load(const etcd_store& store, const std::string& listed);

  /// Version of the older of two, 0 if there are fewer.
  [[nodiscard]] std::uint64_t previous() const;
  [[nodiscard]] std::uint64_t newest() const;

  [[nodiscard]] expected<std::optional<journal_snapshot>, journal_error>
  latest(etcd_store& store);

  /// REQUIRES: version >= newest().
  [[nodiscard]] expected<void, journal_error>
  save(etcd_store& store, std::uint64_t version, std::string_view state);

  /// Removes what is no part of a snapshot: half written, or replaced.
  [[nodiscard]] expected<void, journal_error>
  remove_leftovers(etcd_store& store);

private:
  expected<std::optional<std::string>, journal_error>
  read_parts(etcd_store& store, const entry& from);

  block_codec codec_{3};
  std::vector<entry> entries_;       // Oldest first, two at most.
  std::vector<std::string> damaged_; // Ids, found by `latest`.
};

} // namespace troupe::runtime
