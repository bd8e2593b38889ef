#include "runtime/rehearsal/what_if.hpp"

#include <algorithm>
#include <set>

#include "messages/json.hpp"

#include "runtime/rehearsal/past.hpp"
#include "runtime/rehearsal/stage.hpp"
#include "runtime/rehearsal/tally.hpp"

namespace troupe::runtime::rehearsal {

namespace {

class imagined_past {
public:
  imagined_past(const recording& x, past then, const what_if_options& options)
    : recording_{x}, then_{std::move(then)}, options_{options},
      stage_{{.course_of
              = [this](const work_item& item) { return then_.runs.next(item); },
              .listen = [this](const event& y) { note(y); },
              .steps_max = options.steps_max}} {}
  imagined_past(const imagined_past&) = delete;
  imagined_past& operator=(const imagined_past&) = delete;

  expected<what_if, std::string> run() {
    if (auto ok = begin(); !ok)
      return make_unexpected(ok.error());
    for (auto& [at, said] : then_.said) {
      stage_.turn_to(at);
      // What was accepted then may be refused now, as where a task has ended by
      // now that was stopped then.
      static_cast<void>(stage_.decide(without_settings(said)));
    }
    stage_.settle(then_.last);
    // It may take longer than it did, though not for ever.
    if (unfinished() > 0)
      stage_.settle(then_.last + (then_.last - then_.first));
    return finish();
  }

private:
  void note(const event& x) {
    tally_.take(x);
    last_ = std::max(last_, x.time);
    if (auto* placed = std::get_if<task_placed>(&x.what))
      places_.emplace(placed->task, placed->node);
  }

  expected<void, std::string> begin() {
    if (recording_.lines.empty())
      stage_.begin(then_.first);
    else if (auto ok = stage_.begin(recording_.lines, {}, then_.first); !ok)
      return ok;
    last_ = then_.first;
    tally_.begin(stage_.state(), then_.first);
    for (auto& [name, node] : stage_.state().nodes())
      for (auto& [allocation, place] : node.allocations)
        resume(name, allocation, place);
    auto changed
      = stage_.decide(change_settings{options_.strategy, options_.order});
    if (!changed)
      return make_unexpected(changed.error().detail);
    return {};
  }

  void resume(const std::string& node, allocation_id allocation,
              const task_place& place) {
    auto& task = place.job->tasks[place.index];
    // What was only placed begins by itself.
    if (task.state == task_state::placed)
      return;
    work_item run;
    run.task = {place.job->name, place.index};
    run.attempt = task.attempt;
    run.allocation = allocation;
    run.spec = place.job->spec_of(task.job_version);
    auto course = then_.runs.next(run);
    stage_.resume(node, run, std::move(course));
  }

  /// What is changed here was not to be changed by anybody else.
  [[nodiscard]] command without_settings(const command& x) const {
    auto* settings = std::get_if<change_settings>(&x);
    if (settings == nullptr)
      return x;
    auto result = *settings;
    if (options_.strategy)
      result.strategy.reset();
    if (options_.order)
      result.queue_order.reset();
    return result;
  }

  /// Tasks of jobs that shall end, and have not.
  [[nodiscard]] uint64_t unfinished() const {
    uint64_t result = 0;
    for (auto& [name, job] : stage_.state().jobs())
      if (job.spec->kind == job_kind::batch && !job.schedule)
        result += job.live() + job.in_state(task_state::pending);
    return result;
  }

  what_if finish() {
    what_if result;
    auto& config = stage_.state().config();
    result.recorded_strategy = then_.config.strategy;
    result.recorded_order = then_.config.queue_order;
    result.strategy = config.strategy;
    result.order = config.queue_order;
    result.recorded = then_.all;
    result.imagined
      = tally_.finish(stage_.state(), std::max(last_, then_.last));
    result.complete = stage_.complete();
    std::set<task_ref> tasks;
    for (auto* places : {&places_, &then_.places})
      for (auto& [task, node] : *places)
        tasks.insert(task);
    result.tasks = tasks.size();
    for (auto& task : tasks) {
      changed_place x{task, place_in(then_.places, task),
                      place_in(places_, task)};
      if (x.recorded != x.imagined)
        result.changed.push_back(std::move(x));
    }
    return result;
  }

  static std::string place_in(const std::map<task_ref, std::string>& places,
                              const task_ref& task) {
    auto at = places.find(task);
    return at == places.end() ? std::string{} : at->second;
  }

  const recording& recording_;
  past then_;
  what_if_options options_;
  tally tally_;
  std::map<task_ref, std::string> places_;
  timestamp last_;
  stage stage_;
};

boost::json::object run_of(const std::string& name, const std::string& strategy,
                           const std::string& order, const figures& x) {
  auto all = json::write(x, json::detail::full);
  boost::json::object result;
  result["name"] = name;
  result["strategy"] = strategy;
  result["order"] = order;
  for (auto& [key, value] : all.as_object())
    result[key] = value;
  return result;
}

} // namespace

expected<what_if, std::string>
imagine(const recording& x, const what_if_options& options) {
  auto then = past_of(x);
  if (!then)
    return make_unexpected(then.error());
  return imagined_past{x, std::move(*then), options}.run();
}

boost::json::value write_what_if(const what_if& x) {
  boost::json::object result;
  result["recorded"]
    = run_of("recorded", x.recorded_strategy, x.recorded_order, x.recorded);
  result["imagined"] = run_of("imagined", x.strategy, x.order, x.imagined);
  result["tasks"] = x.tasks;
  result["tasksChanged"] = x.changed.size();
  result["changed"] = json::write(x.changed, json::detail::full);
  result["complete"] = x.complete;
  return result;
}

} // namespace troupe::runtime::rehearsal
