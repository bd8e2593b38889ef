#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "messages/work.hpp"

namespace troupe::sim {

using time_point = std::chrono::steady_clock::time_point;

/// One thing that really runs on a machine, or did.
struct real_run {
  static constexpr auto never = time_point::max();

  std::string machine;
  work_item item;
  time_point began;
  time_point ends = never;
  /// What it ends with.
  int32_t exit_code = 0;
  /// Whether anybody can find that out.
  bool known = true;
  /// From when on its health check fails.
  time_point sick = never;

  [[nodiscard]] bool alive(time_point now) const { return now < ends; }
};

/// What really runs, on all machines, whatever anybody believes. It outlives
/// every process of Troupe.
class truth {
public:
  /// Called after each run has begun.
  std::function<void(const real_run&)> on_begin;

  real_run& begin(real_run x);

  /// All that ever began for an allocation, in order.
  [[nodiscard]] std::vector<const real_run*> of(allocation_id x) const;
  /// The last that began for `x`; null if nothing has.
  [[nodiscard]] const real_run* last_of(const run_id& x) const;
  [[nodiscard]] std::vector<const real_run*> alive(time_point now) const;
  [[nodiscard]] size_t size() const { return runs_.size(); }

private:
  std::deque<real_run> runs_;
  std::multimap<allocation_id, real_run*> by_allocation_;
};

} // namespace troupe::sim
