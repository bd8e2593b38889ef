#pragma once

#include <vector>

#include "messages/job.hpp"
#include "messages/work.hpp"

#include "runtime/placement/table.hpp"

namespace troupe::runtime {

/// The ports of a task of `spec` that holds `held`, as records and facts have it:
/// in the order of the spec.
[[nodiscard]] inline std::vector<port_binding>
bindings_of_held(const job_spec& spec, const placement::occupation& held) {
  std::vector<port_binding> result;
  for (size_t i = 0; i < spec.ports.size(); ++i)
    result.push_back(
      {spec.ports[i].name, spec.ports[i].container, held.ports.at(i)});
  return result;
}

} // namespace troupe::runtime
