#pragma once

/// What follows from who is in a gang, and how far they are.

#include <cstdint>

#include "runtime/cluster/records.hpp"
#include "runtime/gang.hpp"

namespace troupe::runtime {

[[nodiscard]] gang_members members_of(const gang_record& gang);

/// The highest of its jobs.
[[nodiscard]] int32_t priority_of(const gang_record& gang);

/// What a task counts as when others need its place.
[[nodiscard]] int32_t counts_as(const job_record& job, const task_record& task);

/// Whether others may be about to join: jobs that share a gang and do not say how
/// many it needs come one by one.
[[nodiscard]] bool
is_gathering(const gang_record& gang, const gang_members& members);

/// Whether nobody is in the way of a reservation any more.
[[nodiscard]] bool is_clear(const gang_record& gang);

} // namespace troupe::runtime
