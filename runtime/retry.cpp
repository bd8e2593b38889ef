#include "runtime/retry.hpp"

#include <algorithm>

namespace troupe::runtime {

namespace {

/// An even spread of what is close together. Source: splitmix64, Steele, Lea and
/// Flood, OOPSLA 2014.
uint64_t mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

} // namespace

std::optional<std::chrono::milliseconds>
pause_before(const retry_rule& rule, uint32_t tries, uint64_t seed) {
  if (tries >= rule.tries_max)
    return std::nullopt;
  auto pause = rule.first.count() << std::min(tries, 30U);
  auto tenth = static_cast<uint64_t>(pause / 10);
  return std::chrono::milliseconds{
    pause + static_cast<int64_t>(mix(mix(seed) + tries) % (tenth + 1))};
}

void circuit_breaker::note_round(timestamp now) {
  ++rounds_;
  last_ = now;
}

void circuit_breaker::note_help() {
  rounds_ = 0;
}

timestamp circuit_breaker::next_round(timestamp due) const {
  return is_open() ? std::max(due, last_ + pause) : due;
}

} // namespace troupe::runtime
