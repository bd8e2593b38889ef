#include "runtime/vitals.hpp"

#include <algorithm>

namespace troupe::runtime {

void note_heartbeat(node_vitals& to, const heartbeat& x, timestamp now) {
  to.last_heard = now;
  to.used = x.used;
  to.tasks.clear();
  for (auto& usage : x.tasks) {
    to.tasks[usage.allocation] = usage;
    auto& peak = to.peaks[usage.allocation];
    peak.allocation = usage.allocation;
    peak.cpu_seconds = std::max(peak.cpu_seconds, usage.cpu_seconds);
    peak.memory_bytes = std::max(peak.memory_bytes, usage.memory_bytes);
  }
  to.burst_limits.clear();
  for (auto& limit : x.burst_limits)
    to.burst_limits[limit.allocation] = limit;
  while (to.peaks.size() > peaks_max)
    to.peaks.erase(to.peaks.begin());
}

} // namespace troupe::runtime
