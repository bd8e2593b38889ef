// What operators set at run time.

#include <algorithm>
#include <array>
#include <cmath>

#include "messages/json_cursor.hpp"

#include "runtime/cluster/cluster.hpp"
#include "runtime/cluster/node_rows.hpp"

namespace troupe::runtime {

namespace {

constexpr std::array<std::string_view, 4> orders{"priority", "fifo", "sjf",
                                                 "fair"};

/// Bounds of priorities, as the job language has them.
constexpr int32_t priority_max = 1'000'000;

/// Each takes about a kilobyte.
constexpr uint32_t cache_entries_max = 1'000'000;

/// More would keep whoever asks in between waiting.
constexpr uint32_t batch_size_max = 1'024;

/// The pointer to `name` in a setting that is an object.
std::string place_of(std::string_view setting, std::string_view name) {
  std::string result;
  append_token(result, setting);
  append_token(result, name);
  return result;
}

std::vector<problem>
faults_of(const settings& x,
          const std::set<std::string, std::less<>>& policies) {
  std::vector<problem> result;
  auto wrong = [&](std::string pointer, std::string detail) {
    result.push_back({std::move(pointer), std::move(detail)});
  };
  std::string names;
  for (auto& name : policies)
    names += (names.empty() ? "" : ", ") + name;
  if (policies.find(x.strategy) == policies.end())
    wrong("/strategy",
          "there is no strategy \"" + x.strategy + "\": write one of " + names);
  if (!x.shadow.empty() && policies.find(x.shadow) == policies.end())
    wrong("/shadow", "there is no policy \"" + x.shadow + "\": write one of "
                       + names + ", or \"\" for none");
  if (std::find(orders.begin(), orders.end(), x.queue_order) == orders.end())
    wrong("/queueOrder",
          "there is no queue order \"" + x.queue_order
            + "\": write \"priority\", \"fifo\", \"sjf\" or \"fair\"");
  for (auto& [name, weight] : x.fair_weights)
    if (!(weight > 0) || !std::isfinite(weight))
      wrong(place_of("fairWeights", name),
            "the weight of \"" + name + "\" must be a number above 0");
  if (!(x.overcommit >= 1) || !std::isfinite(x.overcommit))
    wrong("/overcommit", "overcommit must be a number of at least 1");
  if (x.cache_entries < 1 || x.cache_entries > cache_entries_max)
    wrong("/cacheEntries", "cacheEntries must be a whole number from 1 to "
                             + std::to_string(cache_entries_max));
  if (x.batch_size < 1 || x.batch_size > batch_size_max)
    wrong("/batchSize",
          "batchSize, the tasks that are placed in one turn, must "
          "be a whole number from 1 to "
            + std::to_string(batch_size_max));
  for (auto& [name, priority] : x.priority_classes)
    if (priority < -priority_max || priority > priority_max)
      wrong(place_of("priorityClasses", name),
            "the priority \"" + name
              + "\" must be a whole number from -1000000 to 1000000");
  for (auto& [name, limit] : x.concurrency)
    if (auto at = name.find('='); at == 0 || at == std::string::npos)
      wrong(place_of("concurrency", name),
            "the limit \"" + name
              + "\" must be named after a label of jobs and its value, such as "
                "\"user=ann\"");
  return result;
}

} // namespace

expected<outcome, refusal> cluster::on(const change_settings& x) {
  auto to = settings_;
  auto take = [](auto& field, auto& change) {
    if (change)
      field = *change;
  };
  take(to.strategy, x.strategy);
  take(to.queue_order, x.queue_order);
  take(to.fair_by, x.fair_by);
  take(to.fair_weights, x.fair_weights);
  take(to.overcommit, x.overcommit);
  take(to.priority_classes, x.priority_classes);
  take(to.concurrency, x.concurrency);
  take(to.shadow, x.shadow);
  take(to.cache_entries, x.cache_entries);
  take(to.batch_size, x.batch_size);
  // A shadow that is the default policy by now has nothing to tell.
  if (to.shadow == to.strategy)
    to.shadow.clear();
  if (auto problems = faults_of(to, policies_); !problems.empty()) {
    auto detail = problems.size() == 1
                    ? problems.front().detail
                    : std::to_string(problems.size())
                        + " of the settings are wrong, see errors";
    return make_unexpected(
      refusal{refusal_kind::bad_input, std::move(detail), std::move(problems)});
  }
  if (to != settings_)
    say(settings_changed{to});
  return outcome{};
}

// -- the fold ----------------------------------------------------------------

void cluster::fold(const settings_changed& x) {
  ++node_changes_;
  auto before = std::exchange(settings_, x.to);
  if (before.overcommit != settings_.overcommit)
    for (auto& [name, node] : nodes_) {
      auto row = row_of(node, overcommit_of(node));
      table_.change(node.row, row.labels, row.weight, row.overcommit);
      helped_.push_back(node.row);
    }
  count_quotas();
  results_.resize(settings_.cache_entries);
  for (auto& [name, job] : jobs_) {
    leave_class(job);
    enter_class(job);
    refresh(job);
  }
  count_shares();
}

void cluster::count_quotas() {
  quotas_.limit(settings_.concurrency);
  for (auto& [name, job] : jobs_)
    quotas_.count(*job.spec,
                  int64_t{job.live()} + static_cast<int64_t>(job.holds.size()));
}

void cluster::count_shares() {
  shares_.clear();
  if (settings_.queue_order != "fair")
    return;
  for (auto& [name, job] : jobs_)
    for (auto& task : job.tasks)
      if (holds_capacity(task.state))
        shares_.enter(group_of(settings_, job),
                      job.classes.at(task.job_version)->request);
}

} // namespace troupe::runtime
