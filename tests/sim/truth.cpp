#include "tests/sim/truth.hpp"

namespace troupe::sim {

real_run& truth::begin(real_run x) {
  auto& result = runs_.emplace_back(std::move(x));
  by_allocation_.emplace(result.item.allocation, &result);
  if (on_begin)
    on_begin(result);
  return result;
}

std::vector<const real_run*> truth::of(allocation_id x) const {
  std::vector<const real_run*> result;
  auto [first, last] = by_allocation_.equal_range(x);
  for (; first != last; ++first)
    result.push_back(first->second);
  return result;
}

const real_run* truth::last_of(const run_id& x) const {
  const real_run* result = nullptr;
  for (auto* run : of(x.allocation))
    if (run->item.attempt == x.attempt)
      result = run;
  return result;
}

std::vector<const real_run*> truth::alive(time_point now) const {
  std::vector<const real_run*> result;
  for (auto& x : runs_)
    if (x.alive(now))
      result.push_back(&x);
  return result;
}

} // namespace troupe::sim
