#pragma once

/// How nodes stand in the table: which drivers work there is said by labels.

#include <string>
#include <string_view>

#include "runtime/cluster/records.hpp"
#include "runtime/placement/table.hpp"

namespace troupe::runtime {

/// Name of the label that a node's row has for each driver that works there.
[[nodiscard]] std::string driver_label(std::string_view driver);

[[nodiscard]] placement::node_row
row_of(const node_record& node, double overcommit);

/// Labels of a node's row as if all its drivers worked: who belongs there does so
/// also while an engine hangs.
[[nodiscard]] label_set
labels_when_well(const placement::table& nodes, const node_record& node);

/// Why a place on `node` is no good to a task of `spec` now, since what would run
/// it does not work there; empty if it does.
[[nodiscard]] std::string
driver_trouble(const node_record& node, const job_spec& spec);

} // namespace troupe::runtime
