#include "runtime/placement/shadow.hpp"

#include <algorithm>
#include <map>

namespace troupe::runtime::placement {

void comparison::add(const proposal& here, const proposal& there) {
  ++rounds;
  for (size_t i = 0; i < std::min(here.runs.size(), there.runs.size()); ++i) {
    auto& x = here.runs[i].nodes;
    auto& y = there.runs[i].nodes;
    std::map<node_index, uint64_t> places;
    for (auto node : x)
      ++places[node];
    uint64_t alike = 0;
    for (auto node : y)
      if (auto at = places.find(node); at != places.end() && at->second > 0) {
        --at->second;
        ++alike;
      }
    auto both = std::min(x.size(), y.size());
    same += alike;
    elsewhere += both - alike;
    only_here += x.size() - both;
    only_there += y.size() - both;
  }
}

} // namespace troupe::runtime::placement
