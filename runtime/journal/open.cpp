#include "runtime/journal/open.hpp"

#include "runtime/journal/etcd.hpp"
#include "runtime/journal/memory.hpp"
#include "runtime/journal/refusals.hpp"
#include "runtime/journal/sqlite.hpp"

namespace troupe::runtime {

namespace {

expected<std::unique_ptr<journal>, journal_error>
open_memory_journal(const journal_options& options) {
  if (options.expected_cluster)
    return unexpected{
      refuse(journal_ec::foreign_cluster, "memory",
             "always begins a new cluster, but " + *options.expected_cluster
               + " is expected; give the address of its journal")};
  return std::make_unique<memory_journal>(options);
}

} // namespace

expected<std::unique_ptr<journal>, journal_error>
open_journal(std::string_view address, const journal_options& options) {
  constexpr auto sqlite = std::string_view{"sqlite:"};
  if (address == "memory")
    return open_memory_journal(options);
  if (address.starts_with(sqlite) && address.size() > sqlite.size())
    return open_sqlite_journal(address.substr(sqlite.size()), options);
  if (is_etcd_address(address)) {
    auto read = read_etcd_address(address);
    if (!read)
      return unexpected{
        journal_error{journal_ec::unavailable, "journal " + read.error()}};
    return lead_etcd_journal(*read, options);
  }
  return unexpected{refuse(journal_ec::unavailable, address,
                           "is not the address of a journal; write `memory`, "
                           "`sqlite:PATH` or `etcd://HOST:PORT/prefix`")};
}

} // namespace troupe::runtime
