#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/job.hpp"

namespace troupe::runtime {

/// Indices of `specs`, in which each job comes after those that it waits for, and
/// otherwise in their order: whoever is submitted sees what it waits for as it
/// will be. REQUIRES: nobody waits for itself in a circle.
[[nodiscard]] std::vector<size_t>
awaited_first(const std::vector<job_spec_ptr>& specs);

/// Names of the jobs that a job waits for.
using waits_of = std::function<std::vector<std::string>(const std::string&)>;

/// The names of a circle of waits that can be reached from `starts`, each waiting
/// for the next and the last for the first; empty if there is none. Looks at each
/// job once.
[[nodiscard]] std::vector<std::string>
find_circle(const std::vector<std::string>& starts, const waits_of& waits);

} // namespace troupe::runtime
