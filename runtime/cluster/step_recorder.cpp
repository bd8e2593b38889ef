#include "runtime/cluster/step_recorder.hpp"

#include <cstdint>

namespace troupe::runtime {

namespace {

/// A cluster in which nothing happens tries again a few times what waits, and
/// then leaves it alone; so there are far fewer.
constexpr size_t silent_steps_max = 4'096;

} // namespace

void step_recorder::begin(step_kind kind, timestamp before,
                          size_t facts_before) {
  step_ = {};
  step_.kind = kind;
  step_.at_once = !std::exchange(looked_, false);
  before_ = before;
  first_fact_ = facts_before;
  stirred_ = kind != step_kind::command && kind != step_kind::time;
}

timestamp step_recorder::end(std::vector<event>& facts, timestamp now) {
  auto count = facts.size() - first_fact_;
  if (count == 0)
    return end_in_silence(now);
  auto& first = facts[first_fact_];
  first.facts = static_cast<uint32_t>(count);
  if (silent_.empty() && step_ == step{})
    return now;
  first.steps.reserve(silent_.size() + 1);
  for (auto& [at, x] : silent_) {
    x.ago = first.time - at;
    first.steps.push_back(std::move(x));
  }
  first.steps.push_back(std::move(step_));
  silent_.clear();
  return now;
}

timestamp step_recorder::end_in_silence(timestamp now) {
  if (!stirred_) {
    looked_ = !step_.at_once;
    return before_;
  }
  if (silent_.size() == silent_steps_max)
    silent_ = {{now, step{.kind = step_kind::untold}}};
  silent_.emplace_back(now, std::move(step_));
  return now;
}

} // namespace troupe::runtime
