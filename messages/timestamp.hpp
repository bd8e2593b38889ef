#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace troupe {

/// A moment of the wall clock, in milliseconds since 1970 UTC. For people and
/// for facts; durations are measured with a steady clock.
struct timestamp {
  int64_t ms = 0;
  auto operator<=>(const timestamp&) const = default;
  explicit operator bool() const noexcept { return ms != 0; }

  timestamp operator+(std::chrono::milliseconds x) const {
    return {ms + x.count()};
  }
  std::chrono::milliseconds operator-(timestamp x) const {
    return std::chrono::milliseconds{ms - x.ms};
  }
};

/// RFC 3339 in UTC with milliseconds, `2026-11-22T01:40:00.000Z`.
[[nodiscard]] std::string to_string(timestamp x);

/// Reads what RFC 3339 lets people write: with any fraction of a second, which is
/// cut to milliseconds, or none, and with any offset.
[[nodiscard]] std::optional<timestamp> read_timestamp(std::string_view text);

} // namespace troupe
