#pragma once

#include <cstdint>
#include <vector>

#include "runtime/placement/task_class.hpp"

namespace troupe::runtime::placement {

/// What is counted per node about the tasks that run there.
enum class tally_kind : uint8_t {
  /// Tasks that have a label.
  having,
  /// Tasks whose rule avoids a label.
  avoiding,
  /// Tasks of a spread group.
  grouped
};

/// The same on every machine. Equal hashes still compare their labels.
[[nodiscard]] uint64_t tally_hash(tally_kind kind, const label& what) noexcept;

/// A label of a class, with the hashes under which nodes count it.
struct known_label {
  uint64_t having = 0;
  uint64_t avoiding = 0;
  const label* what = nullptr;
};

/// A class with everything that can be worked out once for all nodes. Refers
/// to the class, which must live longer.
struct known_class {
  explicit known_class(const task_class& x);
  known_class(const known_class&) = delete;
  known_class& operator=(const known_class&) = delete;

  const task_class& of;
  /// More than any node has, if the request is above what a column holds.
  int32_t cpu = 0;
  int64_t memory = 0;
  /// A share of one device, or 0.
  uint16_t gpu_share = 0;
  /// Whole devices, or 0.
  uint32_t gpu_devices = 0;
  bool gpu_malformed = false;
  std::vector<known_label> labels;
  std::vector<known_label> avoid;
  std::vector<known_label> with;
  label group;
  uint64_t group_hash = 0;
  /// Bits of the filters of a page: where none of the first two is set, nobody
  /// there is avoided or avoids; where one of the third is not, somebody lacks.
  uint64_t avoid_filter = 0;
  uint64_t labels_filter = 0;
  uint64_t with_filter = 0;

  [[nodiscard]] bool asks_gpu() const { return of.request.gpu_millis != 0; }
  [[nodiscard]] bool asks_ports() const {
    return of.chosen_ports != 0 || !of.host_ports.empty();
  }
  [[nodiscard]] bool grouped() const { return !of.spread_group.empty(); }
  /// Whether a node remembers more about such a task than cpu, memory and that
  /// it is there.
  [[nodiscard]] bool leaves_traces() const;
  /// Whether more than cpu, memory and node labels can refuse such a task.
  [[nodiscard]] bool has_rare_rules() const;
  /// Whether rules other than about its company can.
  [[nodiscard]] bool has_other_rare_rules() const {
    return of.exclusive || asks_ports() || asks_gpu()
           || !of.request.named.empty();
  }
};

/// The bit of `hash` in a filter.
[[nodiscard]] constexpr uint64_t filter_bit(uint64_t hash) {
  return uint64_t{1} << (hash >> 58);
}

} // namespace troupe::runtime::placement
