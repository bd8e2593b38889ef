#pragma once

#include <cstdint>

/// What the engine's epoll hands back. Tokens begin at 1, so these two are free.
namespace troupe::runtime::process {

inline constexpr auto wake_event = uint64_t{0};
inline constexpr auto channel_event = uint64_t{1};

constexpr uint64_t end_event(uint64_t token) {
  return token * 2;
}

constexpr uint64_t pipe_event(uint64_t token) {
  return token * 2 + 1;
}

} // namespace troupe::runtime::process
