#include "runtime/black_box/rounds.hpp"

#include <algorithm>

namespace troupe::runtime::black_box {

rounds::rounds(round_options options) : options_(options) {
  // nop
}

void rounds::schedule(const run& x, entry& y, time_point due) {
  y.due = due;
  due_.emplace(due, x);
}

void rounds::begin(const run& x, time_point now) {
  auto [at, is_new] = runs_.try_emplace(x);
  if (!is_new)
    return;
  at->second.pause = options_.shortest;
  schedule(x, at->second, now + options_.first);
}

std::optional<run> rounds::end(const run& x) {
  auto at = runs_.find(x);
  if (at != runs_.end() && at->second.reading) {
    at->second.ended = true;
    return std::nullopt;
  }
  forget(x);
  ended_.push_back(x);
  if (ended_.size() <= options_.ended_max)
    return std::nullopt;
  auto result = ended_.front();
  ended_.pop_front();
  return result;
}

void rounds::forget(const run& x) {
  auto at = runs_.find(x);
  if (at == runs_.end())
    return;
  due_.erase({at->second.due, x});
  runs_.erase(at);
}

std::optional<run> rounds::next(time_point now, bool with_live) {
  if (!ended_.empty()) {
    auto result = ended_.front();
    ended_.pop_front();
    return result;
  }
  if (!with_live || due_.empty() || due_.begin()->first > now)
    return std::nullopt;
  auto result = due_.begin()->second;
  due_.erase(due_.begin());
  runs_.at(result).reading = true;
  return result;
}

std::optional<run> rounds::done(const run& x, bool changed, time_point now) {
  auto at = runs_.find(x);
  if (at == runs_.end())
    return std::nullopt;
  auto& y = at->second;
  y.reading = false;
  if (y.ended) {
    runs_.erase(at);
    return end(x);
  }
  y.pause
    = changed ? options_.shortest : std::min(y.pause * 2, options_.longest);
  schedule(x, y, now + y.pause);
  return std::nullopt;
}

} // namespace troupe::runtime::black_box
