// Recomputation from scratch: what must hold after every fact.

#include <sstream>

#include "runtime/cluster/cluster.hpp"

namespace troupe::runtime {

namespace {

/// Collects what does not hold.
class findings {
public:
  void expect(bool holds, const std::string& what) {
    if (!holds)
      text_ << what << '\n';
  }
  [[nodiscard]] std::string text() const { return text_.str(); }

private:
  std::ostringstream text_;
};

} // namespace

std::string cluster::check_invariants() const {
  findings f;
  std::map<std::string, resources> reserved;
  std::map<std::string, size_t> allocations;
  std::map<std::string, std::set<uint16_t>> ports;
  size_t delayed = 0;
  for (auto& [name, job] : jobs_) {
    state_counts counts{};
    std::set<uint32_t> waiting;
    for (uint32_t i = 0; i < job.tasks.size(); ++i) {
      auto& task = job.tasks[i];
      auto who = name + '.' + std::to_string(i);
      ++counts[static_cast<size_t>(task.state)];
      if (task.state == task_state::pending && !task.not_before)
        waiting.insert(i);
      delayed += task.not_before ? 1 : 0;
      f.expect(task.state != task_state::lost,
               who + " is lost and not requeued");
      f.expect(!job.stopped || task.state != task_state::pending,
               who + " waits though its job is stopped");
      if (!holds_capacity(task.state)) {
        f.expect(!job.occupations.contains(i), who + " holds ports or gpus");
        continue;
      }
      auto& node = node_of(task);
      auto* on = find_node(node);
      f.expect(on != nullptr && on->allocations.contains(task.allocation),
               who + " is not among the allocations of node " + node);
      reserved[node] += job.classes.at(task.job_version)->request;
      ++allocations[node];
      if (auto at = job.occupations.find(i); at != job.occupations.end())
        for (auto port : at->second.ports)
          f.expect(ports[node].insert(port).second,
                   "port " + std::to_string(port) + " of " + node
                     + " is held twice");
    }
    f.expect(counts == job.by_state, name + ": counts by state are off");
    f.expect(waiting == job.requeued, name + ": waiting tasks are off");
    f.expect(job.queued.has_value() == (job.ready() > 0),
             name + ": it waits and is not in the queue, or the reverse");
    f.expect(job.over() == (job.finished_at != 0), name + ": finished is off");
  }
  f.expect(delayed == delayed_.size(), "delayed tasks are off");
  for (auto& [name, node] : nodes_) {
    f.expect(node.reserved == reserved[name],
             name + ": reserved is not the sum of its tasks");
    f.expect(node.allocations.size() == allocations[name],
             name + ": it has allocations that no task has");
    auto capacity = node.profile.capacity;
    capacity.cpu_millicores = static_cast<int64_t>(
      static_cast<double>(capacity.cpu_millicores) * node.overcommit);
    f.expect(fits(node.reserved, capacity),
             name + ": more is reserved than there is");
  }
  return f.text();
}

} // namespace troupe::runtime
