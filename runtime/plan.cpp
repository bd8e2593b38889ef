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

#include "runtime/placement/policy.hpp"
#include "runtime/views/condition.hpp"

namespace troupe::runtime {

namespace {

constexpr uint32_t batch_tasks_max = 1'024;

/// What a node that does well says of a task after work of kind `x`.
task_state state_after(work_kind x) {
  switch (x) {
  case work_kind::start:
    return task_state::running;
  case work_kind::reserve:
    return task_state::placed;
  default:
    return task_state::stopped;
  }
}

/// A copy of the cluster, whose nodes and tasks are imagined.
class future {
public:
  explicit future(const plan_options& options) : options_{options} {
    std::set<std::string, std::less<>> names;
    for (auto& name : placement::policy_names()) {
      policies_[name] = placement::make_policy(name);
      names.insert(name);
    }
    core_.set_policies(std::move(names));
  }

  [[nodiscard]] expected<void, std::string> begin(const cluster_image& from) {
    now_ = std::max(from.now, timestamp{});
    size_t next = 0;
    auto ok = core_.restore([&](std::string_view& line) {
      if (next == from.lines.size())
        return false;
      line = from.lines[next++];
      return true;
    });
    if (!ok)
      return ok;
    version_ = core_.version();
    now_ = std::max(now_, core_.last_time());
    for (auto& [node, vitals] : from.loads)
      if (core_.find_node(node) != nullptr)
        core_.note_load(node, vitals.used);
    // What is under way when the image is taken is done, too.
    for (auto& [name, node] : core_.nodes())
      if (node.state == node_state::ready)
        do_work(name, core_.work_for(name));
    return ok;
  }

  [[nodiscard]] expected<outcome, refusal> decide(const command& x) {
    auto result = core_.decide(x, now_);
    listen();
    return result;
  }

  /// Whatever `node` is told from now on, it does not do.
  void silence(const std::string& node) { silent_.insert(node); }

  /// Lets all follow that follows until `until`.
  void settle(timestamp until) {
    for (; steps_ < options_.steps_max; ++steps_) {
      if (place() || work())
        continue;
      auto due = core_.next_wake();
      if (!due || *due > until)
        return;
      now_ = std::max(now_, *due);
      core_.advance(now_);
      listen();
    }
    complete_ = false;
  }

  [[nodiscard]] const cluster& state() const { return core_; }
  /// Of the image.
  [[nodiscard]] version_number version() const { return version_; }
  [[nodiscard]] timestamp now() const { return now_; }
  [[nodiscard]] bool complete() const { return complete_; }
  [[nodiscard]] const auto& victims() const { return victims_; }

private:
  bool place() {
    auto batch = core_.next_batch(batch_tasks_max);
    if (!batch)
      return false;
    core_.commit(policies_.at(batch->policy)
                   ->propose(core_.nodes_for(*batch), batch->asks),
                 now_);
    listen();
    return true;
  }

  bool work() {
    std::map<std::string, std::vector<work_item>> by_node;
    for (auto& [node, item] : core_.take_work())
      by_node[node].push_back(std::move(item));
    for (auto& [node, items] : by_node)
      do_work(node, items);
    return !by_node.empty();
  }

  /// Does what a node is told, at once and well.
  void do_work(const std::string& node, const std::vector<work_item>& items) {
    if (silent_.contains(node))
      return;
    take_reports told{node, {}};
    for (auto& x : items) {
      task_report report;
      report.task = x.task;
      report.attempt = x.attempt;
      report.allocation = x.allocation;
      report.at = now_;
      report.state = state_after(x.kind);
      if (x.kind == work_kind::start && x.spec && x.spec->health)
        report.health = task_health::healthy;
      if (x.kind == work_kind::stop)
        report.why = x.why;
      // All that is left are remains to be tidied up.
      if (x.kind == work_kind::start || x.kind == work_kind::stop
          || x.kind == work_kind::reserve)
        told.reports.push_back(std::move(report));
    }
    if (!told.reports.empty())
      static_cast<void>(decide(told));
  }

  void listen() {
    for (auto& x : core_.take_events())
      if (type_of(x.what) == "taskPreempted")
        note_victim(write_event(x));
  }

  void note_victim(const boost::json::object& event) {
    auto* task = event.if_contains("task");
    auto* node = event.if_contains("node");
    if (task == nullptr || !task->is_string() || node == nullptr
        || !node->is_string())
      return;
    if (auto ref = task_ref::parse(task->get_string()))
      victims_.emplace(*ref, node->get_string());
  }

  plan_options options_;
  cluster core_;
  std::map<std::string, std::unique_ptr<placement::policy>, std::less<>>
    policies_;
  std::set<std::string, std::less<>> silent_;
  std::map<task_ref, std::string> victims_;
  timestamp now_;
  version_number version_ = 0;
  uint32_t steps_ = 0;
  bool complete_ = true;
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
  return job->lookup ? job->waiting() - job->joined() : job->ready();
}

class difference {
public:
  difference(const future& without, const future& with)
    : without_{without}, with_{with} {}

  plan_view run() {
    auto& before = without_.state().jobs();
    auto& after = with_.state().jobs();
    for (auto& [name, job] : before)
      compare(name, &job, with_.state().find_job(name));
    for (auto& [name, job] : after)
      if (before.find(name) == before.end())
        compare(name, nullptr, &job);
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
    for (uint32_t i = 0; i < size; ++i) {
      auto from = place_in(without_.state(), before, i);
      auto to = place_in(with_.state(), after, i);
      if (from == to)
        continue;
      task_ref task{name, i};
      if (!to.empty())
        keep(result_.moves, result_.counts.moves, {task, from, to});
      else if (!waits_in(after, i))
        keep(result_.stops, result_.counts.stops, {task, from});
    }
    auto waited = waiting_in(before);
    auto waits = waiting_in(after);
    if (waits > waited)
      add_wait(*after, waits - waited);
  }

  void add_wait(const job_record& job, uint32_t tasks) {
    auto how = views::wait_of(with_.state(), job);
    result_.counts.does_not_fit += tasks;
    if (result_.does_not_fit.size() < plan_items_max)
      result_.does_not_fit.push_back(
        {job.name, tasks, how.why, std::move(how.message)});
  }

  const future& without_;
  const future& with_;
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
    x->settle(x->now());
  }
  if (auto ok = apply(with, change); !ok)
    return make_unexpected(std::move(ok.error()));
  auto until = from.now + options.horizon;
  without.settle(until);
  with.settle(until);
  auto result = difference{without, with}.run();
  result.version = with.version();
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
