#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "runtime/drivers/process/run_spec.hpp"

namespace troupe::runtime::process {

/// Decides how long the files of runs are kept after their ending was
/// acknowledged: people still want to read what they said.
class ended_runs {
public:
  ended_runs(size_t kept_max, std::chrono::milliseconds kept_for);

  void add(const run_id& run, wall_time acknowledged_at);

  /// Takes out the runs whose files are to be removed now, oldest first.
  [[nodiscard]] std::vector<run_id> take_expired(wall_time now);

  [[nodiscard]] size_t size() const { return runs_.size(); }

private:
  size_t kept_max_;
  std::chrono::milliseconds kept_for_;
  std::multimap<wall_time, run_id> runs_;
};

} // namespace troupe::runtime::process
