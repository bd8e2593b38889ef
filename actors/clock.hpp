#pragma once

#include <chrono>

#include "messages/timestamp.hpp"

namespace troupe {

/// The wall clock as an actor sees it: read once, then carried on by the actor
/// system's own clock. So it never jumps, and follows virtual time in tests.
class wall_clock {
public:
  using steady = std::chrono::steady_clock::time_point;

  /// @param wall    the wall clock's time at `start`.
  wall_clock(timestamp wall, steady start) : wall_(wall), start_(start) {
    // nop
  }

  explicit wall_clock(steady start) : wall_clock(read(start), start) {
    // nop
  }

  /// Tells the wall clock's time. Tests of virtual time put a clock of their own
  /// here, before the first actor lives.
  static inline timestamp (*read)(steady now) = [](steady) {
    return timestamp{std::chrono::duration_cast<std::chrono::milliseconds>(
                       std::chrono::system_clock::now().time_since_epoch())
                       .count()};
  };

  [[nodiscard]] timestamp at(steady now) const {
    return wall_
           + std::chrono::duration_cast<std::chrono::milliseconds>(now
                                                                   - start_);
  }

private:
  timestamp wall_;
  steady start_;
};

} // namespace troupe
