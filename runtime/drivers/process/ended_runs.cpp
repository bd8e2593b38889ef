#include "runtime/drivers/process/ended_runs.hpp"

namespace troupe::runtime::process {

ended_runs::ended_runs(size_t kept_max, std::chrono::milliseconds kept_for)
  : kept_max_{kept_max}, kept_for_{kept_for} {}

void ended_runs::add(const run_id& run, wall_time acknowledged_at) {
  runs_.emplace(acknowledged_at, run);
}

std::vector<run_id> ended_runs::take_expired(wall_time now) {
  auto result = std::vector<run_id>{};
  while (
    !runs_.empty()
    && (runs_.size() > kept_max_ || runs_.begin()->first + kept_for_ <= now)) {
    result.push_back(runs_.begin()->second);
    runs_.erase(runs_.begin());
  }
  return result;
}

} // namespace troupe::runtime::process
