#pragma once

#include "messages/job.hpp"

namespace troupe::runtime {

struct job_record;

/// What would have to be submitted to change nothing: with as many tasks as there
/// are by now.
[[nodiscard]] job_spec spec_now(const job_record& job);

/// Whether tasks that run by `before` are as those of `after` are to be, so that
/// they can go on. It may differ in how many there are and in what is decided
/// about them here.
[[nodiscard]] bool concerns_no_task(const job_spec& before, job_spec after);

} // namespace troupe::runtime
