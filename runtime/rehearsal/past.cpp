#include "runtime/rehearsal/past.hpp"

#include <algorithm>
#include <span>

#include "runtime/rehearsal/again.hpp"
#include "runtime/rehearsal/prompts.hpp"
#include "runtime/rehearsal/scenario.hpp"
#include "runtime/rehearsal/tally.hpp"

namespace troupe::runtime::rehearsal {

// -- runs ----------------------------------------------------------------------

void known_runs::begin(const task_ref& task, timestamp now) {
  runs_[task].all.push_back({now, now, false, false, {}});
}

void known_runs::take(const event& x, bool was_stopping) {
  if (auto* placed = std::get_if<task_placed>(&x.what)) {
    runs_[placed->task].all.push_back({x.time, {}, false, false, {}});
  } else if (auto* started = std::get_if<task_started>(&x.what)) {
    if (auto& all = runs_[started->task].all; !all.empty())
      all.back().started = x.time;
  } else if (auto* ended = std::get_if<task_ended>(&x.what)) {
    auto& all = runs_[ended->task].all;
    if (all.empty() || ended->node.empty())
      return;
    auto& last = all.back();
    auto started = last.started ? last.started : x.time;
    last.course
      = {started - last.placed, x.time - started, ended->state, ended->why,
         ended->message,        ended->exit_code};
    last.has_ended = true;
    last.is_whole = !was_stopping
                    && (ended->state == task_state::succeeded
                        || (ended->state == task_state::failed
                            && ended->why != reason::timed_out));
    if (last.is_whole) {
      auto [longest, is_new]
        = longest_.try_emplace(ended->task.job, last.course);
      if (!is_new && longest->second.length < last.course.length)
        longest->second = last.course;
    }
    if (ended->restarts)
      all.push_back({});
  }
}

run_course known_runs::next(const work_item& item) {
  auto& known = runs_[item.task];
  auto number = known.given++;
  auto whole = [](const run& x) { return x.is_whole; };
  // What had not ended when the recording did goes on.
  if (number < known.all.size()
      && (known.all[number].is_whole || !known.all[number].has_ended))
    return known.all[number].course;
  auto last = std::find_if(known.all.rbegin(), known.all.rend(), whole);
  if (last != known.all.rend())
    return last->course;
  if (auto at = longest_.find(item.task.job); at != longest_.end())
    return at->second;
  run_course result;
  result.length = length_of(*item.spec);
  return result;
}

// -- what was said -------------------------------------------------------------

namespace {

/// What is imagined anew: runs, and who decides.
bool is_imagined(const command& x) {
  return std::holds_alternative<take_reports>(x)
         || std::holds_alternative<take_lead>(x);
}

class past_reader {
public:
  explicit past_reader(const recording& x) : recording_{x} {}

  expected<past, std::string> run() {
    if (auto ok = state_.begin(recording_.lines); !ok)
      return make_unexpected(ok.error());
    auto& facts = recording_.events;
    result_.first = facts.empty() ? state_.state().last_time() : facts[0].time;
    result_.last = result_.first;
    tally_.begin(state_.state(), result_.first);
    note_places();
    for (size_t i = 0; i < facts.size(); ++i) {
      if (i == next_step_)
        note_step(step_at(facts, i));
      take(facts[i]);
      state_.apply(facts[i]);
      tally_.take(facts[i]);
      result_.last = std::max(result_.last, facts[i].time);
    }
    result_.config = state_.state().config();
    result_.all = tally_.finish(state_.state(), result_.last);
    return std::move(result_);
  }

private:
  /// What runs when the recording begins.
  void note_places() {
    for (auto& [name, job] : state_.state().jobs())
      for (uint32_t i = 0; i < job.tasks.size(); ++i)
        if (holds_capacity(job.tasks[i].state))
          result_.runs.begin({name, i}, result_.first);
  }

  void take(const event& x) {
    auto stopping = false;
    if (auto* ended = std::get_if<task_ended>(&x.what)) {
      auto* task = state_.state().find_task(ended->task);
      stopping = task != nullptr && task->stopping;
    }
    result_.runs.take(x, stopping);
    if (auto* placed = std::get_if<task_placed>(&x.what))
      result_.places.emplace(placed->task, placed->node);
  }

  /// Notes what somebody said, if it is not for runs that are imagined anew.
  void note_step(std::span<const event> facts) {
    next_step_ += facts.size();
    auto& steps = facts.front().steps;
    // That a node will be removed may come to something later.
    for (auto& x : steps)
      if (x.leaving && &x != &steps.back())
        note_said(facts.front().time, silent_command(state_.state(), x));
    if (steps.empty() || steps.back().kind == step_kind::command)
      for (auto& x : commands_behind(state_.state(), facts))
        note_said(facts.front().time, std::move(x));
  }

  void note_said(timestamp at, command x) {
    if (auto* hello = std::get_if<join_node>(&x))
      hello->inventory.reset();
    if (!is_imagined(x))
      result_.said.emplace_back(at, std::move(x));
  }

  const recording& recording_;
  again state_{1};
  tally tally_;
  past result_;
  size_t next_step_ = 0;
};

} // namespace

expected<past, std::string> past_of(const recording& x) {
  return past_reader{x}.run();
}

} // namespace troupe::runtime::rehearsal
