#pragma once

/// Compares what a policy decides with what another would have decided on the
/// same nodes and tasks.

#include <cstdint>
#include <string>

#include "messages/timestamp.hpp"

#include "runtime/placement/policy.hpp"

namespace troupe::runtime::placement {

/// Tasks by how two policies would place them, since `since`.
struct comparison {
  std::string policy;
  timestamp since;
  uint64_t rounds = 0;
  uint64_t same = 0;
  uint64_t elsewhere = 0;
  /// Found a place by one of them alone.
  uint64_t only_here = 0;
  uint64_t only_there = 0;
  bool operator==(const comparison&) const = default;

  /// Adds two proposals for the same asks. Tasks of one ask are alike: what
  /// counts is how many of them go to each node, not which.
  void add(const proposal& here, const proposal& there);
};

} // namespace troupe::runtime::placement
