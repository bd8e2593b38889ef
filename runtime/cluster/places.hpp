#pragma once

/// Places as tasks, facts and the table have them.

#include <cstdint>
#include <string>
#include <vector>

#include "messages/fact.hpp"
#include "messages/work.hpp"

#include "runtime/cluster/records.hpp"
#include "runtime/placement/preempt.hpp"
#include "runtime/placement/table.hpp"

namespace troupe::runtime {

/// The ports of a task of `spec` that gets `held` from the table, which lists
/// fixed ports in ascending order and then those that were chosen.
[[nodiscard]] std::vector<port_binding>
bindings_of(const job_spec& spec, const placement::occupation& held);

/// The ports of a task of `spec` that holds `held`, as records and facts have it:
/// in the order of the spec.
[[nodiscard]] std::vector<port_binding>
bindings_of_held(const job_spec& spec, const placement::occupation& held);

/// The ports of a fact in the order of the table: fixed ones first.
[[nodiscard]] std::vector<uint16_t>
ports_in_order(const job_spec& spec, const std::vector<uint16_t>& ports);

/// The fact that places a task on `node`, with what `held` gives it.
[[nodiscard]] task_placed
placing_of(const job_record& job, uint32_t index, const std::string& node,
           const placement::occupation& held);

/// The fact that `victim`, which has `allocation` on `node`, goes for `by`.
[[nodiscard]] task_preempted
victim_of(const placement::tenants& tenants, const node_record& node,
          uint64_t allocation, task_ref victim, task_ref by, int32_t priority);

} // namespace troupe::runtime
