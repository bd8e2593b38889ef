#include "runtime/cluster/job_upkeep.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace troupe::runtime {

namespace {

void forget_past_specs(job_record& job, uint32_t specs_max) {
  auto& xs = job.past_specs;
  while (xs.size() > specs_max) {
    auto good = std::find_if(xs.rbegin(), xs.rend(),
                             [](const past_spec& x) { return x.settled; });
    auto first_is_last_good = good == std::prev(xs.rend());
    xs.erase(xs.begin() + (first_is_last_good ? 1 : 0));
  }
}

} // namespace

void set_message(job_record& job, uint32_t index, const std::string& text) {
  if (text.empty())
    job.messages.erase(index);
  else
    job.messages[index] = text;
}

void trim(job_record& job) {
  while (job.tasks.size() > job.wanted() && is_final(job.tasks.back().state)) {
    auto index = static_cast<uint32_t>(job.tasks.size() - 1);
    --job.by_state[static_cast<size_t>(job.tasks.back().state)];
    job.messages.erase(index);
    job.receipts.erase(index);
    job.past.erase(index);
    job.hits.erase(index);
    job.tasks.pop_back();
  }
  if (job.lookup)
    job.lookup->seen = std::min(job.lookup->seen, job.wanted());
}

void archive(job_record& job, uint32_t index, attempt_record x,
             uint32_t attempts_max) {
  auto& past = job.past[index];
  past.push_back(std::move(x));
  if (past.size() > attempts_max)
    past.erase(past.begin());
}

void note_past_spec(job_record& job, uint32_t specs_max) {
  past_spec x{job.job_version, job.spec};
  x.settled = job.settled_version == job.job_version;
  x.served = x.settled
             || std::any_of(job.tasks.begin(), job.tasks.end(),
                            [&](const task_record& task) {
                              return task.job_version == job.job_version
                                     && task.state == task_state::running
                                     && task.ready_at;
                            });
  job.past_specs.push_back(std::move(x));
  forget_past_specs(job, specs_max);
}

void take_tasks_over(job_record& job, uint32_t to) {
  auto from = job.job_version;
  for (auto& task : job.tasks)
    if (task.job_version == from)
      task.job_version = to;
  auto renumber = [&](auto& by_version) {
    if (auto node = by_version.extract(from)) {
      node.key() = to;
      by_version.insert(std::move(node));
    }
  };
  renumber(job.held);
  renumber(job.classes);
  if (job.settled_version == from)
    job.settled_version = to;
}

std::optional<uint32_t>
next_index(const job_record& job, std::optional<uint32_t> only) {
  if (job.ready() == 0)
    return std::nullopt;
  if (only)
    return job.is_ready(*only) ? only : std::nullopt;
  if (job.lookup) {
    for (auto& [index, key] : job.lookup->missed)
      if (!job.avoid.contains(index))
        return index;
    return std::nullopt;
  }
  // Those that avoid a node are asked for one by one.
  for (auto index : job.requeued)
    if (!job.avoid.contains(index))
      return index;
  if (job.fresh() == 0)
    return std::nullopt;
  return static_cast<uint32_t>(job.tasks.size());
}

} // namespace troupe::runtime
