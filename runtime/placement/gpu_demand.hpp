#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "runtime/placement/known_class.hpp"

namespace troupe::runtime::placement {

/// What a task needs of a node, as far as it decides who fits beside it.
struct gpu_shape {
  /// Millicores.
  int32_t cpu = 0;
  /// Rounded up: coarse, so that few shapes and few nodes differ.
  int32_t memory_gib = 0;
  /// Of one device in thousandths, or 0.
  uint16_t share = 0;
  /// Whole devices, or 0.
  uint32_t devices = 0;
  std::vector<label_requirement> requirements;

  auto operator<=>(const gpu_shape&) const = default;
};

[[nodiscard]] gpu_shape shape_of(const known_class& c);

struct gpu_wish {
  gpu_shape shape;
  uint32_t tasks = 0;
  bool operator==(const gpu_wish&) const = default;
};

/// Sorted by shape.
using gpu_wishes = std::vector<gpu_wish>;

/// Counts what tasks with GPUs that found a place asked for. What was long ago
/// counts less and less: when there are `tasks_max`, all counts are halved.
class gpu_demand {
public:
  static constexpr uint32_t tasks_max = 16'384;
  static constexpr size_t shapes_max = 512;

  void note(const known_class& c);

  /// What is typical. Stays the same object until a quarter more was noted, so
  /// that what was worked out for it lasts. Never null.
  [[nodiscard]] const std::shared_ptr<const gpu_wishes>& typical() const {
    return typical_;
  }

private:
  void fade();
  void publish();

  std::map<gpu_shape, uint32_t> tasks_;
  uint32_t total_ = 0;
  uint32_t since_ = 0;
  uint32_t published_ = 0;
  std::shared_ptr<const gpu_wishes> typical_
    = std::make_shared<const gpu_wishes>();
};

} // namespace troupe::runtime::placement
