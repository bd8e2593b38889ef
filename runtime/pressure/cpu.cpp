#include "runtime/pressure/cpu.hpp"

#include <algorithm>

#include "runtime/pressure/give_back.hpp"

namespace troupe::runtime {

namespace {

/// Rounds in the same state before anything is moved: one may be chance.
constexpr int rounds_min = 2;
/// The least that is moved at once: one hundredth of a core is all that kernels
/// can tell.
constexpr int64_t grain_min = 10;

/// More than that: the kernel's measures are not exact.
bool exceeds(int64_t used, int64_t capacity) {
  return used > capacity + capacity / 20;
}

int64_t burst_of(const cpu_run& x) {
  return std::max<int64_t>(std::min(x.used, x.ceiling) - x.request, 0);
}

/// Whether it would use more if it could: it is not idle, and not at its limit.
bool wants_more(const cpu_run& x) {
  return x.used > 0 && x.used * 2 >= x.request
         && x.used < x.limit - x.limit / 20;
}

bool is_wanted_above(const cpu_run& x, const std::vector<cpu_run>& runs) {
  return std::any_of(runs.begin(), runs.end(), [&](const cpu_run& y) {
    return y.priority > x.priority && wants_more(y);
  });
}

/// Who loses before whom.
bool goes_first(const cpu_run& x, const cpu_run& y) {
  if (x.priority != y.priority)
    return x.priority < y.priority;
  return burst_of(x) >= burst_of(y);
}

} // namespace

cpu_pressure::cpu_pressure(int64_t capacity) : capacity_{capacity} {
  // nop
}

bool cpu_pressure::is_close() const {
  return used_ * 10 >= capacity_ && used_ * 5 >= there_ * 4 && used_ > 0;
}

bool cpu_pressure::must_give_way(const cpu_run& x,
                                 const std::vector<cpu_run>& runs) const {
  if (!x.movable || burst_of(x) == 0)
    return false;
  return exceeds(used_, capacity_)
         || (used_ * 10 >= there_ * 9 && is_wanted_above(x, runs));
}

void cpu_pressure::take(std::vector<cpu_run>& runs,
                        std::optional<int64_t> idle) {
  used_ = 0;
  for (auto& x : runs) {
    used_ += x.used;
    // Nobody knows what there is.
    if (capacity_ <= 0)
      x.ceiling = x.limit;
  }
  there_ = idle ? std::min(capacity_, used_ + *idle) : capacity_;
  is_bounded_ = !idle || exceeds(used_ + *idle, capacity_);
  auto is_pressed
    = capacity_ > 0 && std::any_of(runs.begin(), runs.end(), [&](auto& x) {
        return must_give_way(x, runs);
      });
  pressed_ = is_pressed ? pressed_ + 1 : 0;
  calm_ = is_pressed ? 0 : calm_ + 1;
  if (pressed_ >= rounds_min)
    lower(runs);
  else if (calm_ >= rounds_min)
    raise(runs);
}

/// Takes from the lowest priority first, and among equals from who bursts most,
/// in small pieces so that they become alike.
void cpu_pressure::lower(std::vector<cpu_run>& runs) const {
  auto amount = capacity_ / 4;
  if (exceeds(used_, capacity_))
    amount = std::min(amount, used_ - capacity_ * 9 / 10);
  auto grain = std::max(capacity_ / 32, grain_min);
  while (amount > 0) {
    cpu_run* first = nullptr;
    for (auto& x : runs)
      if (must_give_way(x, runs) && (!first || goes_first(x, *first)))
        first = &x;
    if (!first)
      return;
    // What it gives up is not for those below it.
    for (auto& x : runs)
      if (x.movable && x.priority < first->priority)
        x.ceiling = std::min(x.ceiling, std::max(x.request, x.used));
    auto piece = std::min({grain, burst_of(*first), amount});
    first->ceiling = std::min(first->used, first->ceiling) - piece;
    amount -= piece;
  }
}

void cpu_pressure::raise(std::vector<cpu_run>& runs) const {
  auto is_roomy = used_ * 5 <= there_ * 4;
  auto room = there_ * 85 / 100 - used_;
  auto amount = is_roomy ? std::min(room, capacity_ / 8) : capacity_ / 8;
  auto grain = std::max(capacity_ / 32, grain_min);
  give_back(runs, amount, grain, capacity_, [&](const cpu_run& x) {
    return is_roomy || (!is_bounded_ && !is_wanted_above(x, runs));
  });
}

} // namespace troupe::runtime
