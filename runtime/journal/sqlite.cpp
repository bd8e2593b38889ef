#include "runtime/journal/sqlite.hpp"

#include <algorithm>
#include <utility>

#include "messages/contract.hpp"

#include "runtime/journal/disk.hpp"
#include "runtime/journal/refusals.hpp"
#include "runtime/journal/sqlite_facts.hpp"
#include "runtime/journal/sqlite_file.hpp"
#include "runtime/journal/sqlite_snapshots.hpp"

namespace troupe::runtime {

namespace {

/// Says in refusals where the file really is, and hides names that SQLite
/// takes for something else, such as ":memory:".
std::filesystem::path absolute_path(const std::filesystem::path& path) {
  auto failed = std::error_code{};
  auto result = std::filesystem::absolute(path, failed);
  return failed ? path : result;
}

/// After these nobody knows what the file holds: only opening it again tells.
bool ends_writing(journal_ec code) {
  return code == journal_ec::unavailable || code == journal_ec::corrupt
         || code == journal_ec::conflict;
}

class sqlite_journal final : public journal {
public:
  sqlite_journal(sqlite_file file, sqlite_facts facts,
                 sqlite_snapshots snapshots, std::uint64_t keep_facts)
    : file_{std::move(file)}, facts_{std::move(facts)},
      snapshots_{std::move(snapshots)}, keep_facts_{keep_facts} {}

  std::string cluster_id() const override { return file_.cluster_id; }

  std::uint64_t version() const override { return facts_.head(); }

  std::uint64_t oldest_version() const override { return facts_.oldest(); }

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
  std::uint64_t release_until() const;

  /// Passes a result on, and remembers an error that ends the writing.
  expected<void, journal_error> note(expected<void, journal_error> result);

  sqlite_file file_;
  mutable sqlite_facts facts_; // Reading uses statements and buffers.
  mutable sqlite_snapshots snapshots_;
  std::uint64_t keep_facts_;
  std::optional<journal_error> ended_;
};

std::uint64_t sqlite_journal::release_until() const {
  auto head = facts_.head();
  return head < keep_facts_
           ? 0
           : std::min(snapshots_.previous(), head - keep_facts_);
}

expected<void, journal_error>
sqlite_journal::note(expected<void, journal_error> result) {
  if (!result && ends_writing(result.error().code)) {
    ended_ = result.error();
    ended_->message += "; it accepts nothing until it is opened again";
  }
  return result;
}

expected<std::uint64_t, journal_error>
sqlite_journal::append(std::uint64_t expected_version,
                       std::span<const std::string> facts) {
  if (ended_)
    return unexpected{*ended_};
  if (expected_version != version())
    return unexpected{
      refuse_conflict(file_.connection.name(), expected_version, version())};
  if (facts.empty())
    return version();
  return note(facts_.append(file_.connection, facts, release_until()))
    .map([this] { return version(); });
}

expected<void, journal_error>
sqlite_journal::read(std::uint64_t from_version,
                     const reader& read_fact) const {
  auto from = std::max<std::uint64_t>(from_version, 1);
  if (from < oldest_version())
    return unexpected{
      refuse_truncated(file_.connection.name(), from, oldest_version())};
  if (from > version())
    return {};
  return facts_.read(file_.connection, from, read_fact);
}

expected<std::optional<journal_snapshot>, journal_error>
sqlite_journal::latest_snapshot() const {
  return snapshots_.latest(file_.connection);
}

expected<void, journal_error>
sqlite_journal::save_snapshot(std::uint64_t version, std::string_view state) {
  TROUPE_ASSERT(version <= this->version());
  if (ended_)
    return unexpected{*ended_};
  return note(
    snapshots_.save(file_.connection, version, state).and_then([this] {
      return facts_.release(file_.connection, release_until());
    }));
}

/// Through a connection of its own, so that appends go on meanwhile.
expected<void, journal_error> copy_database(const std::filesystem::path& from,
                                            const std::filesystem::path& to) {
  auto connection = sqlite_connection::open(from, SQLITE_OPEN_READONLY);
  if (!connection)
    return unexpected{connection.error()};
  auto copy = connection->prepare("VACUUM INTO ?");
  if (!copy)
    return unexpected{copy.error()};
  auto run = sqlite_run{*copy};
  run.with_text(to.native()).step();
  if (run.result() != SQLITE_DONE)
    return unexpected{connection->error(run.result(), "the copying of it")};
  return {};
}

expected<void, journal_error>
sqlite_journal::backup(const std::filesystem::path& given_path) const {
  auto path = absolute_path(given_path);
  auto failed = std::error_code{};
  if (std::filesystem::exists(path, failed))
    return unexpected{
      refuse(journal_ec::in_use, file_.connection.name(),
             "the backup would replace " + path.string()
               + ", which exists; choose another name or remove it")};
  auto unfinished = std::filesystem::path{path.string() + ".new"};
  auto done = create_private_file(path, unfinished)
                .and_then([&] {
                  return copy_database(file_.connection.path(), unfinished);
                })
                .and_then([&] { return sync_to_disk(path, unfinished); })
                .and_then([&] { return rename_durably(unfinished, path); });
  if (!done)
    std::filesystem::remove(unfinished, failed);
  return done;
}

/// Facts and snapshots must belong together.
expected<void, journal_error>
check(const sqlite_connection& connection, const sqlite_facts& facts,
      const sqlite_snapshots& snapshots) {
  auto covered = snapshots.newest();
  auto what = std::string{};
  if (covered > facts.head())
    what = "there is a snapshot of version " + std::to_string(covered)
           + " but the last fact is " + std::to_string(facts.head());
  else if (facts.oldest() > covered + 1)
    what = "the first fact is " + std::to_string(facts.oldest())
           + " but the newest snapshot is of version "
           + std::to_string(covered);
  else
    return {};
  return unexpected{refuse(journal_ec::corrupt, connection.name(),
                           what + ", so facts are lost; restore a backup")};
}

} // namespace

expected<std::unique_ptr<journal>, journal_error>
open_sqlite_journal(const std::filesystem::path& given_path,
                    const journal_options& options) {
  auto path = absolute_path(given_path);
  auto file = open_sqlite_file(path, options);
  if (!file)
    return unexpected{file.error()};
  const auto& connection = file->connection;
  auto facts = sqlite_facts::load(connection, file->is_small);
  if (!facts)
    return unexpected{facts.error()};
  auto snapshots = sqlite_snapshots::load(connection);
  if (!snapshots)
    return unexpected{snapshots.error()};
  // Only what is accepted is written to.
  auto ready
    = check(connection, *facts, *snapshots)
        .and_then([&] { return prepare_for_writing(connection); })
        .and_then([&] { return snapshots->remove_leftovers(connection); })
        .and_then([&] { return sync_to_disk(path, folder_of(path)); });
  if (!ready)
    return unexpected{ready.error()};
  connection.keep_log_on_close(0);
  return std::make_unique<sqlite_journal>(std::move(*file), std::move(*facts),
                                          std::move(*snapshots),
                                          options.keep_facts);
}

} // namespace troupe::runtime
