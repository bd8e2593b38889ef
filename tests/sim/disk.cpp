#include "tests/sim/disk.hpp"

namespace troupe::sim {

namespace {

using runtime::journal_ec;
using runtime::journal_error;

unexpected<journal_error> refuse(journal_ec code, const char* why) {
  return make_unexpected(journal_error{code, why});
}

} // namespace

void disk::spoil(disk_fault how) {
  switch (how) {
  case disk_fault::full:
    full_ = true;
    break;
  case disk_fault::broken:
  case disk_fault::broken_after_write:
    breaks_ = true;
    writes_first_ = how == disk_fault::broken_after_write;
    break;
  }
}

void disk::open() {
  broken_ = false;
  if (mutant_ == mutant::loses_facts)
    lose_last();
}

void disk::lose_last() {
  if (facts_.version() < 3)
    return;
  std::vector<std::string> kept;
  auto end = facts_.version() - 1;
  auto read = facts_.read(1, [&](std::uint64_t version, std::string_view x) {
    if (version < end)
      kept.emplace_back(x);
    return true;
  });
  if (!read)
    return;
  facts_ = runtime::memory_journal{};
  static_cast<void>(facts_.append(0, kept));
}

expected<std::uint64_t, journal_error>
disk::append(std::uint64_t expected_version,
             std::span<const std::string> facts) {
  if (broken_)
    return refuse(journal_ec::unavailable, "the disk has failed");
  if (full_)
    return refuse(journal_ec::full, "the disk is full");
  if (std::exchange(breaks_, false)) {
    broken_ = true;
    if (writes_first_)
      static_cast<void>(facts_.append(expected_version, facts));
    return refuse(journal_ec::unavailable, "the disk fails");
  }
  auto result = facts_.append(expected_version, facts);
  if (after_append)
    std::exchange(after_append, nullptr)();
  return result;
}

expected<void, journal_error>
disk::read(std::uint64_t from_version, const reader& read_fact) const {
  return facts_.read(from_version, read_fact);
}

expected<std::optional<runtime::journal_snapshot>, journal_error>
disk::latest_snapshot() const {
  return facts_.latest_snapshot();
}

expected<void, journal_error>
disk::save_snapshot(std::uint64_t version, std::string_view state) {
  if (broken_ || full_)
    return refuse(journal_ec::full, "the disk is full");
  return facts_.save_snapshot(version, state);
}

expected<void, journal_error>
disk::backup(const std::filesystem::path& path) const {
  return facts_.backup(path);
}

} // namespace troupe::sim
