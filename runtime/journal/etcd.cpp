#include "runtime/journal/etcd.hpp"

#include <algorithm>

#include "messages/contract.hpp"

#include "runtime/journal/etcd_facts.hpp"
#include "runtime/journal/etcd_snapshots.hpp"
#include "runtime/journal/refusals.hpp"
#include "runtime/journal/sqlite_copy.hpp"

namespace troupe::runtime {

namespace {

/// What is let go at once: a snapshot is saved seldom, an append waits for it.
constexpr auto slices_by_append = std::size_t{1};
constexpr auto slices_by_snapshot = std::size_t{20};
/// Appends between two looks at whether something may go.
constexpr auto release_interval = std::uint64_t{100};

/// After these nobody knows what is written, or somebody else leads.
bool ends_writing(journal_ec code) {
  return code != journal_ec::full;
}

class etcd_journal final : public journal {
public:
  etcd_journal(std::shared_ptr<etcd_lead> lead, etcd_store store,
               etcd_snapshots snapshots, std::string cluster_id,
               const journal_options& options)
    : lead_{std::move(lead)}, store_{std::move(store)}, snapshots_{std::move(
                                                          snapshots)},
      cluster_id_{std::move(cluster_id)}, keep_facts_{options.keep_facts} {}

  std::string cluster_id() const override { return cluster_id_; }

  std::uint64_t version() const override { return store_.head().version; }

  std::uint64_t oldest_version() const override { return store_.head().oldest; }

  expected<std::uint64_t, journal_error>
  append(std::uint64_t expected_version,
         std::span<const std::string> facts) override;

  expected<void, journal_error>
  read(std::uint64_t from_version, const reader& read_fact) const override;

  expected<std::optional<journal_snapshot>, journal_error>
  latest_snapshot() const override {
    return snapshots_.latest(store_);
  }

  expected<void, journal_error>
  save_snapshot(std::uint64_t version, std::string_view state) override;

  expected<void, journal_error>
  backup(const std::filesystem::path& path) const override;

private:
  std::uint64_t release_until() const;

  /// Passes a result on, and remembers an error that ends the writing.
  expected<void, journal_error> note(expected<void, journal_error> result);

  std::shared_ptr<etcd_lead> lead_;
  mutable etcd_store store_; // Reading uses its connection.
  mutable etcd_facts facts_;
  mutable etcd_snapshots snapshots_;
  std::string cluster_id_;
  std::uint64_t keep_facts_;
  std::uint64_t appends_ = 0;
  std::optional<journal_error> ended_;
};

std::uint64_t etcd_journal::release_until() const {
  auto head = version();
  return head < keep_facts_
           ? 0
           : std::min(snapshots_.previous(), head - keep_facts_);
}

expected<void, journal_error>
etcd_journal::note(expected<void, journal_error> result) {
  if (!result && ends_writing(result.error().code)) {
    ended_ = result.error();
    ended_->message += "; it accepts nothing until it is opened again";
  }
  return result;
}

expected<std::uint64_t, journal_error>
etcd_journal::append(std::uint64_t expected_version,
                     std::span<const std::string> facts) {
  if (ended_)
    return unexpected{*ended_};
  if (expected_version != version())
    return unexpected{
      refuse_conflict(store_.name(), expected_version, version())};
  if (facts.empty())
    return version();
  auto done = note(facts_.append(store_, facts));
  if (!done)
    return unexpected{done.error()};
  // What is not let go now is let go the next time.
  if (++appends_ % release_interval == 0)
    (void)note(facts_.release(store_, release_until(), slices_by_append));
  return version();
}

expected<void, journal_error>
etcd_journal::read(std::uint64_t from_version, const reader& read_fact) const {
  auto from = std::max<std::uint64_t>(from_version, 1);
  if (from < oldest_version())
    return unexpected{refuse_truncated(store_.name(), from, oldest_version())};
  if (from > version())
    return {};
  return facts_.read(store_, from, read_fact);
}

expected<void, journal_error>
etcd_journal::save_snapshot(std::uint64_t version, std::string_view state) {
  TROUPE_ASSERT(version <= this->version());
  if (ended_)
    return unexpected{*ended_};
  return note(snapshots_.save(store_, version, state).and_then([this] {
    return facts_.release(store_, release_until(), slices_by_snapshot);
  }));
}

/// Through a connection of its own, so that appends go on meanwhile.
expected<void, journal_error>
etcd_journal::backup(const std::filesystem::path& path) const {
  auto store = etcd_store{store_.address(), lead_};
  auto there = store.look();
  if (!there)
    return unexpected{there.error()};
  auto snapshots = etcd_snapshots::load(store, there->snapshots);
  if (!snapshots)
    return unexpected{snapshots.error()};
  auto newest = snapshots->latest(store);
  if (!newest)
    return unexpected{newest.error()};
  auto facts = etcd_facts{};
  auto read = [&](const reader& read_fact) -> expected<void, journal_error> {
    if (store.head().version == 0)
      return {};
    return facts.read(store, store.head().oldest, read_fact);
  };
  return write_sqlite_copy(
    {cluster_id_, store.head().oldest, std::move(*newest), read}, path);
}

} // namespace

expected<std::unique_ptr<journal>, journal_error>
open_etcd_journal(const etcd_address& address, std::shared_ptr<etcd_lead> lead,
                  const journal_options& options) {
  auto store = etcd_store{address, lead};
  auto there = store.open(options);
  if (!there)
    return unexpected{there.error()};
  auto snapshots = etcd_snapshots::load(store, there->snapshots);
  if (!snapshots)
    return unexpected{snapshots.error()};
  auto what = std::string{};
  if (snapshots->newest() > store.head().version)
    what = "there is a snapshot of version "
           + std::to_string(snapshots->newest()) + " but the last fact is "
           + std::to_string(store.head().version);
  else if (store.head().oldest > snapshots->newest() + 1)
    what = "the first fact is " + std::to_string(store.head().oldest)
           + " but the newest snapshot is of version "
           + std::to_string(snapshots->newest());
  if (!what.empty())
    return unexpected{refuse(journal_ec::corrupt, store.name(),
                             what
                               + ", so facts are lost; restore a backup "
                                 "of etcd")};
  if (auto ok = snapshots->remove_leftovers(store); !ok)
    return unexpected{ok.error()};
  return std::make_unique<etcd_journal>(std::move(lead), std::move(store),
                                        std::move(*snapshots),
                                        std::move(there->cluster_id), options);
}

journal_error refuse_etcd(const etcd_address& address, const etcd_error& why) {
  if (why.code == etcd_ec::full)
    return refuse(journal_ec::full, to_string(address),
                  "its quota is used up, so nobody can take the lead; compact "
                  "and defragment etcd, raise --quota-backend-bytes, and "
                  "disarm its alarm with `etcdctl alarm disarm`");
  return refuse(journal_ec::unavailable, to_string(address), why.message);
}

expected<std::unique_ptr<journal>, journal_error>
lead_etcd_journal(const etcd_address& address, const journal_options& options) {
  auto name = to_string(address);
  auto lead = etcd_lead::campaign(address, {.says = R"({"name":"a tool"})"});
  if (!lead)
    return unexpected{refuse_etcd(address, lead.error())};
  if (*lead == nullptr)
    return unexpected{refuse(journal_ec::in_use, name,
                             "a controller leads with it; stop all "
                             "controllers first")};
  return open_etcd_journal(address, std::move(*lead), options);
}

} // namespace troupe::runtime
