#pragma once

#include <string>
#include <vector>

#include "messages/expected.hpp"
#include "messages/job.hpp"

namespace troupe::runtime {

/// Checks that each of `wanted` stands below a directory that the node's operator
/// allows, after links and `..` are followed: what a path says and where it leads
/// are two things. Errors: a sentence that names the volume and the flag.
[[nodiscard]] expected<void, std::string>
check_volumes(const std::vector<volume_mount>& wanted,
              const std::vector<std::string>& allowed);

} // namespace troupe::runtime
