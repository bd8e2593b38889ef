#include "runtime/rehearsal/reports.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <set>

namespace troupe::runtime::rehearsal {

namespace {

/// Of an attempt of which nobody told: it follows from a report of a later one.
bool is_missed(const task_ended& x) {
  return x.restarts && x.state == task_state::failed && x.why == reason::none
         && !x.exit_code;
}

/// Decided by the controller, not told by the node.
bool is_given_up(const task_ended& x) {
  return x.node.empty() || x.why == reason::node_lost
         || x.message == "node " + x.node + " came back without it";
}

using answers = std::map<std::string, std::vector<task_report>>;

/// [node] The answers to what `name` asks that are still to come.
answers
open_answers(const cluster& before, const std::string& name, timestamp now) {
  answers result;
  auto gang = before.gangs().find(name);
  if (gang == before.gangs().end())
    return result;
  for (auto& [born, job] : gang->second.jobs)
    for (auto& [index, kept] : job->holds) {
      if (!kept.gang || gang->second.confirmed.contains({born, index}))
        continue;
      task_report x;
      x.task = {job->name, index};
      x.attempt = job->tasks[index].attempt + 1;
      x.allocation = {gang->second.reservation};
      x.state = task_state::placed;
      x.at = now;
      result[before.name_of(kept)].push_back(std::move(x));
    }
  return result;
}

class listener {
public:
  listener(const cluster& before, const step& own, std::span<const event> facts)
    : before_{before}, own_{own}, facts_{facts}, node_{own.node} {}

  std::vector<command> run() {
    if (node_.empty())
      find_node();
    gather();
    if (reports_.empty() && strays_in(own_).empty())
      return {};
    take_reports own{node_, std::move(reports_)};
    add_strays(own.reports);
    auto result = std::move(before_it_);
    result.emplace_back(std::move(own));
    return result;
  }

  command hello() {
    gather();
    auto* node = before_.find_node(node_);
    join_node result{node == nullptr ? node_profile{} : node->profile,
                     std::move(reports_)};
    std::set<task_ref> lost;
    for (auto& x : facts_)
      if (auto* joined = std::get_if<node_joined>(&x.what))
        result.profile = joined->profile;
      else if (auto* ended = std::get_if<task_ended>(&x.what);
               ended != nullptr && ended->node == node_ && is_given_up(*ended))
        lost.insert(ended->task);
    auto& all = *result.inventory;
    add_strays(all);
    if (node == nullptr)
      return result;
    for (auto& [allocation, place] : node->allocations) {
      task_ref task{place.job->name, place.index};
      if (lost.contains(task) || attempts_.contains(task))
        continue;
      // Nothing new of this one.
      auto x = report_of(task);
      x.state = task_state::pending;
      all.push_back(std::move(x));
    }
    return result;
  }

private:
  const std::string& node_of(const task_ref& x) const {
    static const std::string none;
    auto* task = before_.find_task(x);
    return task == nullptr ? none : before_.node_of(*task);
  }

  /// What was to run there may be what has ended with the same words.
  void add_strays(std::vector<task_report>& to) const {
    auto strays = strays_in(own_);
    to.insert(to.end(), strays.begin(), strays.end());
  }

  void find_node() {
    for (auto& x : facts_) {
      if (auto* starting = std::get_if<task_starting>(&x.what))
        node_ = starting->node;
      else if (auto* started = std::get_if<task_started>(&x.what))
        node_ = started->node;
      else if (auto* ended = std::get_if<task_ended>(&x.what))
        node_ = is_given_up(*ended) ? "" : ended->node;
      else if (auto* changed = std::get_if<task_health_changed>(&x.what))
        node_ = node_of(changed->task);
      if (!node_.empty())
        return;
    }
    find_last_to_answer();
  }

  /// The node that all gangs which start here still awaited.
  void find_last_to_answer() {
    std::optional<std::set<std::string>> common;
    for (auto& x : facts_)
      if (auto* committed = std::get_if<gang_committed>(&x.what)) {
        std::set<std::string> awaited;
        for (auto& [node, all] :
             open_answers(before_, committed->gang, facts_[0].time))
          if (!common || common->contains(node))
            awaited.insert(node);
        common = std::move(awaited);
      }
    if (common && !common->empty())
      node_ = *common->rbegin();
  }

  void gather() {
    for (at_ = 0; at_ < facts_.size(); ++at_)
      std::visit([this](auto& x) { on(x); }, facts_[at_].what);
    // It told of a later attempt, and nothing new of that one.
    for (auto& task : missed_) {
      auto x = report_of(task);
      x.state = task_state::pending;
      reports_.push_back(std::move(x));
    }
  }

  task_report report_of(const task_ref& x) {
    task_report result;
    result.task = x;
    result.at = facts_.empty() ? before_.last_time() : facts_[0].time;
    if (auto* task = before_.find_task(x)) {
      result.attempt = task->attempt;
      result.allocation = task->allocation;
    }
    if (auto later = attempts_.find(x); later != attempts_.end())
      result.attempt = later->second;
    return result;
  }

  task_report& report(const task_ref& task, task_state state) {
    auto x = report_of(task);
    x.state = state;
    attempts_.emplace(task, x.attempt);
    missed_.erase(task);
    return reports_.emplace_back(std::move(x));
  }

  void on(const task_starting& x) {
    if (x.node == node_)
      report(x.task, task_state::starting).message = x.message;
  }

  /// One that started and ended is told of once.
  void on(const task_started& x) {
    if (x.node == node_ && !ends_next(x.task))
      report(x.task, task_state::running);
  }

  bool ends_next(const task_ref& task) const {
    if (at_ + 1 >= facts_.size())
      return false;
    auto* end = std::get_if<task_ended>(&facts_[at_ + 1].what);
    return end != nullptr && end->task == task
           && (end->state == task_state::succeeded || is_left(*end)
               || (end->restarts && !is_missed(*end)));
  }

  /// A member of a service that left by itself while it was to stop anyway: what
  /// it said was that it succeeded.
  bool is_left(const task_ended& x) const {
    auto* job = before_.find_job(x.task.job);
    auto* task = before_.find_task(x.task);
    if (x.state != task_state::stopped || task == nullptr || !task->stopping)
      return false;
    auto why = task->why == reason::none ? reason::stopped_by_user : task->why;
    return x.why == why && !task->started_at
           && job->spec->kind != job_kind::batch;
  }

  bool has_just_started(const task_ref& task) const {
    auto* start
      = at_ > 0 ? std::get_if<task_started>(&facts_[at_ - 1].what) : nullptr;
    return start != nullptr && start->task == task;
  }

  void on(const task_health_changed& x) {
    if (node_of(x.task) != node_)
      return;
    auto& y = report(x.task, task_state::running);
    y.health = x.health;
    y.message = x.message;
  }

  void on(const task_ended& x) {
    if (x.node != node_ || is_given_up(x))
      return;
    if (is_missed(x)) {
      attempts_[x.task] = x.attempt + 1;
      missed_.insert(x.task);
      return;
    }
    auto left = is_left(x) && has_just_started(x.task);
    auto& y = report(x.task, left ? task_state::succeeded : x.state);
    y.attempt = x.attempt;
    y.why = x.why;
    y.message = x.message;
    y.exit_code = x.exit_code;
    y.restarts = x.restarts;
    y.image_digest = x.image_digest;
    if (x.restarts)
      attempts_[x.task] = x.attempt + 1;
  }

  /// All have answered. Nodes tell each for itself; this one was the last.
  void on(const gang_committed& x) {
    auto open = open_answers(before_, x.gang, facts_[0].time);
    if (open.empty())
      return;
    if (node_.empty())
      node_ = open.rbegin()->first;
    for (auto& [node, all] : open)
      if (node == node_)
        reports_.insert(reports_.end(), all.begin(), all.end());
      else
        before_it_.emplace_back(take_reports{node, all});
  }

  /// One of them refuses.
  void on(const gang_released& x) {
    for (auto& [node, all] : open_answers(before_, x.gang, facts_[0].time))
      for (auto y : all) {
        auto front = "node " + node + " refuses " + to_string(y.task);
        auto rest = x.message.size() - std::min(x.message.size(), front.size());
        if (!x.message.starts_with(front)
            || (rest > 0 && x.message[front.size()] != ':')
            || (!node_.empty() && node != node_))
          continue;
        node_ = node;
        y.state = task_state::failed;
        y.why = x.why;
        if (rest > 2)
          y.message = x.message.substr(front.size() + 2);
        reports_.push_back(std::move(y));
        return;
      }
  }

  template <class Fact>
  void on(const Fact&) {
    // What follows from what was told.
  }

  const cluster& before_;
  const step& own_;
  std::span<const event> facts_;
  std::string node_;
  size_t at_ = 0;
  /// Attempts that it is at, of tasks that were told of.
  std::map<task_ref, uint32_t> attempts_;
  std::set<task_ref> missed_;
  std::vector<task_report> reports_;
  std::vector<command> before_it_;
};

} // namespace

std::vector<command> reports_behind(const cluster& before, const step& own,
                                    std::span<const event> facts) {
  return listener{before, own, facts}.run();
}

command hello_behind(const cluster& before, const step& own,
                     std::span<const event> facts) {
  return listener{before, own, facts}.hello();
}

std::vector<command>
answers_before(const cluster& before, const gang_released& x, timestamp now) {
  std::vector<command> result;
  auto late = [&](const std::string& node, const task_report& y) {
    return x.message
           == "node " + node + " did not confirm the place of "
                + to_string(y.task) + " in time";
  };
  auto open = open_answers(before, x.gang, now);
  auto someone = std::any_of(open.begin(), open.end(), [&](auto& y) {
    return std::any_of(y.second.begin(), y.second.end(),
                       [&](auto& z) { return late(y.first, z); });
  });
  // Of those that had not answered, the first is named.
  for (auto& [node, all] : open) {
    std::erase_if(all, [&, &of = node](auto& y) { return late(of, y); });
    if (someone && !all.empty())
      result.emplace_back(take_reports{node, all});
  }
  return result;
}

std::vector<task_report> strays_in(const step& x) {
  std::vector<task_report> result;
  auto add = [&](const std::vector<allocation_id>& from, task_state state) {
    for (auto allocation : from) {
      task_report y;
      y.allocation = allocation;
      y.state = state;
      result.push_back(std::move(y));
    }
  };
  add(x.strays, task_state::running);
  add(x.gone, task_state::stopped);
  return result;
}

} // namespace troupe::runtime::rehearsal
