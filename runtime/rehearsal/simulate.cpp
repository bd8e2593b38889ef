#include "runtime/rehearsal/simulate.hpp"

#include <algorithm>
#include <map>

#include "messages/json.hpp"

#include "runtime/rehearsal/stage.hpp"
#include "runtime/rehearsal/tally.hpp"
#include "runtime/views/condition.hpp"

namespace troupe::runtime::rehearsal {

namespace {

run_course course_of(const work_item& item) {
  run_course result;
  result.length = length_of(*item.spec);
  result.exit_code = item.spec->simulate.exit_code;
  if (*result.exit_code == 0)
    return result;
  result.end = task_state::failed;
  result.why = reason::exit_code;
  result.message = "exit code " + std::to_string(*result.exit_code);
  return result;
}

/// One play of a scenario.
class play {
public:
  play(const scenario& x, const simulation_options& options)
    : scenario_{x}, options_{options}, stage_{
                                         {.course_of = course_of,
                                          .listen
                                          = [this](const event& y) { note(y); },
                                          .one_by_one = options.one_by_one,
                                          .steps_max = options.steps_max}} {}
  play(const play&) = delete;
  play& operator=(const play&) = delete;

  expected<played_scenario, problem> run() {
    stage_.begin(scenario_.start);
    if (auto wrong = set_up())
      return make_unexpected(std::move(*wrong));
    auto end = scenario_.until ? scenario_.start + *scenario_.until
                               : timestamp{INT64_MAX};
    for (auto& step : scenario_.steps) {
      auto at = scenario_.start + step.at;
      if (at > end)
        break;
      settle_before(at);
      if (options_.one_by_one)
        stage_.end_expected();
      if (auto wrong = take(step))
        return make_unexpected(std::move(*wrong));
    }
    settle_before({end.ms == INT64_MAX ? end.ms : end.ms + 1});
    return finish(end);
  }

private:
  /// What becomes of a machine that died.
  struct loss {
    std::string node;
    node_state next = node_state::unhealthy;
    /// Which death it was.
    uint64_t number = 0;
  };

  void note(const event& x) {
    tally_.take(x);
    last_ = std::max(last_, x.time);
    if (!options_.trace)
      return;
    if (auto* y = std::get_if<task_placed>(&x.what))
      placements_.push_back({seconds_at(x.time), y->task, y->attempt, y->node});
  }

  [[nodiscard]] double seconds_at(timestamp x) const {
    return static_cast<double>((x - scenario_.start).count()) / 1'000;
  }

  std::optional<problem> set_up() {
    auto settings = scenario_.settings;
    auto given = settings;
    if (options_.strategy)
      settings.strategy = options_.strategy;
    if (options_.order)
      settings.queue_order = options_.order;
    auto done = stage_.decide(settings);
    if (done)
      return std::nullopt;
    // What is wrong is what was given last.
    auto pointer = done.error().problems.empty()
                     ? std::string{}
                     : done.error().problems.front().pointer;
    auto own = (pointer == "/strategy" && options_.strategy)
               || (pointer == "/queueOrder" && options_.order);
    if (pointer == "/queueOrder")
      pointer = "/order";
    return problem{own ? "" : "/settings" + pointer, done.error().detail};
  }

  /// Lets all follow that comes before `at`, deaths that are noticed included.
  void settle_before(timestamp at) {
    while (!losses_.empty() && losses_.begin()->first < at) {
      auto [when, x] = *losses_.begin();
      losses_.erase(losses_.begin());
      if (deaths_[x.node] != x.number || !stage_.is_silent(x.node))
        continue;
      stage_.turn_to(when);
      static_cast<void>(stage_.decide(change_node_health{x.node, x.next}));
      if (x.next == node_state::removed)
        continue;
      x.next = node_state::removed;
      losses_.emplace(when + scenario_.removed_after, x);
    }
    if (at.ms == INT64_MAX)
      stage_.settle(at);
    else
      stage_.turn_to(at);
  }

  std::optional<problem> take(const scenario_step& x) {
    if (auto* lost = std::get_if<lost_node>(&x.what)) {
      stage_.silence(lost->node);
      losses_.emplace(
        stage_.now() + scenario_.unhealthy_after,
        loss{lost->node, node_state::unhealthy, ++deaths_[lost->node]});
      return std::nullopt;
    }
    if (auto* joined = std::get_if<joined_nodes>(&x.what)) {
      for (auto& node : joined->nodes)
        if (auto done = stage_.join(node); !done)
          return problem_of(x, done.error());
      return std::nullopt;
    }
    if (auto done = stage_.decide(std::get<command>(x.what)); !done)
      return problem_of(x, done.error());
    return std::nullopt;
  }

  static problem problem_of(const scenario_step& at, const refusal& x) {
    auto text = x.detail;
    for (auto& y : x.problems)
      text += "; " + y.pointer + ": " + y.detail;
    return {at.pointer, std::move(text)};
  }

  played_scenario finish(timestamp end) {
    auto& state = stage_.state();
    played_scenario result;
    auto live = std::any_of(state.jobs().begin(), state.jobs().end(),
                            [](auto& x) { return x.second.live() > 0; });
    auto ended = live && scenario_.until ? end : last_;
    result.strategy = state.config().strategy;
    result.order = state.config().queue_order;
    result.nodes = state.nodes().size();
    result.seconds = seconds_at(std::max(ended, scenario_.start));
    result.all = tally_.finish(state, ended);
    result.placements = std::move(placements_);
    result.complete = stage_.complete();
    for (auto& [name, job] : state.jobs()) {
      auto waiting = job.in_state(task_state::pending);
      if (waiting == 0)
        continue;
      auto how = views::wait_of(state, job);
      result.waiting.push_back(
        {name, waiting, how.why, std::move(how.message)});
    }
    return result;
  }

  const scenario& scenario_;
  const simulation_options& options_;
  tally tally_;
  std::vector<traced_placement> placements_;
  timestamp last_;
  std::multimap<timestamp, loss> losses_;
  /// [node] How often it died.
  std::map<std::string, uint64_t> deaths_;
  stage stage_;
};

} // namespace

expected<played_scenario, problem>
simulate(const scenario& x, const simulation_options& options) {
  return play{x, options}.run();
}

boost::json::value write_played(const played_scenario& x) {
  auto all = json::write(x.all, json::detail::full);
  boost::json::object result;
  result["strategy"] = x.strategy;
  result["order"] = x.order;
  result["nodes"] = x.nodes;
  result["seconds"] = x.seconds;
  for (auto& [key, value] : all.as_object())
    result[key] = value;
  result["waiting"] = json::write(x.waiting, json::detail::full);
  if (!x.placements.empty())
    result["trace"] = json::write(x.placements, json::detail::full);
  result["complete"] = x.complete;
  return result;
}

} // namespace troupe::runtime::rehearsal
