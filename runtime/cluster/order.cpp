// Who is next. Keys never change while a job waits, so that a queue of a million
// is sorted once; only what is fair depends on what runs.

#include <algorithm>

#include "runtime/cluster/cluster.hpp"

namespace troupe::runtime {

namespace {

/// A job may be overtaken by shorter ones until it has waited this many times
/// the difference.
constexpr int64_t patience_of_sjf = 10;

/// What a job without a duration is taken for, and no job for more.
constexpr int64_t longest_ms = int64_t{24} * 3'600 * 1'000;

int64_t duration_of(const job_spec& x) {
  if (x.expected_runtime.count() > 0)
    return std::min<int64_t>(x.expected_runtime.count(), longest_ms);
  if (x.timeout.count() > 0)
    return std::min<int64_t>(x.timeout.count(), longest_ms);
  return longest_ms;
}

/// The greatest part of `whole` that `x` is, in any resource.
double dominant_share(const resources& x, const resources& whole) {
  double result = 0;
  auto consider = [&](int64_t part, int64_t all) {
    if (all > 0)
      result = std::max(result,
                        static_cast<double>(part) / static_cast<double>(all));
  };
  consider(x.cpu_millicores, whole.cpu_millicores);
  consider(x.memory_bytes, whole.memory_bytes);
  consider(x.gpu_millis, whole.gpu_millis);
  for (auto& [name, amount] : x.named)
    consider(amount, whole.amount_of(name));
  return result;
}

// Of what was used. What is longer ago hardly counts.
constexpr int64_t half_life_ms = int64_t{10} * 60 * 1'000;

// A share of the whole counts so much for each millisecond.
constexpr double whole_share = 1e9;

// What was used decides only among groups that have the same now.
constexpr double weight_of_past = 1e-9;

} // namespace

queue_key cluster::key_of(const job_record& job) const {
  auto& order = settings_.queue_order;
  if (order == "fifo")
    return {0, job.born};
  // Ageing: whoever came earlier counts as shorter.
  if (order == "sjf")
    return {duration_of(*job.spec) * patience_of_sjf + job.submitted_at.ms,
            job.born};
  return {-int64_t{job.spec->priority}, job.born};
}

std::string cluster::group_of(const job_record& job) const {
  if (settings_.queue_order != "fair")
    return {};
  if (settings_.fair_by.empty())
    return job.name;
  for (auto& x : job.spec->labels)
    if (x.name == settings_.fair_by)
      return x.value;
  return {};
}

/// Source: dominant shares, Ghodsi et al., NSDI 2011, algorithm 1; with weights,
/// section 4.3.
std::optional<waiting::batch>
cluster::next_fair(uint32_t tasks_max, const waiting::row_finder& row_of) {
  auto weight_of = [this](const std::string& group) {
    auto at = settings_.fair_weights.find(group);
    return at == settings_.fair_weights.end() ? 1.0 : at->second;
  };
  waiting::fairness by;
  by.share_of = [&](const std::string& group) {
    auto now = shares_.find(group);
    auto before = use_.find(group);
    auto share
      = now == shares_.end() ? 0.0 : dominant_share(now->second, whole());
    if (before != use_.end())
      share += weight_of_past * static_cast<double>(before->second)
               / (whole_share * static_cast<double>(half_life_ms));
    return share / weight_of(group);
  };
  by.cost_of = [&](const waiting::job_class& x) {
    return dominant_share(x.of->request, whole()) / weight_of(x.group);
  };
  return waiting_.next_fair(
    tasks_max, policies_, by, row_of,
    [this](const waiting::job_class& x) { return left_for(x); });
}

/// Tasks that come and go between two looks leave no share behind: without a
/// memory the one who came first would be served until all of its own are done.
void cluster::leave_share(const job_record& job, const task_record& task) {
  auto& request = job.classes.at(task.job_version)->request;
  shares_[group_of(job)] -= request;
  auto halved = now_.ms / half_life_ms;
  for (auto at = use_.begin(); halved > use_halved_ && at != use_.end();) {
    at->second >>= std::min<int64_t>(halved - use_halved_, 62);
    at = at->second == 0 ? use_.erase(at) : std::next(at);
  }
  use_halved_ = std::max(use_halved_, halved);
  auto since = task.started_at ? task.started_at : task.placed_at;
  auto ms = std::clamp<int64_t>((now_ - since).count(), 1, 2 * half_life_ms);
  auto share = std::min(dominant_share(request, whole()), 1.0);
  use_[group_of(job)] += static_cast<int64_t>(share * whole_share) * ms;
}

const resources& cluster::whole() const {
  if (whole_found_at_ == node_changes_)
    return whole_;
  whole_found_at_ = node_changes_;
  whole_ = {};
  for (auto& [name, node] : nodes_)
    whole_ += node.profile.capacity;
  return whole_;
}

void cluster::count_shares() {
  shares_.clear();
  use_.clear();
  if (settings_.queue_order != "fair")
    return;
  for (auto& [name, job] : jobs_)
    for (auto& task : job.tasks)
      if (holds_capacity(task.state))
        shares_[group_of(job)] += job.classes.at(task.job_version)->request;
}

} // namespace troupe::runtime
