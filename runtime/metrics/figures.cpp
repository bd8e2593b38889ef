#include "runtime/metrics/figures.hpp"

#include <optional>

#include "messages/json.hpp"

#include "runtime/cluster/cluster.hpp"
#include "runtime/views/answers.hpp"
#include "runtime/views/condition.hpp"

namespace troupe::runtime {

namespace {

/// Jobs of one class wait for one reason, so that it is found only once.
std::map<std::string, uint64_t> queue_of(const cluster& c) {
  std::map<std::string, uint64_t> result;
  std::map<class_id, reason> known;
  for (auto& [name, job] : c.jobs()) {
    if (job.stopped || job.in_state(task_state::pending) == 0)
      continue;
    if (auto late = views::delayed(job); late > 0)
      result[json::name_of(reason::backoff)] += late;
    auto waiting = job.waiting();
    if (waiting == 0)
      continue;
    if (job.held_back()) {
      auto why = job.schedule && job.schedule->asleep
                   ? reason::waiting_for_schedule
                   : reason::waiting_for_job;
      result[json::name_of(why)] += waiting;
      continue;
    }
    if (auto joined = job.joined(); joined > 0) {
      result[json::name_of(reason::waiting_for_result)] += joined;
      waiting -= joined;
      if (waiting == 0)
        continue;
    }
    // Each on a node of its own.
    if (job.spec->kind == job_kind::system) {
      for (auto index : job.requeued)
        ++result[json::name_of(views::wait_of_member(c, job, index).why)];
      continue;
    }
    auto [at, is_new] = known.try_emplace(job.klass);
    if (is_new)
      at->second = views::wait_of(c, job).why;
    result[json::name_of(at->second)] += waiting;
  }
  return result;
}

} // namespace

cluster_figures figures_of(const cluster& c, const vitals& v, timestamp now) {
  cluster_figures result;
  result.totals = views::totals_of({c, v, now});
  result.queue = queue_of(c);
  result.kept_results = c.results().entries().size();
  result.results = c.results().statistics();
  result.nodes.reserve(c.nodes().size());
  for (auto& [name, node] : c.nodes()) {
    node_figures x{name, node.profile.capacity, node.reserved, {}};
    if (auto heard = v.find(name); heard != v.end())
      x.used = heard->second.used;
    result.nodes.push_back(std::move(x));
  }
  return result;
}

} // namespace troupe::runtime
