// Nodes on which tasks fail that run well elsewhere: they keep what they have and
// get nothing new, but for one task now and then that shows whether they mend.

#include <algorithm>

#include "runtime/cluster/cluster.hpp"

namespace troupe::runtime {

namespace {

/// Tasks of a job that are looked at, to see whether it works elsewhere.
constexpr size_t tasks_looked_at_max = 256;

/// Ends that a machine can be to blame for.
bool is_suspicious(reason x) {
  return x == reason::exit_code || x == reason::signal
         || x == reason::driver_error || x == reason::unhealthy
         || x == reason::timed_out;
}

/// Whether tasks of `name` run well on other nodes than `node`.
bool works_elsewhere(const cluster& c, const std::string& name,
                     const node_record& node, milliseconds probe_time) {
  auto* job = c.find_job(name);
  if (job == nullptr)
    return false;
  auto end = std::min(job->tasks.size(), tasks_looked_at_max);
  return std::any_of(
    job->tasks.begin(), job->tasks.begin() + static_cast<ptrdiff_t>(end),
    [&](const task_record& x) {
      auto well = x.state == task_state::succeeded
                  || (x.state == task_state::running && x.ready_at
                      && c.last_time() - x.ready_at > probe_time);
      return well && x.node != node.name;
    });
}

} // namespace

/// Notes an end on `node` of a task that was `before` until then.
void cluster::note_end(node_record& node, const task_ended& x,
                       const task_record& before) {
  if (x.state == task_state::lost && !node.gave_up_at)
    node.gave_up_at = now_;
  auto& failing = node.quarantine.failing;
  if (x.state == task_state::succeeded) {
    failing.clear();
  } else if (x.state == task_state::failed && is_suspicious(x.why)
             && !before.stopping) {
    failing[x.task.job] = now_;
    std::erase_if(failing, [&](auto& y) {
      return now_ - y.second > options_.quarantine_window;
    });
  }
}

/// Decides whether a failure on `node` was one too many, or whether what has
/// ended well there speaks for it.
void cluster::judge(node_record& node, const job_record& job,
                    const task_record& before, task_state ended_as) {
  auto& q = node.quarantine;
  if (q.active && ended_as == task_state::succeeded
      && before.placed_at >= q.since) {
    say(node_quarantined{node.profile.name,
                         false,
                         "task " + job.name + " was tried there and ended well",
                         {}});
    return;
  }
  if (!q.failing.contains(job.name))
    return;
  if (q.active) {
    // Only what was tried there since: what had been there may fail as it likes.
    if (before.placed_at < q.since)
      return;
    auto delay
      = options_.probe_delay * (int64_t{1} << std::min(q.failed_probes, 10U));
    say(node_quarantined{node.profile.name, true,
                         "task " + job.name + " was tried there and failed too",
                         now_ + std::min(2 * delay, options_.probe_delay_max)});
    agenda_.visit(node, q.probe_at);
    return;
  }
  if (q.failing.size() < options_.quarantine_jobs)
    return;
  std::string names;
  size_t elsewhere = 0;
  for (auto& [name, at] : q.failing)
    if (works_elsewhere(*this, name, node, options_.probe_time)) {
      ++elsewhere;
      names += (names.empty() ? "" : ", ") + name;
    }
  // The one that has just failed had no time to show it.
  if (elsewhere + 1 < options_.quarantine_jobs)
    return;
  say(node_quarantined{node.profile.name, true,
                       "tasks of " + names
                         + " fail there and run well on other nodes",
                       now_ + options_.probe_delay});
  agenda_.visit(node, q.probe_at);
}

/// Lets one task try the node, or believes the one that did.
void cluster::probe(node_record& node) {
  auto& q = node.quarantine;
  if (now_ < q.probe_at)
    return agenda_.visit(node, q.probe_at);
  auto tried = std::find_if(
    node.allocations.begin(), node.allocations.end(), [&](auto& x) {
      return x.second.job->tasks[x.second.index].placed_at >= q.since;
    });
  if (tried == node.allocations.end()) {
    q.open = true;
    close_or_open(node);
    return;
  }
  auto& task = tried->second.job->tasks[tried->second.index];
  if (task.state == task_state::running && task.ready_at
      && now_ - task.ready_at >= options_.probe_time)
    say(node_quarantined{node.profile.name,
                         false,
                         "task " + tried->second.job->name
                           + " was tried there and runs well",
                         {}});
  else
    agenda_.visit(node, now_ + options_.probe_time);
}

void cluster::fold(const node_quarantined& x) {
  auto& node = *node_called(x.node);
  auto& q = node.quarantine;
  if (x.quarantined) {
    q.failed_probes = q.active ? q.failed_probes + 1 : 0;
    q.active = true;
    q.since = now_;
    q.probe_at = x.probe_at;
    q.message = x.message;
  } else {
    q = {};
  }
  q.open = false;
  close_or_open(node);
}

} // namespace troupe::runtime
