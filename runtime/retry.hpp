#pragma once

/// When what found no place is tried again though nothing happened that could
/// help it. What does happen is looked at at once and needs none of this.

#include <chrono>
#include <cstdint>
#include <optional>

#include "messages/timestamp.hpp"

namespace troupe::runtime {

struct retry_rule {
  /// Before the first try by time alone; twice as long before each that follows.
  std::chrono::milliseconds first{1'000};
  uint32_t tries_max = 5;
};

/// The pause before a try, when `tries` came before it: `first` doubled so many
/// times, and up to a tenth more, evenly spread by `seed`, so that what failed
/// together does not come back together. None after the last try.
[[nodiscard]] std::optional<std::chrono::milliseconds>
pause_before(const retry_rule& rule, uint32_t tries, uint64_t seed);

/// Slows tries by time down once so many rounds of them in a row have found no
/// place for anything: the cluster is full, and looking again does not help.
class circuit_breaker {
public:
  /// Between two rounds while it is open.
  static constexpr std::chrono::milliseconds pause{30'000};
  static constexpr uint32_t rounds_max = 10;

  /// Tells that a round of tries begins.
  void note_round(timestamp now);
  /// Tells of a place that was found, or of something that could help.
  void note_help();

  [[nodiscard]] bool is_open() const { return rounds_ >= rounds_max; }
  /// The time of the next round, where one is due at `due`.
  [[nodiscard]] timestamp next_round(timestamp due) const;

private:
  uint32_t rounds_ = 0;
  timestamp last_;
};

} // namespace troupe::runtime
