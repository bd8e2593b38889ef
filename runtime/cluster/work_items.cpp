#include "runtime/cluster/work_items.hpp"

#include "runtime/cluster/places.hpp"

namespace troupe::runtime {

work_item item_of(work_kind kind, const job_record& job, uint32_t index) {
  auto& task = job.tasks[index];
  work_item result;
  result.kind = kind;
  result.task = {job.name, index};
  result.attempt = task.attempt;
  result.allocation = task.allocation;
  if (kind == work_kind::start) {
    // Of its own version: the job may have been updated since it was placed.
    result.spec = job.spec_of(task.job_version);
    auto at = job.occupations.find(index);
    if (at != job.occupations.end()) {
      result.gpus = at->second.gpus;
      result.ports = bindings_of_held(*result.spec, at->second);
    }
  }
  return result;
}

work_item
asking_of(const gang_record& gang, const job_record& job, uint32_t index) {
  auto result = item_of(work_kind::reserve, job, index);
  auto& kept = job.holds.at(index);
  result.attempt = job.tasks[index].attempt + 1;
  result.allocation = {gang.reservation};
  result.spec = job.spec;
  result.gpus = kept.held.gpus;
  result.ports = bindings_of_held(*job.spec, kept.held);
  result.deadline = gang.until;
  return result;
}

} // namespace troupe::runtime
