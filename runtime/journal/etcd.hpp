#pragma once

#include <memory>

#include "runtime/journal/etcd_lead.hpp"
#include "runtime/journal/journal.hpp"

namespace troupe::runtime {

/// Opens the journal in etcd for whoever holds `lead`, or makes it. Appends are
/// refused with `unavailable` once the lead has ended by this machine's clock, and
/// with `conflict` if etcd says so. After either it accepts nothing more: take
/// the lead again and open it anew.
/// Errors: every `journal_ec` except `truncated` and `in_use`.
[[nodiscard]] expected<std::unique_ptr<journal>, journal_error>
open_etcd_journal(const etcd_address& address, std::shared_ptr<etcd_lead> lead,
                  const journal_options& options = {});

/// The same for a program that needs the journal alone and now: takes the lead
/// and keeps it as long as the journal is there.
/// Errors: also `in_use`, which tells who leads.
[[nodiscard]] expected<std::unique_ptr<journal>, journal_error>
lead_etcd_journal(const etcd_address& address,
                  const journal_options& options = {});

/// What etcd said, as all journals word it.
[[nodiscard]] journal_error
refuse_etcd(const etcd_address& address, const etcd_error& why);

} // namespace troupe::runtime
