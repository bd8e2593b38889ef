#include "runtime/placement/label_points.hpp"

#include <algorithm>
#include <utility>

#include "runtime/placement/scan.hpp"

namespace troupe::runtime::placement {

label_points::label_points(std::vector<label_requirement> requirements,
                           std::vector<label_preference> preferences)
  : requirements_(std::move(requirements)),
    preferences_(std::move(preferences)) {
  // nop
}

int32_t preference_points(const label_set& labels,
                          const std::vector<label_preference>& xs) {
  int64_t sum = 0;
  for (auto& x : xs)
    if (auto value = value_of(labels, x.name); value && *value == x.value)
      sum += x.weight;
  return static_cast<int32_t>(
    std::clamp<int64_t>(sum, -most_points, most_points));
}

const int32_t* label_points::of(const table& t, uint32_t p) {
  if (stamps_.size() < t.pages()) {
    stamps_.resize(t.pages());
    points_.resize(size_t{t.pages()} * page_rows);
  }
  auto first = p * page_rows;
  if (stamps_[p] == t.label_stamp(p))
    return &points_[first];
  stamps_[p] = t.label_stamp(p);
  for (auto n = first; n < first + page_rows; ++n) {
    points_[n] = no_points;
    if (t.has(n) && satisfies(t.row(n).labels, requirements_))
      points_[n] = preference_points(t.row(n).labels, preferences_);
  }
  return &points_[first];
}

} // namespace troupe::runtime::placement
