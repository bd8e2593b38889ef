#include "runtime/rehearsal/prompts.hpp"

#include <algorithm>
#include <set>
#include <variant>

#include "runtime/rehearsal/reports.hpp"

namespace troupe::runtime::rehearsal {

namespace {

using maybe = std::optional<command>;

constexpr std::string_view restarted = "restarted by a user";

bool is_restart(const event& x) {
  if (auto* stopping = std::get_if<task_stopping>(&x.what))
    return stopping->restart && stopping->message == restarted;
  auto* again = std::get_if<task_requeued>(&x.what);
  return again != nullptr && again->message == restarted;
}

const task_ref& task_of(const event& x) {
  auto* stopping = std::get_if<task_stopping>(&x.what);
  return stopping ? stopping->task : std::get<task_requeued>(x.what).task;
}

/// Finds the command by the first fact that came of it. What nodes tell of their
/// tasks is found elsewhere.
class prompter {
public:
  prompter(const cluster& before, std::span<const event> facts)
    : before_{before}, facts_{facts} {}

  maybe run() const {
    auto first
      = std::visit([this](auto& x) { return on(x); }, facts_.front().what);
    return first ? first : restart();
  }

private:
  // -- jobs -------------------------------------------------------------------

  maybe on(const job_submitted& x) const { return submitted(x.key); }
  maybe on(const job_updated& x) const {
    if (x.rolled_back_to != 0)
      return x.message == "asked for by a user" ? maybe{rollback_job{x.job}}
                                                : std::nullopt;
    return submitted(x.key);
  }
  maybe on(const job_scaled& x) const { return scale_job{x.job, x.count}; }
  maybe on(const job_stopped& x) const { return stop_job{x.job, x.forget}; }

  maybe submitted(const std::string& key) const {
    submit_jobs result{{}, key};
    for (auto& x : facts_)
      if (auto* born = std::get_if<job_submitted>(&x.what))
        result.specs.push_back(born->spec);
      else if (auto* updated = std::get_if<job_updated>(&x.what);
               updated != nullptr && updated->rolled_back_to == 0)
        result.specs.push_back(updated->spec);
    return result;
  }

  // -- tasks ------------------------------------------------------------------

  /// Of one that is stopped already, all the others are stopped with one command.
  maybe on(const task_stopping& x) const {
    if (x.why != reason::stopped_by_user || !x.message.empty())
      return std::nullopt;
    auto* job = before_.find_job(x.task.job);
    if (job != nullptr && job->stopped)
      return stop_job{x.task.job, job->forget};
    return stop_task{x.task};
  }
  /// It waited: users end that, too.
  maybe on(const task_ended& x) const {
    return x.node.empty() && x.why == reason::stopped_by_user
             ? maybe{stop_task{x.task}}
             : std::nullopt;
  }

  maybe restart() const {
    std::set<task_ref> tasks;
    for (auto& x : facts_)
      if (is_restart(x))
        tasks.insert(task_of(x));
    if (tasks.empty())
      return std::nullopt;
    auto& first = *tasks.begin();
    // What has not run yet cannot run again, but for a job between its runs.
    auto* task = before_.find_task(first);
    if (tasks.size() > 1 || task == nullptr
        || task->state == task_state::pending)
      return restart_job{first.job};
    return restart_task{first};
  }

  // -- nodes ------------------------------------------------------------------

  maybe on(const node_joined& x) const {
    return join_node{x.profile, std::nullopt};
  }
  maybe on(const node_unhealthy& x) const {
    return change_node_health{x.node, node_state::unhealthy};
  }
  maybe on(const node_ready& x) const {
    return change_node_health{x.node, node_state::ready};
  }
  maybe on(const node_cordoned& x) const {
    return cordon_node{x.node, x.cordoned};
  }
  maybe on(const node_draining& x) const {
    return drain_node{x.node, x.deadline - facts_[0].time};
  }
  maybe on(const node_labelled& x) const {
    change_node result{x.node, x.labels, x.weight, x.overcommit};
    if (auto* node = before_.find_node(x.node))
      for (auto& label : node->labels)
        if (std::none_of(x.labels.begin(), x.labels.end(),
                         [&](auto& y) { return y.name == label.name; }))
          result.labels.push_back({label.name, ""});
    return result;
  }

  /// Its message holds that of each driver, one after the other.
  maybe on(const node_troubled& x) const {
    note_troubles result{x.node, {}};
    auto front = [&](size_t i) {
      return "driver " + x.drivers[i] + " does not work now: ";
    };
    for (size_t i = 0; i < x.drivers.size(); ++i) {
      auto begin = x.message.find(front(i));
      if (begin == std::string::npos)
        return std::nullopt;
      begin += front(i).size();
      auto end = i + 1 < x.drivers.size()
                   ? x.message.find("; " + front(i + 1), begin)
                   : x.message.size();
      result.troubles.push_back(
        {x.drivers[i], x.message.substr(begin, end - begin)});
    }
    return result;
  }

  // -- the rest ---------------------------------------------------------------

  maybe on(const settings_changed& x) const {
    return change_settings{x.to.strategy,      x.to.queue_order,
                           x.to.fair_by,       x.to.fair_weights,
                           x.to.overcommit,    x.to.priority_classes,
                           x.to.concurrency,   x.to.shadow,
                           x.to.cache_entries, x.to.batch_size};
  }
  maybe on(const leader_elected& x) const {
    return take_lead{x.leader, x.program_version};
  }
  /// Who asks for a run gives up a result, too.
  maybe on(const cache_invalidated& x) const {
    auto again = restart();
    return again ? again : forget_results{x.which};
  }

  template <class Fact>
  maybe on(const Fact&) const {
    return std::nullopt;
  }

  const cluster& before_;
  std::span<const event> facts_;
};

/// That a node is removed is said after what follows from it.
const node_removed* removal_in(std::span<const event> facts) {
  for (auto& x : facts)
    if (auto* removed = std::get_if<node_removed>(&x.what))
      return removed;
  return nullptr;
}

/// What begins with such a fact, a node told.
bool is_told_by_node(const event& x) {
  if (auto* ended = std::get_if<task_ended>(&x.what))
    return !ended->node.empty();
  return std::holds_alternative<task_starting>(x.what)
         || std::holds_alternative<task_started>(x.what)
         || std::holds_alternative<task_health_changed>(x.what)
         || std::holds_alternative<gang_committed>(x.what)
         || std::holds_alternative<gang_released>(x.what);
}

command hello_without_inventory(const cluster& before, const std::string& name,
                                std::span<const event> facts) {
  for (auto& x : facts)
    if (auto* joined = std::get_if<node_joined>(&x.what))
      return join_node{joined->profile, std::nullopt};
  auto* node = before.find_node(name);
  return join_node{node == nullptr ? node_profile{} : node->profile,
                   std::nullopt};
}

} // namespace

std::vector<command>
commands_behind(const cluster& before, std::span<const event> facts) {
  auto own = facts.front().steps.empty() ? step{} : facts.front().steps.back();
  if (own.leaving)
    return {change_node_health{own.node, node_state::removed}};
  if (auto* removed = removal_in(facts))
    return {remove_node{removed->node, removed->message}};
  if (own.inventory)
    return {hello_behind(before, own, facts)};
  if (!own.strays.empty() || !own.gone.empty())
    return reports_behind(before, own, facts);
  if (!own.node.empty())
    return {hello_without_inventory(before, own.node, facts)};
  if (is_told_by_node(facts.front()))
    return reports_behind(before, own, facts);
  if (auto found = prompter{before, facts}.run())
    return {std::move(*found)};
  return {};
}

std::vector<command>
answers_before(const cluster& before, std::span<const event> facts) {
  for (auto& x : facts)
    if (auto* released = std::get_if<gang_released>(&x.what))
      return answers_before(before, *released, facts.front().time);
  return {};
}

command silent_command(const cluster& before, const step& x) {
  if (x.leaving)
    return change_node_health{x.node, node_state::removed};
  if (x.inventory)
    return hello_behind(before, x, {});
  if (!x.strays.empty() || !x.gone.empty())
    return take_reports{x.node, strays_in(x)};
  if (!x.node.empty())
    return hello_without_inventory(before, x.node, {});
  // Whatever it was, it was not for what it said that something came of it.
  return stop_task{};
}

} // namespace troupe::runtime::rehearsal
