#include "runtime/cluster/image.hpp"

#include <algorithm>
#include <array>

namespace troupe::runtime::image {

json::array row_of_task(const task_record& x) {
  return {static_cast<uint64_t>(x.state),
          static_cast<uint64_t>(x.ended_as),
          static_cast<uint64_t>(x.health),
          static_cast<uint64_t>(x.why),
          (x.stopping ? 1U : 0U) | (x.restart ? 2U : 0U)
            | (x.has_exit_code ? 4U : 0U) | (x.accepted ? 8U : 0U),
          x.attempt,
          x.node,
          x.exit_code,
          x.failures,
          x.job_version,
          x.allocation.value,
          x.placed_at.ms,
          x.started_at.ms,
          x.ended_at.ms,
          x.not_before.ms,
          x.ready_at.ms};
}

namespace {

constexpr size_t task_columns = 16;
/// Columns that the first version wrote.
constexpr size_t task_columns_min = 15;

} // namespace

expected<task_record, std::string> task_of_row(const json::value& x) {
  auto* row = x.if_array();
  if (row == nullptr || row->size() < task_columns_min)
    return make_unexpected("a task's row is too short");
  std::array<int64_t, task_columns> n{};
  for (size_t i = 0; i < std::min(n.size(), row->size()); ++i) {
    boost::json::error_code error;
    n[i] = (*row)[i].to_number<int64_t>(error);
    if (error)
      return make_unexpected("a task's row holds something else than numbers");
  }
  if (n[0] < 0 || n[0] >= static_cast<int64_t>(task_states))
    return make_unexpected("a task is in a state that only a newer version of "
                           "troupe knows");
  task_record task;
  task.state = static_cast<task_state>(n[0]);
  task.ended_as = static_cast<task_state>(n[1]);
  task.health = static_cast<task_health>(n[2]);
  task.why = static_cast<reason>(n[3]);
  task.stopping = (n[4] & 1) != 0;
  task.restart = (n[4] & 2) != 0;
  task.has_exit_code = (n[4] & 4) != 0;
  task.accepted = (n[4] & 8) != 0;
  task.attempt = static_cast<uint32_t>(n[5]);
  task.node = static_cast<uint32_t>(n[6]);
  task.exit_code = static_cast<int32_t>(n[7]);
  task.failures = static_cast<uint32_t>(n[8]);
  task.job_version = static_cast<uint32_t>(n[9]);
  task.allocation = {static_cast<uint64_t>(n[10])};
  task.placed_at = {n[11]};
  task.started_at = {n[12]};
  task.ended_at = {n[13]};
  task.not_before = {n[14]};
  task.ready_at = {n[15]};
  return task;
}

} // namespace troupe::runtime::image
