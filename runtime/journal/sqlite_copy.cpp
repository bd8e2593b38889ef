#include "runtime/journal/sqlite_copy.hpp"

#include <vector>

#include "runtime/journal/disk.hpp"
#include "runtime/journal/refusals.hpp"
#include "runtime/journal/sqlite_facts.hpp"
#include "runtime/journal/sqlite_file.hpp"
#include "runtime/journal/sqlite_snapshots.hpp"

namespace troupe::runtime {

namespace {

namespace fs = std::filesystem;

/// Bytes of facts that are written at once.
constexpr auto batch_bytes_max = std::size_t{4} << 20;

expected<void, journal_error>
copy_facts(const journal_content& from, const sqlite_connection& connection,
           sqlite_facts& to) {
  auto batch = std::vector<std::string>{};
  auto bytes = std::size_t{0};
  expected<void, journal_error> written;
  auto flush = [&] {
    if (!batch.empty())
      written = to.append(connection, batch, 0);
    batch.clear();
    bytes = 0;
    return written.has_value();
  };
  to.begin_with(from.oldest);
  auto done = from.read([&](std::uint64_t, std::string_view fact) {
    batch.emplace_back(fact);
    bytes += fact.size();
    return bytes < batch_bytes_max || flush();
  });
  if (done && written)
    flush();
  return done ? written : done;
}

expected<void, journal_error>
name_cluster(const sqlite_connection& connection, const std::string& id) {
  auto statement
    = connection.prepare("UPDATE meta SET value = ? WHERE key = 'cluster_id'");
  if (!statement)
    return unexpected{statement.error()};
  auto run = sqlite_run{*statement};
  run.with_text(id).step();
  if (run.result() != SQLITE_DONE)
    return unexpected{connection.error(run.result(), "naming its cluster")};
  return {};
}

expected<void, journal_error>
fill(const journal_content& from, const fs::path& path) {
  auto file = open_sqlite_file(path, {});
  if (!file)
    return unexpected{file.error()};
  auto& connection = file->connection;
  if (auto ok = prepare_for_writing(connection); !ok)
    return ok;
  auto facts = sqlite_facts::load(connection, false);
  if (!facts)
    return unexpected{facts.error()};
  auto snapshots = sqlite_snapshots::load(connection);
  if (!snapshots)
    return unexpected{snapshots.error()};
  connection.keep_log_on_close(0);
  return name_cluster(connection, from.cluster_id)
    .and_then([&] { return copy_facts(from, connection, *facts); })
    .and_then([&]() -> expected<void, journal_error> {
      if (!from.snapshot)
        return {};
      return snapshots->save(connection, from.snapshot->version,
                             from.snapshot->state);
    });
}

} // namespace

expected<void, journal_error>
write_sqlite_copy(const journal_content& from, const fs::path& given_path) {
  auto failed = std::error_code{};
  auto path = fs::absolute(given_path, failed);
  if (failed)
    path = given_path;
  if (fs::exists(path, failed))
    return unexpected{refuse(journal_ec::in_use, path.string(),
                             "exists and would be replaced by the backup; "
                             "choose another name or remove it")};
  auto unfinished = fs::path{path.string() + ".new"};
  auto remove_all = [&] {
    for (auto end : {"", "-wal", "-shm", ".lock"})
      fs::remove(unfinished.string() + end, failed);
  };
  remove_all();
  auto done = fill(from, unfinished)
                .and_then([&] { return sync_to_disk(path, unfinished); })
                .and_then([&] { return rename_durably(unfinished, path); });
  remove_all();
  return done;
}

} // namespace troupe::runtime
