#include "runtime/rehearsal/stage.hpp"

#include <algorithm>
#include <utility>

namespace troupe::runtime::rehearsal {

namespace {

/// Exit code of a process that SIGTERM ended.
constexpr int32_t terminated = 143;

} // namespace

stage::stage(stage_options options) : options_{std::move(options)} {
  std::set<std::string, std::less<>> names;
  for (auto& name : placement::policy_names()) {
    policies_[name] = placement::make_policy(name);
    names.insert(name);
  }
  core_.set_policies(std::move(names));
}

void stage::begin(timestamp now) {
  now_ = now;
}

expected<void, std::string> stage::begin(const std::vector<std::string>& lines,
                                         const vitals& loads, timestamp now) {
  size_t next = 0;
  auto ok = core_.restore([&](std::string_view& line) {
    if (next == lines.size())
      return false;
    line = lines[next++];
    return true;
  });
  if (!ok)
    return ok;
  origin_ = core_.version();
  now_ = std::max(now, core_.last_time());
  for (auto& [node, vitals] : loads)
    if (core_.find_node(node) != nullptr)
      core_.note_load(node, vitals.used);
  // What is under way when the copy was made is done, too.
  for (auto& [name, node] : core_.nodes())
    if (node.state == node_state::ready)
      do_work(name, core_.work_for(name));
  return ok;
}

expected<outcome, refusal> stage::decide(const command& x) {
  auto result = core_.decide(x, now_);
  listen();
  return result;
}

void stage::resume(const std::string& node, const work_item& run,
                   run_course course) {
  runner x{node, task{run, {.attempt = run.attempt, .begun = true}},
           std::move(course)};
  run_id id{run.allocation, run.attempt};
  static_cast<void>(x.life.begin(now_));
  static_cast<void>(x.life.hear(start_of(id, now_)));
  if (x.course.length)
    agenda_[{now_ + *x.course.length, ++last_number_}] = {moment::ends, id};
  runners_.emplace(run.allocation, std::move(x));
}

void stage::silence(const std::string& node) {
  silent_.insert(node);
  std::erase_if(runners_, [&](auto& x) { return x.second.node == node; });
}

expected<outcome, refusal> stage::join(const node_profile& x) {
  silent_.erase(x.name);
  return decide(join_node{x, std::vector<task_report>{}});
}

void stage::settle(timestamp until) {
  for (; steps_ < options_.steps_max; ++steps_) {
    if (place() || work())
      continue;
    auto due = next_time();
    if (!due || *due > until)
      return;
    now_ = std::max(now_, *due);
    pass_time();
  }
  complete_ = false;
}

void stage::turn_to(timestamp at) {
  settle({at.ms - 1});
  now_ = std::max(now_, at);
}

// -- what a controller does ----------------------------------------------------

bool stage::place() {
  auto batch = core_.next_batch(options_.batch_tasks_max);
  if (!batch)
    return false;
  core_.commit(
    policies_.at(batch->policy)->propose(core_.nodes_for(*batch), batch->asks),
    now_);
  listen();
  return true;
}

bool stage::work() {
  std::map<std::string, std::vector<work_item>> by_node;
  for (auto& [node, item] : core_.take_work())
    by_node[node].push_back(std::move(item));
  for (auto& [node, items] : by_node)
    do_work(node, items);
  return !by_node.empty();
}

std::optional<timestamp> stage::next_time() const {
  auto result = core_.next_wake();
  if (!agenda_.empty())
    result = std::min(result.value_or(agenda_.begin()->first.first),
                      agenda_.begin()->first.first);
  return result;
}

void stage::pass_time() {
  pass_runs();
  if (auto due = core_.next_wake(); due && *due <= now_) {
    core_.advance(now_);
    listen();
  }
}

void stage::listen() {
  for (auto& x : core_.take_events())
    options_.listen(x);
}

// -- what machines do ----------------------------------------------------------

void stage::do_work(const std::string& node,
                    const std::vector<work_item>& items) {
  if (silent_.contains(node))
    return;
  told to;
  for (auto& x : items)
    do_item(to, node, x);
  report(to);
}

void stage::do_item(told& to, const std::string& node, const work_item& x) {
  auto at = runners_.find(x.allocation);
  auto answer = [&](task_state state) {
    task_report result;
    result.task = x.task;
    result.attempt = x.attempt;
    result.allocation = x.allocation;
    result.at = now_;
    result.state = state;
    result.why = x.why;
    to[node].push_back(std::move(result));
  };
  switch (x.kind) {
  case work_kind::start:
    if (at != runners_.end())
      return;
    at = runners_
           .emplace(x.allocation,
                    runner{node, task{x, {.attempt = x.attempt}}, {}})
           .first;
    follow(to, x.allocation, at->second.life.begin(now_));
    break;
  case work_kind::stop:
    // What ran before this began is not known here, and stops all the same.
    if (at == runners_.end())
      answer(task_state::stopped);
    else
      follow(to, x.allocation, at->second.life.stop(x.why, "", now_));
    break;
  case work_kind::reserve:
    answer(task_state::placed);
    break;
  case work_kind::forget:
  case work_kind::release:
    break;
  }
}

/// Does what follows for a run, and what follows from that.
void stage::follow(told& to, allocation_id x, task::step step) {
  auto at = runners_.find(x);
  if (at == runners_.end())
    return;
  auto& run = at->second;
  auto add = [&](timestamp time, moment what) {
    agenda_[{time, ++last_number_}] = {what, run.life.run()};
  };
  auto restarts = step.report && step.report->restarts;
  if (step.report)
    to[run.node].push_back(std::move(*step.report));
  if (step.wake)
    add(*step.wake, moment::ticks);
  if (step.over) {
    runners_.erase(at);
    return;
  }
  if (step.start_run) {
    run.course = options_.course_of(run.life.item());
    add(now_ + run.course.start, moment::starts);
  }
  if (step.stop_run) {
    run_event end{run.life.run(), run_phase::ended, task_state::failed};
    end.why = reason::exit_code;
    end.exit_code = terminated;
    end.at = now_;
    follow(to, x, run.life.hear(end));
  } else if (restarts) {
    follow(to, x, run.life.kept(run.life.run().attempt + 1, now_));
  }
}

bool stage::is_expected_end(const due& x) const {
  auto at = runners_.find(x.run.allocation);
  if (x.what != moment::ends || at == runners_.end()
      || at->second.life.run() != x.run)
    return false;
  auto& run = at->second;
  return run.course.length == run.life.item().spec->expected_runtime;
}

void stage::end_expected() {
  told to;
  for (auto at = agenda_.begin();
       at != agenda_.end() && at->first.first <= now_;) {
    if (!is_expected_end(at->second)) {
      ++at;
      continue;
    }
    auto run = at->second.run;
    at = agenda_.erase(at);
    follow(to, run.allocation,
           runners_.at(run.allocation)
             .life.hear(end_of(runners_.at(run.allocation))));
  }
  report(to);
}

/// Lets runs start and end whose time has come.
void stage::pass_runs() {
  if (options_.one_by_one) {
    auto first = std::find_if(agenda_.begin(), agenda_.end(), [](auto& x) {
      return x.second.what == moment::ends;
    });
    auto expected = first != agenda_.end() && first->first.first <= now_
                    && is_expected_end(first->second);
    end_expected();
    if (expected)
      return;
  }
  told to;
  auto enough = false;
  while (!enough && !agenda_.empty() && agenda_.begin()->first.first <= now_) {
    auto next = agenda_.begin()->second;
    agenda_.erase(agenda_.begin());
    auto at = runners_.find(next.run.allocation);
    if (at == runners_.end() || at->second.life.run() != next.run)
      continue;
    auto& run = at->second;
    switch (next.what) {
    case moment::starts:
      follow(to, next.run.allocation, run.life.hear(start_of(next.run, now_)));
      if (run.life.wants_checks())
        follow(to, next.run.allocation,
               run.life.check(task_health::healthy, "", now_));
      if (run.course.length)
        agenda_[{now_ + *run.course.length, ++last_number_}]
          = {moment::ends, next.run};
      break;
    case moment::ends:
      follow(to, next.run.allocation, run.life.hear(end_of(run)));
      enough = options_.one_by_one;
      break;
    case moment::ticks:
      follow(to, next.run.allocation, run.life.tick(now_));
      break;
    }
  }
  report(to);
}

run_event stage::start_of(const run_id& run, timestamp at) {
  run_event result;
  result.run = run;
  result.phase = run_phase::started;
  result.at = at;
  return result;
}

run_event stage::end_of(const runner& x) const {
  run_event result;
  result.run = x.life.run();
  result.phase = run_phase::ended;
  result.state = x.course.end;
  result.why = x.course.why;
  result.message = x.course.message;
  result.exit_code = x.course.exit_code;
  result.at = now_;
  return result;
}

void stage::report(const told& x) {
  for (auto& [node, reports] : x)
    // Of a node that is gone by now, nobody hears.
    static_cast<void>(decide(take_reports{node, reports}));
}

} // namespace troupe::runtime::rehearsal
