// What the cluster was given to decide on, so that it can be decided again: most
// of it is in the facts that came of it; the rest goes with the next fact.

#include <utility>

#include "runtime/cluster/cluster.hpp"

namespace troupe::runtime {

namespace {

/// A cluster in which nothing happens tries again a few times what waits, and
/// then leaves it alone; so there are far fewer.
constexpr size_t silent_steps_max = 4'096;

} // namespace

void cluster::begin_step(step_kind kind, timestamp now) {
  step_ = {};
  step_.kind = kind;
  step_.at_once = !std::exchange(looked_, false);
  step_began_after_ = now_;
  step_first_event_ = events_.size();
  stirred_ = kind != step_kind::command && kind != step_kind::time;
  now_ = std::max(now_, now);
}

void cluster::end_step() {
  auto count = events_.size() - step_first_event_;
  if (count == 0)
    return note_silent_step();
  auto& first = events_[step_first_event_];
  first.facts = static_cast<uint32_t>(count);
  if (silent_steps_.empty() && step_ == step{})
    return;
  first.steps.reserve(silent_steps_.size() + 1);
  for (auto& [at, x] : silent_steps_) {
    x.ago = first.time - at;
    first.steps.push_back(std::move(x));
  }
  first.steps.push_back(std::move(step_));
  silent_steps_.clear();
}

void cluster::note_silent_step() {
  if (!stirred_) {
    // As if it had not been: not even time has passed.
    now_ = step_began_after_;
    looked_ = !step_.at_once;
    return;
  }
  if (silent_steps_.size() == silent_steps_max)
    silent_steps_ = {{now_, step{.kind = step_kind::untold}}};
  silent_steps_.emplace_back(now_, std::move(step_));
}

} // namespace troupe::runtime
