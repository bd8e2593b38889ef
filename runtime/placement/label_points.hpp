#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "runtime/placement/table.hpp"

namespace troupe::runtime::placement {

/// Where a requirement does not hold.
inline constexpr int32_t no_points = std::numeric_limits<int32_t>::min();

/// What the node labels say to one set of requirements and preferences, for
/// every node. Computed anew only for pages whose labels changed.
class label_points {
public:
  label_points(std::vector<label_requirement> requirements,
               std::vector<label_preference> preferences);

  /// The points of the rows of page `p`: the weights of the preferences that
  /// hold, `no_points` where a requirement does not. Valid until the next call.
  [[nodiscard]] const int32_t* of(const table& t, uint32_t p);

private:
  std::vector<label_requirement> requirements_;
  std::vector<label_preference> preferences_;
  // [node]
  std::vector<int32_t> points_;
  // [page]
  std::vector<uint64_t> stamps_;
};

/// The weights of `xs` that hold on a node with `labels`, cut to `most_points`.
[[nodiscard]] int32_t
preference_points(const label_set& labels,
                  const std::vector<label_preference>& xs);

} // namespace troupe::runtime::placement
