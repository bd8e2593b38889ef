// Two futures of one image, one of them with the change:
//
//   image -> copy -> settle ---------------------> settle until the horizon -+
//     |                                                                      | differ
//     +---> copy -> settle -> decide the change -> settle until the horizon -+

#include "runtime/plan.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "messages/contract.hpp"
#include "messages/json.hpp"

#include "runtime/rehearsal/stage.hpp"
#include "runtime/views/condition.hpp"
#include "runtime/views/outlook.hpp"

namespace troupe::runtime {

namespace {

/// A copy of the cluster, whose nodes and tasks are imagined: nodes do at once
/// and well whatever they are told, and tasks that run go on.
class future {
public:
  explicit future(const plan_options& options)
    : stage_{{.listen = [this](const event& x) { note(x); },
              .steps_max = options.steps_max}} {}
  future(const future&) = delete;
  future& operator=(const future&) = delete;

  [[nodiscard]] expected<void, std::string> begin(const cluster_image& from) {
    auto ok = stage_.begin(from.lines, from.loads, from.now);
    if (ok)
      stage_.settle(stage_.now());
    return ok;
  }

  [[nodiscard]] expected<outcome, refusal> decide(const command& x) {
    return stage_.decide(x);
  }
  void silence(const std::string& node) { stage_.silence(node); }
  void settle(timestamp until) { stage_.settle(until); }

  [[nodiscard]] const cluster& state() const { return stage_.state(); }
  [[nodiscard]] timestamp now() const { return stage_.now(); }
  [[nodiscard]] version_number origin() const { return stage_.origin(); }
  [[nodiscard]] bool complete() const { return stage_.complete(); }
  [[nodiscard]] const auto& victims() const { return victims_; }
  /// [node] Until when.
  [[nodiscard]] const auto& drains() const { return drains_; }
  /// Whether it ran until a drain's deadline, which it need not have lived to.
  [[nodiscard]] bool may_end_first(const task_ref& x) const {
    auto* job = state().find_job(x.job);
    return overdue_.contains(x) && job != nullptr
           && job->spec->kind == job_kind::batch;
  }

private:
  void note(const event& x) {
    if (auto* victim = std::get_if<task_preempted>(&x.what))
      victims_.emplace(victim->task, victim->node);
    if (auto* drain = std::get_if<node_draining>(&x.what))
      drains_[drain->node] = drain->deadline;
    if (auto* last = std::get_if<task_stopping>(&x.what);
        last != nullptr && last->why == reason::drained)
      overdue_.insert(last->task);
  }

  rehearsal::stage stage_;
  std::map<task_ref, std::string> victims_;
  std::map<std::string, timestamp> drains_;
  /// Tasks that were stopped because of a drain.
  std::set<task_ref> overdue_;
};

// -- the change -----------------------------------------------------------------

using decided = expected<outcome, refusal>;

decided add(future& to, const added_nodes& x) {
  auto& nodes = to.state().nodes();
  auto like = x.like.empty() ? nodes.begin() : nodes.find(x.like);
  if (like == nodes.end() && !(x.like.empty() && x.capacity))
    return make_unexpected(
      x.like.empty()
        ? refusal{refusal_kind::bad_input,
                  "there is no node that new ones could be like: say what "
                  "capacity they have",
                  {{"/change/addNodes/capacity", "is missing"}}}
        : refusal{refusal_kind::not_found,
                  "there is no node \"" + x.like + "\" to be like",
                  {}});
  node_profile profile;
  if (like != nodes.end()) {
    profile = like->second.profile;
    profile.labels = like->second.labels;
  }
  if (profile.drivers.empty())
    profile.drivers = {"docker", "process", "simulated"};
  if (x.capacity)
    profile.capacity = *x.capacity;
  for (auto& label : x.labels) {
    std::erase_if(profile.labels,
                  [&](auto& y) { return y.name == label.name; });
    profile.labels.push_back(label);
  }
  std::sort(profile.labels.begin(), profile.labels.end());
  size_t number = 1;
  for (uint32_t i = 0; i < x.count; ++i) {
    do
      profile.name = "new-" + std::to_string(number++);
    while (to.state().find_node(profile.name) != nullptr);
    if (auto ok = to.decide(join_node{profile, std::vector<task_report>{}});
        !ok)
      return ok;
  }
  return outcome{};
}

decided lose(future& to, const std::string& node) {
  if (to.state().find_node(node) == nullptr)
    return make_unexpected(refusal{refusal_kind::not_found,
                                   "there is no node \"" + node
                                     + "\"; `troupe nodes` lists the "
                                       "nodes",
                                   {}});
  to.silence(node);
  if (auto ok = to.decide(change_node_health{node, node_state::unhealthy}); !ok)
    return ok;
  // For good: whoever waits for its return waits in vain.
  return to.decide(change_node_health{node, node_state::removed});
}

decided reprioritise(future& to, const reprioritised_job& x) {
  auto* job = to.state().find_job(x.job);
  if (job == nullptr)
    return make_unexpected(
      refusal{refusal_kind::not_found,
              "there is no job \"" + x.job + "\"; `troupe jobs` lists the jobs",
              {}});
  auto spec = std::make_shared<job_spec>(*job->spec);
  spec->priority = x.priority;
  return to.decide(submit_jobs{{std::move(spec)}, {}});
}

decided apply(future& to, const plan_change& x) {
  if (x.settings)
    if (auto ok = to.decide(*x.settings); !ok)
      return ok;
  for (auto& y : x.add_nodes)
    if (auto ok = add(to, y); !ok)
      return ok;
  for (auto& y : x.label_nodes)
    if (auto ok = to.decide(y); !ok)
      return ok;
  for (auto& y : x.drain_nodes)
    if (auto ok = to.decide(drain_node{y}); !ok)
      return ok;
  for (auto& y : x.lose_nodes)
    if (auto ok = lose(to, y); !ok)
      return ok;
  for (auto& y : x.stop_jobs)
    if (auto ok = to.decide(stop_job{y}); !ok)
      return ok;
  for (auto& y : x.scale_jobs)
    if (auto ok = to.decide(scale_job{y.job, y.count}); !ok)
      return ok;
  for (auto& y : x.priorities)
    if (auto ok = reprioritise(to, y); !ok)
      return ok;
  return x.submit.empty() ? decided{outcome{}}
                          : to.decide(submit_jobs{x.submit, {}});
}

// -- the difference -------------------------------------------------------------

bool has_place(task_state x) {
  return x == task_state::placed || x == task_state::starting
         || x == task_state::running;
}

/// The node of a task that has a place, else empty.
std::string place_in(const cluster& x, const job_record* job, uint32_t index) {
  if (job == nullptr || index >= job->tasks.size()
      || !has_place(job->tasks[index].state))
    return {};
  return x.node_of(job->tasks[index]);
}

bool waits_in(const job_record* job, uint32_t index) {
  if (job == nullptr || job->stopped)
    return false;
  return index >= job->tasks.size()
           ? index < job->count
           : job->tasks[index].state == task_state::pending;
}

template <class T>
void keep(std::vector<T>& to, uint64_t& count, T x) {
  ++count;
  if (to.size() < plan_items_max)
    to.push_back(std::move(x));
}

/// Tasks of `job` that wait for a place, and not for a time or another job.
uint32_t waiting_in(const job_record* job) {
  if (job == nullptr || job->ready() == 0)
    return 0;
  // Of an array whose results are kept only the next are known to need a place.
  auto waits = job->lookup ? job->waiting() - job->joined() : job->ready();
  // Whoever stands in for another that waits as well is not missed on top.
  return waits > job->extra ? waits - job->extra : waits;
}

/// Why jobs wait, and when they are expected to start, as told at this time.
using waits = std::map<std::string, views::condition>;

waits waits_in(const future& x) {
  waits result;
  for (auto& [name, job] : x.state().jobs())
    if (waiting_in(&job) > 0) {
      auto& how = result.emplace(name, views::wait_of(x.state(), job, x.now()))
                    .first->second;
      how.message += views::outlook_text(x.state(), job, x.now());
    }
  return result;
}

class difference {
public:
  /// @param first  how it was with the change, before time went by.
  difference(const future& without, const future& with, const waits& first,
             timestamp now)
    : without_{without}, with_{with}, first_{first}, now_{now} {}

  plan_view run() {
    auto& before = without_.state().jobs();
    auto& after = with_.state().jobs();
    for (auto& [name, job] : before)
      compare(name, &job, with_.state().find_job(name));
    for (auto& [name, job] : after)
      if (before.find(name) == before.end())
        compare(name, nullptr, &job);
    for (auto& [node, deadline] : with_.drains())
      result_.drains.push_back({node, deadline});
    for (auto& [task, node] : with_.victims())
      if (!without_.victims().contains(task))
        keep(result_.victims, result_.counts.victims,
             {task, node, priority_of(task.job)});
    result_.complete = without_.complete() && with_.complete();
    return std::move(result_);
  }

private:
  int32_t priority_of(const std::string& name) const {
    auto* job = with_.state().find_job(name);
    return job == nullptr ? 0 : job->spec->priority;
  }

  void compare(const std::string& name, const job_record* before,
               const job_record* after) {
    auto size = std::max(before == nullptr ? 0 : before->tasks.size(),
                         after == nullptr ? 0 : after->tasks.size());
    uint32_t late = 0;
    for (uint32_t i = 0; i < size; ++i) {
      auto from = place_in(without_.state(), before, i);
      auto to = place_in(with_.state(), after, i);
      if (from == to)
        continue;
      task_ref task{name, i};
      auto may_end_first = !from.empty() && with_.may_end_first(task);
      if (!to.empty())
        keep(result_.moves, result_.counts.moves,
             {task, from, to, after->tasks[i].placed_at, may_end_first});
      else if (!waits_in(after, i))
        keep(result_.stops, result_.counts.stops, {task, from});
      else if (may_end_first)
        ++late;
    }
    auto waited = waiting_in(before);
    auto waits = waiting_in(after);
    if (waits > waited)
      add_wait(*after, waits - waited, late);
  }

  void add_wait(const job_record& job, uint32_t tasks, uint32_t late) {
    auto how = views::wait_of(with_.state(), job, now_);
    // Who waits for the same since now knows best now for how long: by then, those
    // who run would be overdue.
    if (auto at = first_.find(job.name);
        at != first_.end() && at->second.why == how.why)
      how = at->second;
    result_.counts.does_not_fit += tasks;
    if (result_.does_not_fit.size() < plan_items_max)
      result_.does_not_fit.push_back({job.name, tasks, how.why,
                                      std::move(how.message),
                                      std::min(late, tasks)});
  }

  const future& without_;
  const future& with_;
  const waits& first_;
  timestamp now_;
  plan_view result_;
};

} // namespace

cluster_image image_of(const cluster& x, const vitals& loads, timestamp now) {
  cluster_image result{{}, loads, now};
  x.save([&](std::string_view line) { result.lines.emplace_back(line); });
  return result;
}

expected<plan_view, refusal>
plan_of(const cluster_image& from, const plan_change& change,
        const plan_options& options) {
  future without{options};
  future with{options};
  for (auto* x : {&without, &with}) {
    auto ok = x->begin(from);
    // What was saved a moment ago can be restored.
    TROUPE_ASSERT(ok.has_value());
  }
  if (auto ok = apply(with, change); !ok)
    return make_unexpected(std::move(ok.error()));
  with.settle(with.now());
  auto first = waits_in(with);
  auto now = with.now();
  auto until = from.now + options.horizon;
  without.settle(until);
  with.settle(until);
  auto result = difference{without, with, first, now}.run();
  result.version = with.origin();
  result.time = from.now;
  return result;
}

boost::json::value write_plan(const plan_view& x) {
  auto result = json::write(x, json::detail::full);
  for (auto& move : result.at("moves").as_array())
    if (auto& from = move.at("from"); from.as_string().empty())
      from = nullptr;
  return result;
}

} // namespace troupe::runtime
