#pragma once

/// What nodes are told to do, from the records of tasks.

#include <cstdint>
#include <string>

#include "messages/work.hpp"

#include "runtime/cluster/records.hpp"

namespace troupe::runtime {

/// One thing for one node to do, as a fact brought it about.
struct node_work {
  std::string node;
  work_item item;
};

/// About the present attempt of task `index`.
[[nodiscard]] work_item
item_of(work_kind kind, const job_record& job, uint32_t index);

/// Asks for the place that is kept for task `index`, a member of `gang`.
[[nodiscard]] work_item
asking_of(const gang_record& gang, const job_record& job, uint32_t index);

} // namespace troupe::runtime
