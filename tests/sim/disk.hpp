#pragma once

#include <functional>

#include "runtime/journal/memory.hpp"

#include "tests/sim/mutant.hpp"
#include "tests/sim/scenario.hpp"

namespace troupe::sim {

/// A journal that outlives the controller, on a disk with faults.
class disk final : public runtime::journal {
public:
  explicit disk(mutant planted) : mutant_(planted) {}

  /// Spoils it; a disk that is full has space again with `free`.
  void spoil(disk_fault how);
  void free() { full_ = false; }
  /// Opens it again, as a new process does.
  void open();

  /// Called once, after the next append.
  std::function<void()> after_append;

  std::string cluster_id() const override { return "simulated"; }
  std::uint64_t version() const override { return facts_.version(); }
  std::uint64_t oldest_version() const override {
    return facts_.oldest_version();
  }
  expected<std::uint64_t, runtime::journal_error>
  append(std::uint64_t expected_version,
         std::span<const std::string> facts) override;
  expected<void, runtime::journal_error>
  read(std::uint64_t from_version, const reader& read_fact) const override;
  expected<std::optional<runtime::journal_snapshot>, runtime::journal_error>
  latest_snapshot() const override;
  expected<void, runtime::journal_error>
  save_snapshot(std::uint64_t version, std::string_view state) override;
  expected<void, runtime::journal_error>
  backup(const std::filesystem::path& path) const override;

private:
  void lose_last();

  mutant mutant_;
  runtime::memory_journal facts_;
  bool full_ = false;
  bool breaks_ = false;
  bool writes_first_ = false;
  bool broken_ = false;
};

} // namespace troupe::sim
