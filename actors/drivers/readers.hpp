#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>

namespace troupe {

/// A reader of output asks several times a second: one that has been silent for
/// so long may give its place to another.
constexpr auto reader_silent = std::chrono::seconds{3};

/// Sees to it that there is a place for one more in `readers`, whose values have a
/// `last_read`. Whoever reads once and goes says no farewell, so the one that has
/// been silent longest leaves. Returns false if all are busy.
template <class Readers, class Close>
[[nodiscard]] bool
make_room(Readers& readers, size_t readers_max,
          std::chrono::steady_clock::time_point now, Close close) {
  if (readers.size() < readers_max)
    return true;
  auto oldest = std::min_element(
    readers.begin(), readers.end(), [](const auto& x, const auto& y) {
      return x.second.last_read < y.second.last_read;
    });
  if (oldest == readers.end() || now - oldest->second.last_read < reader_silent)
    return false;
  close(oldest->second);
  readers.erase(oldest);
  return true;
}

} // namespace troupe
