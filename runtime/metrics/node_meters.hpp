#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/metrics/job_usage.hpp"

namespace prometheus {
struct MetricFamily;
} // namespace prometheus

namespace troupe::runtime {

/// What the nodes of this process count and time. May be used from all threads.
class node_meters {
public:
  using seconds = std::chrono::duration<double>;

  node_meters();
  ~node_meters();
  node_meters(const node_meters&) = delete;
  node_meters& operator=(const node_meters&) = delete;

  /// Takes what was measured of runs, by whichever node.
  void note_usage(const std::vector<job_usage::sample>& samples,
                  job_usage::time_point now);
  /// Takes how many tasks of `node` are held back in what they may burst to.
  void note_bursts_held(const std::string& node, size_t cpu, size_t memory);
  /// Counts a task that was ended since its machine ran out of memory.
  void note_memory_end();
  /// `result` is `ok` or `error`.
  void note_operation(std::string_view driver, std::string_view operation,
                      std::string_view result, seconds took);

  [[nodiscard]] std::vector<prometheus::MetricFamily> collect() const;

private:
  struct families;
  std::unique_ptr<families> families_;
};

} // namespace troupe::runtime
