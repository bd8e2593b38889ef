// Tasks. Those of an array that were never placed are a range in memory, and
// are made up here one by one as a page shows them.

#include <algorithm>
#include <array>

#include "messages/json.hpp"

#include "runtime/views/answers.hpp"
#include "runtime/views/condition.hpp"
#include "runtime/views/page.hpp"

namespace troupe::runtime::views {

namespace {

using boost::json::object;
using boost::json::value;

std::optional<timestamp> if_set(timestamp x) {
  return x ? std::optional{x} : std::nullopt;
}

/// Writes an attempt with all keys that it may have.
object write_attempt(const attempt_view& x) {
  object result;
  result["exitCode"] = nullptr;
  result["startedAt"] = nullptr;
  result["endedAt"] = nullptr;
  result["cpuSeconds"] = nullptr;
  result["peakMemory"] = nullptr;
  json::write_members(result, x, json::detail::full);
  result["reason"] = reason_json(x.why);
  return result;
}

attempt_view with_peaks(attempt_view x, const present& p) {
  auto node = p.vitals.find(x.node);
  if (node == p.vitals.end())
    return x;
  auto peak = node->second.peaks.find(x.allocation);
  if (peak == node->second.peaks.end())
    return x;
  x.cpu_seconds = peak->second.cpu_seconds;
  x.peak_memory = peak->second.memory_bytes;
  return x;
}

attempt_view view_of(const attempt_record& x) {
  return {x.attempt,
          x.allocation,
          x.node,
          x.state,
          x.why,
          x.message,
          x.exit_code,
          if_set(x.placed_at),
          if_set(x.started_at),
          if_set(x.ended_at)};
}

/// The present attempt, or the last one of a task that waits again.
attempt_view
last_attempt(const present& p, const job_record& job, uint32_t index) {
  auto& task = job.tasks[index];
  auto over
    = !holds_capacity(task.state) && task.ended_as != task_state::pending;
  attempt_view result;
  result.attempt = task.attempt;
  result.allocation = task.allocation;
  result.node = p.cluster.node_of(task);
  result.state = over ? task.ended_as : task.state;
  result.why = task.why;
  if (auto at = job.messages.find(index); at != job.messages.end())
    result.message = at->second;
  else if (auto receipt = job.receipts.find(index);
           receipt != job.receipts.end())
    result.message = receipt->second;
  if (task.has_exit_code)
    result.exit_code = task.exit_code;
  result.placed_at = if_set(task.placed_at);
  result.started_at = if_set(task.started_at);
  result.ended_at = if_set(task.ended_at);
  return result;
}

boost::json::array
attempts_of(const present& p, const job_record& job, uint32_t index) {
  boost::json::array result;
  if (auto at = job.past.find(index); at != job.past.end())
    for (auto& x : at->second)
      result.push_back(write_attempt(with_peaks(view_of(x), p)));
  auto* task = record_of(job, index);
  if (task != nullptr && task->attempt > 0)
    result.push_back(write_attempt(with_peaks(last_attempt(p, job, index), p)));
  return result;
}

void add_holdings(task_view& to, const job_record& job, uint32_t index) {
  auto at = job.occupations.find(index);
  if (at == job.occupations.end())
    return;
  to.gpus = at->second.gpus;
  auto& ports = spec_of(job, index).ports;
  auto known = std::min(ports.size(), at->second.ports.size());
  for (size_t i = 0; i < known; ++i)
    to.ports[ports[i].name] = at->second.ports[i];
}

void add_usage(task_view& to, const present& p) {
  auto node = p.vitals.find(to.node);
  if (node == p.vitals.end() || !holds_capacity(to.state))
    return;
  auto& limits = node->second.burst_limits;
  if (auto held = limits.find(to.allocation); held != limits.end()) {
    auto& view = to.burst_limit.emplace();
    if (auto cpu = held->second.cpu_millicores; cpu > 0)
      view.cpu = static_cast<double>(cpu) / 1'000;
    if (auto memory = held->second.memory_bytes; memory > 0)
      view.memory = memory;
  }
  auto usage = node->second.tasks.find(to.allocation);
  if (usage == node->second.tasks.end())
    return;
  to.cpu_seconds = usage->second.cpu_seconds;
  to.memory_bytes = usage->second.memory_bytes;
}

void add_record(task_view& to, const present& p, const job_record& job,
                const task_record& task) {
  to.stopping = task.stopping;
  to.health = task.health;
  // One that waits is on none; where it was is told with its attempts.
  if (task.state != task_state::pending)
    to.node = p.cluster.node_of(task);
  to.attempt = task.attempt;
  to.allocation = task.allocation;
  if (task.has_exit_code)
    to.exit_code = task.exit_code;
  to.started_at = if_set(task.started_at);
  to.ended_at = if_set(task.ended_at);
  add_holdings(to, job, to.index);
  add_usage(to, p);
}

value write_task(const present& p, const job_record& job, uint32_t index) {
  auto& spec = spec_of(job, index);
  auto how = condition_of(p.cluster, job, index, p.now);
  task_view view;
  view.id = {job.name, index};
  view.job = job.name;
  view.index = index;
  view.kind = spec.kind;
  view.driver = spec.driver;
  view.priority = spec.priority;
  view.state = how.state;
  view.why = how.why;
  view.message = std::move(how.message);
  view.submitted_at = job.submitted_at;
  if (auto* task = record_of(job, index))
    add_record(view, p, job, *task);
  auto hit = job.hits.find(index);
  if (hit != job.hits.end()) {
    view.exit_code = 0;
    view.started_at.reset();
    view.ended_at = hit->second.at;
  }
  object result;
  result.reserve(30);
  result["exitCode"] = nullptr;
  result["startedAt"] = nullptr;
  result["endedAt"] = nullptr;
  json::write_members(result, view, json::detail::full);
  result["reason"] = reason_json(view.why);
  result["cachedFrom"] = nullptr;
  if (hit != job.hits.end())
    result["cachedFrom"] = write_hit(hit->second);
  result["attempts"] = attempts_of(p, job, index);
  return result;
}

// -- lists -------------------------------------------------------------------

/// One walk over tasks in order of job and index, until a page is full.
class task_walk {
public:
  task_walk(const present& p, const list_tasks& x, uint32_t limit)
    : p_{p}, x_{x}, labels_{x.labels}, items_{limit} {
    for (size_t i = 0; i < task_states; ++i)
      wanted_[i] = wants(x.states, static_cast<task_state>(i));
  }

  void visit(const job_record& job, uint32_t from) {
    if (!wants_any(job) || !labels_.hold_for(job.spec->labels))
      return;
    visit_known(job, from);
    auto known = static_cast<uint32_t>(job.tasks.size());
    auto fresh = job.stopped ? task_state::stopped : task_state::pending;
    // Fresh tasks are all alike: take as many as the page wants, or none.
    if (!x_.node.empty() || !wanted_[static_cast<size_t>(fresh)])
      return;
    for (auto i = std::max(from, known); i < job.wanted() && !items_.done();
         ++i)
      take(job, i);
  }

  /// The tasks that hold capacity on the wanted node.
  void visit_node(const node_record& node, const task_ref& after) {
    std::vector<task_place> places;
    for (auto& [allocation, place] : node.allocations)
      if (std::tie(place.job->name, place.index)
            > std::tie(after.job, after.index)
          && (x_.job.empty() || place.job->name == x_.job)
          && labels_.hold_for(place.job->spec->labels))
        places.push_back(place);
    std::sort(places.begin(), places.end(), [](auto& a, auto& b) {
      return std::tie(a.job->name, a.index) < std::tie(b.job->name, b.index);
    });
    for (auto& [job, index] : places)
      if (!items_.done() && wanted_[static_cast<size_t>(state_of(*job, index))])
        take(*job, index);
  }

  /// Whether only tasks that hold capacity are wanted.
  [[nodiscard]] bool wants_live_only() const {
    for (size_t i = 0; i < task_states; ++i)
      if (wanted_[i] && !holds_capacity(static_cast<task_state>(i)))
        return false;
    return true;
  }

  [[nodiscard]] bool done() const { return items_.done(); }
  [[nodiscard]] value finish() && {
    return std::move(items_).finish(p_.cluster.version());
  }

private:
  [[nodiscard]] bool wants_any(const job_record& job) const {
    for (size_t i = 0; i < task_states; ++i)
      if (wanted_[i] && job.in_state(static_cast<task_state>(i)) > 0)
        return true;
    return false;
  }

  void visit_known(const job_record& job, uint32_t from) {
    // Jobs seldom have all tasks in one state, but often none in some.
    auto left = uint32_t{0};
    for (size_t i = 0; i < task_states; ++i)
      left += wanted_[i] ? job.by_state[i] : 0;
    for (auto i = from; i < job.tasks.size() && left > 0 && !items_.done();
         ++i) {
      auto& task = job.tasks[i];
      if (!wanted_[static_cast<size_t>(task.state)])
        continue;
      --left;
      if (x_.node.empty()
          || (task.attempt > 0 && p_.cluster.node_of(task) == x_.node))
        take(job, i);
    }
  }

  void take(const job_record& job, uint32_t index) {
    if (items_.takes_one())
      items_.add(write_task(p_, job, index),
                 to_string(task_ref{job.name, index}));
  }

  const present& p_;
  const list_tasks& x_;
  label_rules labels_;
  page_items items_;
  std::array<bool, task_states> wanted_{};
};

} // namespace

answered answer_to(const present& p, const get_task& x) {
  auto* job = p.cluster.find_job(x.task.job);
  if (job == nullptr || x.task.index >= task_count(*job))
    return not_found("task", to_string(x.task));
  return write_task(p, *job, x.task.index);
}

answered answer_to(const present& p, const list_tasks& x) {
  auto start = start_page(x.limit, x.cursor);
  if (!start)
    return make_unexpected(std::move(start.error()));
  std::optional<task_ref> after;
  if (start->key) {
    after = task_ref::parse(*start->key);
    if (!after)
      return bad_cursor();
  }
  task_walk walk{p, x, start->limit};
  auto* node = p.cluster.find_node(x.node);
  if (node != nullptr && walk.wants_live_only()) {
    walk.visit_node(*node, after.value_or(task_ref{}));
    return std::move(walk).finish();
  }
  auto& jobs = p.cluster.jobs();
  auto at = after ? jobs.lower_bound(after->job) : jobs.begin();
  if (!x.job.empty() && (!after || after->job < x.job))
    at = jobs.find(x.job);
  for (; at != jobs.end() && !walk.done(); ++at) {
    if (!x.job.empty() && at->first != x.job)
      break;
    walk.visit(at->second,
               after && at->first == after->job ? after->index + 1 : 0);
  }
  return std::move(walk).finish();
}

} // namespace troupe::runtime::views
