#include "runtime/cluster/agenda.hpp"

#include <algorithm>

namespace troupe::runtime {

std::optional<timestamp> agenda::next() const {
  std::optional<timestamp> result;
  for (auto x : {jobs_.next(), nodes_.next(), delays_.next(), holds_.next(),
                 gangs_.next(), ticks_.next()})
    if (x && (!result || *x < *result))
      result = x;
  return result;
}

void agenda::visit(job_record& x, timestamp at) {
  if (x.visit_at && x.visit_at <= at)
    return;
  forget_visit(x);
  x.visit_at = at;
  jobs_.add(at, x.born);
}

void agenda::visit(node_record& x, timestamp at) {
  if (x.visit_at && x.visit_at <= at)
    return;
  forget_visit(x);
  x.visit_at = at;
  nodes_.add(at, x.profile.name);
}

void agenda::forget_visit(job_record& x) {
  if (auto at = std::exchange(x.visit_at, {}))
    jobs_.remove(at, x.born);
}

void agenda::forget_visit(node_record& x) {
  if (auto at = std::exchange(x.visit_at, {}))
    nodes_.remove(at, x.profile.name);
}

void agenda::delay(job_record& job, uint32_t index, timestamp until) {
  job.tasks[index].not_before = until;
  delays_.add(until, {job.born, index});
}

void agenda::forget_delay(job_record& job, uint32_t index) {
  if (auto until = std::exchange(job.tasks[index].not_before, {}))
    delays_.remove(until, {job.born, index});
}

std::optional<task_number> agenda::take_delayed(timestamp now) {
  auto result = delays_.due(now);
  if (result)
    delays_.remove(*delays_.next(), *result);
  return result;
}

void agenda::visit(gang_record& x, timestamp at) {
  forget_visit(x);
  x.listed_time = at;
  if (at)
    gangs_.add(at, x.name);
}

void agenda::forget_visit(gang_record& x) {
  if (auto at = std::exchange(x.listed_time, {}))
    gangs_.remove(at, x.name);
}

void agenda::await_tick(const job_record& x) {
  if (auto at = x.schedule->next_tick)
    ticks_.add(at, x.born);
}

void agenda::forget_tick(job_record& x) {
  if (!x.schedule)
    return;
  if (auto at = std::exchange(x.schedule->next_tick, {}))
    ticks_.remove(at, x.born);
}

} // namespace troupe::runtime
