#include "runtime/pressure/memory.hpp"

#include <algorithm>

#include "runtime/pressure/give_back.hpp"

namespace troupe::runtime {

namespace {

constexpr int calm_rounds_min = 2;
/// A ceiling that is brought down is given that long to have an effect.
constexpr int squeeze_rounds = 2;
/// A victim has some seconds of grace, and more until its memory is free.
constexpr int victim_rounds = 8;

int64_t burst_of(const memory_run& x) {
  return x.ending ? 0 : std::max<int64_t>(x.used - x.request, 0);
}

/// What it uses, and so much more that it is not killed for a moment's need.
int64_t ceiling_for(const memory_run& x) {
  return std::max(x.request, x.used + x.used / 16);
}

/// Whether `x` loses before `y`.
bool goes_first(const memory_run& x, const memory_run& y) {
  if (x.priority != y.priority)
    return x.priority < y.priority;
  return burst_of(x) >= burst_of(y);
}

/// Of those for which `wanted` holds, the one that loses first.
template <class Runs, class F>
auto first_of(Runs& runs, F wanted) {
  auto result = runs.end();
  for (auto i = runs.begin(); i != runs.end(); ++i)
    if (wanted(*i) && (result == runs.end() || goes_first(*i, *result)))
      result = i;
  return result;
}

} // namespace

memory_pressure::memory_pressure(int64_t capacity) : capacity_{capacity} {
  // nop
}

bool memory_pressure::is_close() const {
  return used_ > 0 && room_ < capacity_ / 4;
}

std::optional<size_t> memory_pressure::take(std::vector<memory_run>& runs,
                                            std::optional<int64_t> available) {
  used_ = 0;
  for (auto& x : runs) {
    used_ += x.used;
    // Nobody knows what there is.
    if (capacity_ <= 0)
      x.ceiling = x.limit;
  }
  left_ = room_ = std::max<int64_t>(capacity_ - used_, 0);
  // What the kernel can still give counts twice: most machines have little that
  // is free and much that they would give.
  if (available) {
    left_ = std::min(left_, *available);
    room_ = std::min(room_, *available * 2);
  }
  auto is_tight = capacity_ > 0 && room_ < capacity_ / 10;
  auto is_critical = capacity_ > 0 && room_ < capacity_ / 20;
  calm_ = room_ >= capacity_ / 5 ? calm_ + 1 : 0;
  critical_ = is_critical ? critical_ + 1 : 0;
  patience_ = std::max(patience_ - 1, 0);
  if (is_tight)
    stop_growth(runs);
  if (is_critical) {
    squeeze(runs);
    return choose_victim(runs);
  }
  for (auto& x : runs)
    x.squeezed = 0;
  if (calm_ >= calm_rounds_min)
    raise(runs);
  return std::nullopt;
}

/// All of the lowest priority that bursts, and whoever counts less, may keep what
/// they have and get no more of it.
void memory_pressure::stop_growth(std::vector<memory_run>& runs) const {
  auto first = first_of(runs, [](auto& x) { return burst_of(x) > 0; });
  if (first == runs.end())
    return;
  auto priority = first->priority;
  // Not for a few pages: use goes up and down.
  auto step = capacity_ / 64;
  for (auto& x : runs) {
    auto ceiling = ceiling_for(x);
    auto is_held = x.ceiling < x.limit;
    if (x.movable && !x.ending && x.priority <= priority && ceiling < x.ceiling
        && (!is_held || ceiling < x.ceiling - step))
      x.ceiling = ceiling;
  }
}

/// Brings ceilings down to requests, until that would give back enough. Only of
/// the lowest priority that bursts: while it does, nobody above gives anything.
void memory_pressure::squeeze(std::vector<memory_run>& runs) const {
  for (auto& x : runs)
    x.squeezed += x.squeezed > 0 ? 1 : 0;
  auto lowest = first_of(runs, [](auto& x) { return burst_of(x) > 0; });
  if (lowest == runs.end())
    return;
  auto priority = lowest->priority;
  auto needed = capacity_ / 10 - room_;
  while (needed > 0) {
    auto first = first_of(runs, [priority](auto& x) {
      return burst_of(x) > 0 && x.priority == priority && x.squeezed == 0;
    });
    if (first == runs.end())
      return;
    needed -= burst_of(*first);
    first->squeezed = 1;
    if (first->movable)
      first->ceiling = first->request;
  }
}

/// Ends the lowest priority that is above its request, when it could not give
/// that back.
std::optional<size_t>
memory_pressure::choose_victim(const std::vector<memory_run>& runs) {
  auto one_goes
    = std::any_of(runs.begin(), runs.end(), [](auto& x) { return x.ending; });
  if ((one_goes && patience_ > 0) || critical_ <= squeeze_rounds)
    return std::nullopt;
  auto first = first_of(runs, [](auto& x) { return burst_of(x) > 0; });
  if (first == runs.end() || first->squeezed <= squeeze_rounds)
    return std::nullopt;
  patience_ = victim_rounds;
  return static_cast<size_t>(first - runs.begin());
}

void memory_pressure::raise(std::vector<memory_run>& runs) const {
  auto amount = std::min(capacity_ / 8, room_ - capacity_ / 10);
  auto grain = std::max<int64_t>(capacity_ / 32, 1);
  give_back(runs, amount, grain, capacity_, [](auto&) { return true; });
}

} // namespace troupe::runtime
