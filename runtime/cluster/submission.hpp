#pragma once

#include <vector>

#include "messages/fact.hpp"
#include "messages/job.hpp"
#include "messages/problem.hpp"

namespace troupe::runtime {

class cluster;

/// What is wrong with jobs that are submitted together, as things stand: what no
/// document can know of itself. Empty if all is well.
[[nodiscard]] std::vector<problem>
faults_of(const std::vector<job_spec_ptr>& specs, const cluster& in);

/// `spec` with the priority of its class, if it has none of its own.
[[nodiscard]] job_spec_ptr
with_priority(const job_spec_ptr& spec, const settings& config);

} // namespace troupe::runtime
