#pragma once

#include <deque>
#include <vector>

#include "runtime/journal/journal.hpp"

namespace troupe::runtime {

/// A journal that is gone with the process: for tests and for trying things
/// out. Keeps the rules of the durable ones. `backup` is refused.
class memory_journal final : public journal {
public:
  explicit memory_journal(journal_options options = {});

  std::string cluster_id() const override;

  std::uint64_t version() const override;

  std::uint64_t oldest_version() const override;

  expected<std::uint64_t, journal_error>
  append(std::uint64_t expected_version,
         std::span<const std::string> facts) override;

  expected<void, journal_error>
  read(std::uint64_t from_version, const reader& read_fact) const override;

  expected<std::optional<journal_snapshot>, journal_error>
  latest_snapshot() const override;

  expected<void, journal_error>
  save_snapshot(std::uint64_t version, std::string_view state) override;

  expected<void, journal_error>
  backup(const std::filesystem::path& path) const override;

private:
  void trim();

  std::uint64_t keep_facts_;
  std::string cluster_id_ = random_cluster_id();
  std::deque<std::string> facts_;
  std::uint64_t oldest_ = 1;                // Version of `facts_.front()`.
  std::vector<journal_snapshot> snapshots_; // Oldest first, two at most.
};

} // namespace troupe::runtime
