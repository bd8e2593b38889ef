#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "runtime/black_box/store.hpp"

namespace troupe::runtime::black_box {

struct round_options {
  /// From the start of a run to the first reading.
  std::chrono::milliseconds first{300};
  /// Between two readings of a run that writes.
  std::chrono::milliseconds shortest{1'000};
  /// The longest pause: of a run that has not written for a while.
  std::chrono::milliseconds longest{60'000};
  /// Runs that have ended and wait to be read; beyond, the oldest are given up.
  size_t ended_max = 10'000;
};

/// Decides whose output is read next.
///
///   idle -> reading   [next]     when it is due; at once when it has ended
///   reading -> idle   [done]     due again sooner if it wrote something
///   reading -> gone   [done]     if it had ended before it was read
///   any -> gone       [forget]
class rounds {
public:
  using time_point = std::chrono::steady_clock::time_point;

  explicit rounds(round_options options = {});

  /// A run has begun.
  void begin(const run& x, time_point now);
  /// It has ended: it is read once more. Returns a run that is given up for it.
  [[nodiscard]] std::optional<run> end(const run& x);
  /// Nobody will hear of it any more.
  void forget(const run& x);

  /// Whom to read now: first those that have ended, then, if `with_live`, the
  /// one that is due longest.
  [[nodiscard]] std::optional<run> next(time_point now, bool with_live);
  /// It was read, and had written something since it was read before. Returns
  /// a run that is given up, as `end` does.
  [[nodiscard]] std::optional<run>
  done(const run& x, bool changed, time_point now);

  [[nodiscard]] size_t live() const { return runs_.size(); }

private:
  struct entry {
    std::chrono::milliseconds pause{0};
    time_point due;
    bool reading = false;
    /// Whether it ended while it was being read.
    bool ended = false;
  };
  void schedule(const run& x, entry& y, time_point due);

  round_options options_;
  std::map<run, entry> runs_;
  std::set<std::pair<time_point, run>> due_;
  std::deque<run> ended_;
};

} // namespace troupe::runtime::black_box
