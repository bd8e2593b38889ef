#pragma once

#include <cstdint>
#include <memory>
#include <set>

#include "runtime/metrics/controller_meters.hpp"
#include "runtime/placement/policy.hpp"

namespace troupe::runtime {

/// Counts looks for places that were in vain, and those made again after one.
/// What is placed is counted as a fact.
class attempt_meter {
public:
  explicit attempt_meter(std::shared_ptr<controller_meters> to);

  /// Takes a proposal; one for a gang places all that it asks for or nobody.
  void take(const placement::proposal& x, bool is_gang = false);
  /// Takes how often so far something was tried enough by time alone.
  void take_parked(uint64_t total);

private:
  std::shared_ptr<controller_meters> to_;
  /// Asks that were refused and have not been fully placed since. Those whose
  /// job was stopped stay behind, so that it is emptied at a limit: some retries
  /// then count as first looks.
  std::set<uint64_t> refused_;
  uint64_t parked_ = 0;
};

} // namespace troupe::runtime
