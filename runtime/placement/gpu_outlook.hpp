#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "runtime/placement/gpu_demand.hpp"
#include "runtime/placement/holdings.hpp"

namespace troupe::runtime::placement {

/// What is left on a node.
struct gpu_left {
  /// Millicores.
  int32_t cpu = 0;
  int32_t memory_gib = 0;
  /// As `gpu_outlook::kind_of` says.
  uint32_t kind = 0;
  /// Thousandths left on devices, most first, without those that are full.
  std::vector<uint16_t> devices;

  bool operator==(const gpu_left&) const = default;
};

/// The thousandths left on all devices.
[[nodiscard]] int64_t left_on(const gpu_left& x);

/// Whether `x` has cpu, memory and devices for `shape`; labels apart.
[[nodiscard]] bool fits(const gpu_left& x, const gpu_shape& shape);

/// What is left when a task of `shape` has come, on the fullest device that
/// takes it, as the table chooses. REQUIRES: it fits.
[[nodiscard]] gpu_left after(gpu_left x, const gpu_shape& shape);

/// The thousandths on `x` that a task of `shape` cannot use: all where it does
/// not fit or asks for no GPU, else those of devices with too little left.
/// Source: Weng et al., ATC 2023, sec. 3.2, equations 1 and 2.
[[nodiscard]] int64_t unusable(const gpu_left& x, const gpu_shape& shape);

/// Foresees what of the GPUs of a node nobody will be able to use.
///
/// The measure of Weng et al. asks who fits next. This one looks further: tasks
/// drawn from the demand come to the node one after the other, in `futures`
/// ways, and what is left in the end is lost. Demand for several devices does
/// not come to each node often enough to tell in so few tasks, and is served
/// only if nodes are kept free for it: for that the measure of Weng et al. is
/// added. Answers depend on the demand and the node alone, and are remembered.
class gpu_outlook {
public:
  /// Losses are in thousandths of a device divided by this.
  static constexpr int64_t futures = 16;
  static constexpr uint32_t tasks_each = 64;

  /// REQUIRES: not null.
  explicit gpu_outlook(std::shared_ptr<const gpu_wishes> demand);

  [[nodiscard]] const std::shared_ptr<const gpu_wishes>& demand() const {
    return demand_;
  }

  /// Names which part of the demand may come to nodes with `labels`.
  [[nodiscard]] uint32_t kind_of(const label_set& labels);

  /// Names `x`; equal numbers, equal states. Numbers are small; 0 has no GPUs
  /// left.
  [[nodiscard]] uint32_t know(const gpu_left& x);
  [[nodiscard]] const gpu_left& state(uint32_t known) const {
    return states_[known];
  }
  /// What nobody will be able to use of a known state.
  [[nodiscard]] int64_t loss(uint32_t known);

  [[nodiscard]] size_t states() const { return states_.size(); }

private:
  /// [future], one bit for each of the tasks that come.
  using moments = std::array<uint64_t, futures>;
  static_assert(tasks_each == 64);

  struct coming {
    int32_t cpu = 0;
    int32_t memory_gib = 0;
    uint16_t share = 0;
    uint32_t devices = 0;
  };
  struct hash {
    size_t operator()(const gpu_left& x) const noexcept;
  };

  void draw();
  [[nodiscard]] int64_t work_out(const gpu_left& x);
  /// When somebody comes whom `x` has room for.
  [[nodiscard]] moments who_fits(const gpu_left& x) const;
  /// What of `x` is left at the end of a future in which `who` comes.
  [[nodiscard]] int64_t
  left_after(const coming* future, uint64_t who, const gpu_left& x);

  std::shared_ptr<const gpu_wishes> demand_;
  int64_t tasks_ = 0;
  // [future * tasks_each + when]
  std::vector<coming> coming_;
  // [wish], when such tasks come.
  std::vector<moments> comes_;
  // [wish], those for several devices.
  std::vector<uint32_t> several_;
  // [wish], those that do not go to every node.
  std::vector<uint32_t> choosy_;
  // [kind][wish], 1 if it may come.
  std::vector<std::vector<uint8_t>> kinds_;
  // [known]
  std::vector<gpu_left> states_;
  std::vector<int64_t> losses_;
  std::unordered_map<gpu_left, uint32_t, hash> known_;
  // Devices with something on them, in one future.
  std::vector<uint16_t> begun_;
};

} // namespace troupe::runtime::placement
