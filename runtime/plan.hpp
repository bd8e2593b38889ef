#pragma once

/// Rehearses a change on copies of the cluster, with the very code that decides.

#include <memory>
#include <string>
#include <vector>

#include <boost/json/value.hpp>

#include "messages/command.hpp"
#include "messages/expected.hpp"
#include "messages/plan.hpp"

#include "runtime/cluster/cluster.hpp"
#include "runtime/vitals.hpp"

namespace troupe::runtime {

/// A cluster at one moment, from which copies can be made elsewhere.
struct cluster_image {
  /// As `cluster::save` writes them.
  std::vector<std::string> lines;
  vitals loads;
  timestamp now;
};

[[nodiscard]] cluster_image
image_of(const cluster& x, const vitals& loads, timestamp now);

struct plan_options {
  /// How far to look: delays and deadlines pass, and what has begun runs on.
  /// Longer than a drain may take.
  milliseconds horizon{7'200'000};
  /// Proposals, rounds of reports and passings of time, in each of the two
  /// futures; what goes on after that is not looked at.
  uint32_t steps_max = 20'000;
};

/// Compares the future with `change` to the one without. In both, nodes do at
/// once and well whatever they are told, and tasks that run go on.
/// Errors: why a part of `change` would be refused.
[[nodiscard]] expected<plan_view, refusal>
plan_of(const cluster_image& from, const plan_change& change,
        const plan_options& options = {});

/// A plan as JSON, where who comes from nowhere comes from null.
[[nodiscard]] boost::json::value write_plan(const plan_view& x);

} // namespace troupe::runtime
