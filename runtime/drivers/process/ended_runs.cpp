#include "runtime/drivers/process/ended_runs.hpp"

namespace troupe::runtime::process {

ended_runs::ended_runs(size_t kept_max, std::chrono::milliseconds kept_for)
  : kept_max_{kept_max}, kept_for_{kept_for} {}

void ended_runs::add(uint64_t allocation, wall_time acknowledged_at) {
  runs_.emplace(acknowledged_at, allocation);
}

std::vector<uint64_t> ended_runs::take_expired(wall_time now) {
  auto result = std::vector<uint64_t>{};
  while (
    !runs_.empty()
    && (runs_.size() > kept_max_ || runs_.begin()->first + kept_for_ <= now)) {
    result.push_back(runs_.begin()->second);
    runs_.erase(runs_.begin());
  }
  return result;
}

} // namespace troupe::runtime::process
