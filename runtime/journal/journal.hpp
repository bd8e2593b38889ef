#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "messages/expected.hpp"

namespace troupe::runtime {

/// Why a journal refused. Each is there because somebody reacts differently.
enum class journal_ec {
  conflict,        ///< Somebody else wrote: read on, or step down.
  full,            ///< No space: refuse new work, go on once space is free.
  unavailable,     ///< The storage fails: stop, or open the journal again.
  truncated,       ///< Facts asked for are gone: begin at the snapshot.
  corrupt,         ///< Stored bytes are damaged: restore a backup.
  newer_version,   ///< Written by a newer program: upgrade this one.
  foreign_cluster, ///< The journal of another cluster: correct the path.
  in_use,          ///< Another controller has it: stop one of the two.
};

std::string_view to_string(journal_ec code);

/// A refusal, with one sentence for the operator: where, what is wrong, and
/// what to do.
struct journal_error {
  journal_ec code;
  std::string message;
};

/// The whole state as it was after the fact `version`.
struct journal_snapshot {
  std::uint64_t version;
  std::string state;
  /// Empty, or what the operator should be told: a newer snapshot was damaged
  /// and this older one stands in for it.
  std::string warning = {};
};

struct journal_options {
  /// If set, a journal of another cluster is refused, and so is making a new
  /// one: where a cluster is expected an empty disk is a mistake.
  std::optional<std::string> expected_cluster = std::nullopt;
  /// Number of newest facts that are kept even if two snapshots cover them, so
  /// that watchers can resume. A million facts are some 30 MB on disk.
  std::uint64_t keep_facts = 1'000'000;
};

/// The durable order of facts. A fact is one line of JSON text; what it means
/// is not known here. Versions have no gaps and the first is 1.
///
/// Used by one thread at a time, except for `backup`. No function throws,
/// except for what a caller's own function throws.
class journal {
public:
  /// Called with each fact in order; false stops the reading. Must not call
  /// the journal.
  using reader = std::function<bool(std::uint64_t, std::string_view)>;

  virtual ~journal();

  /// 128 random bits in hex, made together with the journal.
  virtual std::string cluster_id() const = 0;

  /// Version of the last fact, 0 if there is none.
  virtual std::uint64_t version() const = 0;

  /// Version of the first fact that can still be read, `version() + 1` if
  /// there is none.
  virtual std::uint64_t oldest_version() const = 0;

  /// Adds all facts or none and returns the new head. They are durable then.
  /// REQUIRES: no fact contains a line feed.
  /// Errors: `conflict` if `expected_version` is not the head; `full`, after
  /// which the same call may be made again; `in_use` if another program keeps
  /// the file locked, likewise; `unavailable`, after which the journal accepts nothing until it is opened again, and may then turn out to
  /// hold these facts: nobody knows what a disk did whose sync failed.
  [[nodiscard]] virtual expected<std::uint64_t, journal_error>
  append(std::uint64_t expected_version, std::span<const std::string> facts)
    = 0;

  /// Reads the facts from `from_version` (0 counts as 1) to the head.
  /// Errors: `truncated`, `corrupt` (facts before the damage were read),
  /// `unavailable`.
  [[nodiscard]] virtual expected<void, journal_error>
  read(std::uint64_t from_version, const reader& read_fact) const = 0;

  /// The newest intact snapshot. Errors: `corrupt` if there are some but none
  /// is intact, `unavailable`.
  [[nodiscard]] virtual expected<std::optional<journal_snapshot>, journal_error>
  latest_snapshot() const = 0;

  /// Keeps `state` as the snapshot of `version`, beside the one before it, and
  /// lets facts go that are covered by that one and older than the newest
  /// `keep_facts`. They go in bounded slices, here and in later appends.
  /// REQUIRES: `version` is not above the head and not below the newest
  /// snapshot's.
  /// Errors: `full`, `unavailable`; the older snapshots then stay.
  [[nodiscard]] virtual expected<void, journal_error>
  save_snapshot(std::uint64_t version, std::string_view state) = 0;

  /// Writes a consistent copy to `path`, which can be opened as a journal. May
  /// be called by another thread while this one appends.
  /// Errors: `in_use` if `path` exists, `full`, `unavailable`.
  [[nodiscard]] virtual expected<void, journal_error>
  backup(const std::filesystem::path& path) const = 0;
};

/// 128 bits of the system's randomness in hex.
std::string random_cluster_id();

} // namespace troupe::runtime
