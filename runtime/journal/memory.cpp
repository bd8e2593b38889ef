#include "runtime/journal/memory.hpp"

#include <algorithm>

#include "messages/contract.hpp"

#include "runtime/journal/refusals.hpp"

namespace troupe::runtime {

memory_journal::memory_journal(journal_options options)
  : keep_facts_{options.keep_facts} {}

std::string memory_journal::cluster_id() const {
  return cluster_id_;
}

std::uint64_t memory_journal::version() const {
  return oldest_ + facts_.size() - 1;
}

std::uint64_t memory_journal::oldest_version() const {
  return oldest_;
}

expected<std::uint64_t, journal_error>
memory_journal::append(std::uint64_t expected_version,
                       std::span<const std::string> facts) {
  if (expected_version != version())
    return unexpected{refuse_conflict("memory", expected_version, version())};
  for (const auto& fact : facts)
    TROUPE_ASSERT(fact.find('\n') == std::string::npos);
  facts_.insert(facts_.end(), facts.begin(), facts.end());
  trim();
  return version();
}

expected<void, journal_error>
memory_journal::read(std::uint64_t from_version,
                     const reader& read_fact) const {
  auto from = std::max<std::uint64_t>(from_version, 1);
  if (from < oldest_)
    return unexpected{refuse_truncated("memory", from, oldest_)};
  for (auto v = from; v <= version(); ++v)
    if (!read_fact(v, facts_[v - oldest_]))
      break;
  return {};
}

expected<std::optional<journal_snapshot>, journal_error>
memory_journal::latest_snapshot() const {
  if (snapshots_.empty())
    return std::nullopt;
  return snapshots_.back();
}

expected<void, journal_error>
memory_journal::save_snapshot(std::uint64_t version, std::string_view state) {
  TROUPE_ASSERT(version <= this->version());
  TROUPE_ASSERT(snapshots_.empty() || version >= snapshots_.back().version);
  if (!snapshots_.empty() && snapshots_.back().version == version)
    snapshots_.pop_back();
  if (snapshots_.size() == 2)
    snapshots_.erase(snapshots_.begin());
  snapshots_.push_back({version, std::string{state}, {}});
  trim();
  return {};
}

expected<void, journal_error>
memory_journal::backup(const std::filesystem::path& path) const {
  return unexpected{
    journal_error{journal_ec::unavailable,
                  "journal memory: cannot be copied to " + path.string()
                    + "; start the controller with --journal sqlite:PATH"}};
}

void memory_journal::trim() {
  if (snapshots_.size() < 2 || version() < keep_facts_)
    return;
  auto limit = std::min(snapshots_.front().version, version() - keep_facts_);
  for (; oldest_ <= limit; ++oldest_)
    facts_.pop_front();
}

} // namespace troupe::runtime
