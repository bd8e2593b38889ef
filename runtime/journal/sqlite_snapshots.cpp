#include "runtime/journal/sqlite_snapshots.hpp"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "messages/contract.hpp"

#include "runtime/journal/refusals.hpp"

namespace troupe::runtime {

namespace {

/// Bytes of the state in a part, and parts in a transaction: bounds the log.
constexpr auto part_bytes = std::size_t{4} << 20;
constexpr auto parts_per_transaction = std::uint64_t{4};

constexpr auto reserved_bytes_max = std::uint64_t{1} << 30;

std::uint64_t place_of(std::uint64_t id, std::uint64_t part) {
  return id * 0x9E3779B97F4A7C15 + part;
}

} // namespace

expected<sqlite_snapshots, journal_error>
sqlite_snapshots::load(const sqlite_connection& connection) {
  auto snapshots = sqlite_snapshots{};
  auto prepare = [&](sqlite_statement& statement, const char* sql) {
    return connection.prepare(sql).map(
      [&](sqlite_statement made) { statement = std::move(made); });
  };
  auto ready
    = prepare(snapshots.list_, "SELECT id, version, parts, bytes "
                               "FROM snapshots ORDER BY version DESC")
        .and_then([&] {
          return prepare(snapshots.select_parts_,
                         "SELECT part, format, checksum, body FROM "
                         "snapshot_parts WHERE snapshot = ? ORDER BY part");
        })
        .and_then([&] {
          return prepare(snapshots.insert_part_,
                         "INSERT INTO snapshot_parts VALUES(?, ?, ?, ?, ?)");
        })
        .and_then([&] {
          return prepare(snapshots.remove_leftovers_,
                         "DELETE FROM snapshot_parts WHERE rowid IN (SELECT "
                         "rowid FROM snapshot_parts WHERE snapshot NOT IN "
                         "(SELECT id FROM snapshots) LIMIT ?)");
        })
        .and_then([&] { return snapshots.find(connection); });
  if (!ready)
    return unexpected{ready.error()};
  return snapshots;
}

expected<void, journal_error>
sqlite_snapshots::find(const sqlite_connection& connection) {
  newest_ = previous_ = 0;
  auto run = sqlite_run{list_};
  for (auto row = 0; run.step(); ++row) {
    next_id_ = std::max(next_id_, run.number(0) + 1);
    if (row == 0)
      newest_ = run.number(1);
    if (row == 1)
      previous_ = run.number(1);
  }
  if (run.result() != SQLITE_DONE)
    return unexpected{connection.error(run.result(), "reading snapshots")};
  return {};
}

// -- writing ------------------------------------------------------------------

expected<void, journal_error>
sqlite_snapshots::save(const sqlite_connection& connection,
                       std::uint64_t version, std::string_view state) {
  TROUPE_ASSERT(version >= newest_);
  // An id is not used twice, even if this snapshot fails: its parts may stay.
  auto id = next_id_++;
  auto parts = write_parts(connection, id, state);
  if (!parts) {
    // Gives the space back if that can be done now, or else at the next start.
    std::ignore = remove_leftovers(connection);
    return unexpected{parts.error()};
  }
  return finish(connection, id, version, *parts, state.size())
    .map([&] { damaged_.clear(); })
    .and_then([&] { return find(connection); })
    .and_then([&] { return remove_leftovers(connection); });
}

expected<std::uint64_t, journal_error>
sqlite_snapshots::write_parts(const sqlite_connection& connection,
                              std::uint64_t id, std::string_view state) {
  auto part = std::uint64_t{0};
  while (!state.empty()) {
    auto transaction = sqlite_transaction{connection};
    if (auto begun = transaction.begin(); !begun)
      return unexpected{begun.error()};
    for (auto n = std::uint64_t{0}; n < parts_per_transaction && !state.empty();
         ++n, ++part) {
      auto block = codec_.pack(state.substr(0, part_bytes), place_of(id, part));
      auto run = sqlite_run{insert_part_};
      run.with(id).with(part).with(static_cast<std::uint64_t>(block.format));
      run.with(block.checksum).with_blob(block.bytes).step();
      if (run.result() != SQLITE_DONE)
        return unexpected{connection.error(run.result(), "saving a snapshot")};
      state.remove_prefix(std::min(part_bytes, state.size()));
    }
    if (auto committed = transaction.commit(); !committed)
      return unexpected{committed.error()};
  }
  return part;
}

expected<void, journal_error>
sqlite_snapshots::finish(const sqlite_connection& connection, std::uint64_t id,
                         std::uint64_t version, std::uint64_t parts,
                         std::uint64_t bytes) {
  auto damaged = fmt::format("{}", fmt::join(damaged_, ","));
  // Replaces a snapshot of the same version, and keeps the two newest.
  auto sql = fmt::format("BEGIN IMMEDIATE;"
                         "DELETE FROM snapshots WHERE id IN ({});"
                         "INSERT OR REPLACE INTO snapshots "
                         "VALUES({}, {}, {}, {});"
                         "DELETE FROM snapshots WHERE id NOT IN (SELECT id "
                         "FROM snapshots ORDER BY version DESC LIMIT 2);",
                         damaged, id, version, parts, bytes);
  auto transaction = sqlite_transaction{connection};
  return connection.execute(sql.c_str(), "saving a snapshot").and_then([&] {
    return transaction.commit();
  });
}

expected<void, journal_error>
sqlite_snapshots::remove_leftovers(const sqlite_connection& connection) {
  do {
    auto run = sqlite_run{remove_leftovers_};
    run.with(parts_per_transaction).step();
    if (run.result() != SQLITE_DONE)
      return unexpected{
        connection.error(run.result(), "removing an old snapshot")};
  } while (sqlite3_changes(connection.get()) != 0);
  return {};
}

// -- reading ------------------------------------------------------------------

expected<std::optional<journal_snapshot>, journal_error>
sqlite_snapshots::latest(const sqlite_connection& connection) {
  damaged_.clear();
  auto warning = std::string{};
  auto run = sqlite_run{list_};
  while (run.step()) {
    auto version = run.number(1);
    auto state
      = read_parts(connection, run.number(0), run.number(2), run.number(3));
    if (!state)
      return unexpected{state.error()};
    if (*state)
      return journal_snapshot{version, std::move(**state), std::move(warning)};
    damaged_.push_back(run.number(0));
    warning = refuse(journal_ec::corrupt, connection.name(),
                     "the snapshot of version " + std::to_string(version)
                       + " is damaged, an older one stands in for it; make a "
                         "backup and check the disk")
                .message;
  }
  if (run.result() != SQLITE_DONE)
    return unexpected{connection.error(run.result(), "reading snapshots")};
  if (!warning.empty())
    return unexpected{refuse(journal_ec::corrupt, connection.name(),
                             "no snapshot is intact; restore a backup")};
  return std::nullopt;
}

/// Nothing if a part is damaged or missing.
expected<std::optional<std::string>, journal_error>
sqlite_snapshots::read_parts(const sqlite_connection& connection,
                             std::uint64_t id, std::uint64_t parts,
                             std::uint64_t bytes) {
  auto state = std::string{};
  // A damaged row may claim any size; beyond this the string grows as it must.
  state.reserve(std::min(bytes, reserved_bytes_max));
  auto next = std::uint64_t{0};
  auto run = sqlite_run{select_parts_};
  run.with(id);
  while (run.step()) {
    auto block
      = stored_block{block_format{run.number(1)}, run.number(2), run.bytes(3)};
    auto text = codec_.unpack(block, place_of(id, next));
    if (run.number(0) != next || !text)
      return std::nullopt;
    state += *text;
    ++next;
  }
  if (run.result() != SQLITE_DONE)
    return unexpected{connection.error(run.result(), "reading a snapshot")};
  if (next != parts || state.size() != bytes)
    return std::nullopt;
  return state;
}

} // namespace troupe::runtime
