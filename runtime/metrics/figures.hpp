#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "messages/resources.hpp"
#include "messages/timestamp.hpp"
#include "messages/view.hpp"

#include "runtime/vitals.hpp"

namespace troupe::runtime {

class cluster;

struct node_figures {
  std::string name;
  resources capacity;
  resources reserved;
  resources used;
};

/// What is measured of the state of a cluster, at one moment.
struct cluster_figures {
  cluster_view totals;
  /// Waiting tasks by reason.
  std::map<std::string, uint64_t> queue;
  std::vector<node_figures> nodes;
  /// Results that are kept, and what became of others.
  uint64_t kept_results = 0;
  cache_statistics results;
};

/// Costs what there are nodes and jobs, not tasks.
[[nodiscard]] cluster_figures
figures_of(const cluster& c, const vitals& v, timestamp now);

} // namespace troupe::runtime
