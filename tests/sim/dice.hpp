#pragma once

#include <chrono>
#include <cstdint>
#include <random>
#include <vector>

namespace troupe::sim {

/// Chance, as a function of a seed. Unlike the distributions of the standard
/// library, the same with every one.
class dice {
public:
  explicit dice(uint64_t seed) : engine_(seed) {}

  /// 0 to `end` - 1. REQUIRES: end > 0.
  uint64_t below(uint64_t end) { return engine_() % end; }

  /// `first` to `last`.
  int64_t between(int64_t first, int64_t last) {
    return first
           + static_cast<int64_t>(
             below(static_cast<uint64_t>(last - first) + 1));
  }

  std::chrono::milliseconds
  between(std::chrono::milliseconds first, std::chrono::milliseconds last) {
    return std::chrono::milliseconds{between(first.count(), last.count())};
  }

  /// True so many times in a thousand.
  bool chance(uint32_t per_mille) { return below(1'000) < per_mille; }

  template <class T>
  const T& one_of(const std::vector<T>& xs) {
    return xs[below(xs.size())];
  }

private:
  std::mt19937_64 engine_;
};

} // namespace troupe::sim
