#include "runtime/views/outlook.hpp"

#include <algorithm>
#include <map>
#include <vector>

#include "runtime/placement/reservation.hpp"
#include "runtime/views/condition.hpp"
#include "runtime/views/sentences.hpp"

namespace troupe::runtime::views {

namespace {

/// Whether only room is missing, and whoever comes free gives it to `job`.
bool is_next(const cluster& c, const job_record& job) {
  if (job.ready() == 0 || job.gang != nullptr
      || c.config().queue_order == "fair")
    return false;
  auto& klass = c.queue().at(job.klass);
  if (!klass.blocked || klass.behind || c.never_fits(klass))
    return false;
  auto first = c.queue().blocked(1);
  if (first.empty() || first.front().second != &job)
    return false;
  for (auto& [name, gang] : c.gangs())
    if (gang.state == gang_state::waiting)
      return false;
  return true;
}

/// When those who run are expected to have ended.
class expectations {
public:
  explicit expectations(const cluster& c) : cluster_(c) {}

  /// Whether there are few enough to look at.
  bool add_all() {
    size_t seen = 0;
    for (auto& [name, node] : cluster_.nodes())
      for (auto& [allocation, place] : node.allocations) {
        if (++seen > running_max)
          return false;
        add(node, allocation, *place.job, place.job->tasks[place.index]);
      }
    std::sort(endings_.begin(), endings_.end());
    return true;
  }

  [[nodiscard]] const auto& endings() const { return endings_; }
  /// Ends that those go by of whom nobody has said how long they run.
  [[nodiscard]] uint32_t runs() const {
    uint32_t result = 0;
    for (auto& [job, past] : past_)
      result += past.usual.count() > 0 ? past.count : 0;
    return result;
  }

private:
  void add(const node_record& node, allocation_id allocation,
           const job_record& job, const task_record& task) {
    auto length = estimate_of(*job.spec_of(task.job_version));
    if (length.count() == 0 && job.spec->kind == job_kind::batch)
      length = past_of(job).usual;
    auto* tenant = cluster_.tenants().find(node.row, allocation.value);
    if (length.count() > 0 && tenant != nullptr)
      endings_.push_back({tenant->since + length, node.row, tenant->id});
  }

  const past_runs& past_of(const job_record& job) {
    auto known = past_.find(&job);
    if (known == past_.end())
      known = past_.emplace(&job, past_runs_of(job)).first;
    return known->second;
  }

  const cluster& cluster_;
  std::vector<placement::ending> endings_;
  std::map<const job_record*, past_runs> past_;
};

} // namespace

past_runs past_runs_of(const job_record& job) {
  std::vector<milliseconds> lengths;
  auto add = [&](task_state state, timestamp began, timestamp ended) {
    if (state == task_state::succeeded && began && ended > began)
      lengths.push_back(ended - began);
  };
  auto most = std::min<size_t>(job.tasks.size(), past_runs_max);
  for (size_t i = 0; i < most; ++i)
    add(job.tasks[i].state, job.tasks[i].started_at, job.tasks[i].ended_at);
  for (auto& [index, attempts] : job.past) {
    if (lengths.size() > past_runs_max)
      break;
    for (auto& x : attempts)
      add(x.state, x.started_at, x.ended_at);
  }
  if (lengths.empty())
    return {};
  auto middle = lengths.begin() + static_cast<ptrdiff_t>(lengths.size() / 2);
  std::nth_element(lengths.begin(), middle, lengths.end());
  return {*middle, static_cast<uint32_t>(lengths.size())};
}

std::optional<outlook>
outlook_of(const cluster& c, const job_record& job, timestamp now) {
  if (!is_next(c, job))
    return std::nullopt;
  // What jobs say is told already, and decides.
  if (auto& ahead = c.ahead(); ahead && ahead->job == job.name)
    return std::nullopt;
  expectations all{c};
  if (!all.add_all() || all.runs() == 0)
    return std::nullopt;
  auto found = placement::reserve(
    c.table(),
    [&](placement::node_index row, uint64_t id) {
      return c.holding_of(row, id);
    },
    all.endings(), *c.queue().at(job.klass).of, 1, now);
  if (!found)
    return std::nullopt;
  return outlook{found->at, found->overdue || found->at <= now, all.runs()};
}

std::string
outlook_text(const cluster& c, const job_record& job, timestamp now) {
  auto x = outlook_of(c, job, now);
  if (!x)
    return {};
  auto result = "; going by " + count_of(x->runs, "earlier run")
                + " of those before it, ";
  return x->overdue ? result
                        + "it could have started by now: whoever has its place "
                          "runs for longer than usual"
                    : result + "it could start in " + about(x->at - now);
}

std::string start_text(const cluster& c, const job_record& job, timestamp now) {
  auto& ahead = c.ahead();
  return ahead && ahead->job == job.name ? "; it " + text_of_start(*ahead, now)
                                         : outlook_text(c, job, now);
}

} // namespace troupe::runtime::views
