#pragma once

/// Who is next. Keys never change while a job waits, so that a queue of a million
/// is sorted once; only what is fair depends on what runs.

#include <string>

#include "messages/fact.hpp"

#include "runtime/cluster/records.hpp"

namespace troupe::runtime {

/// Where `job` stands in a queue in this order, see `settings::queue_order`.
[[nodiscard]] queue_key key_in(const std::string& order, const job_record& job);
/// A gang stands where the first of its jobs would.
[[nodiscard]] queue_key
key_in(const std::string& order, const gang_record& gang);

/// Whose share of the cluster `job` uses; empty if that does not matter.
[[nodiscard]] std::string
group_of(const settings& config, const job_record& job);

/// What is known of how long a task of `x` runs; 0 if nothing is.
[[nodiscard]] milliseconds estimate_of(const job_spec& x);

} // namespace troupe::runtime
