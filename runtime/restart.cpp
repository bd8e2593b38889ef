#include "runtime/restart.hpp"

#include <algorithm>
#include <cmath>

#include "messages/contract.hpp"

namespace troupe::runtime {

namespace {

/// A service that fails again and again is looked at this often at least.
constexpr milliseconds delay_max = std::chrono::minutes{5};

} // namespace

std::optional<std::vector<timestamp>>
plan_restart(const restart_policy& rule, std::vector<timestamp> earlier,
             timestamp now) {
  // Also what lies in the future, after the clock was set back: it would count
  // for longer than the window.
  std::erase_if(earlier,
                [&](timestamp x) { return x > now || now - x >= rule.window; });
  if (rule.attempts > restarts_known_max
      && earlier.size() >= restarts_known_max)
    earlier.erase(earlier.begin());
  if (earlier.size() >= rule.attempts)
    return std::nullopt;
  earlier.push_back(now);
  return earlier;
}

milliseconds restart_delay(const restart_policy& rule, size_t restarts) {
  TROUPE_ASSERT(restarts > 0);
  auto power = static_cast<double>(std::min<size_t>(restarts - 1, 64));
  auto wanted
    = static_cast<double>(rule.delay.count()) * std::pow(rule.backoff, power);
  // A first delay may be longer than that limit: it was asked for.
  auto limit = static_cast<double>(std::max(delay_max, rule.delay).count());
  return milliseconds{static_cast<int64_t>(std::min(wanted, limit))};
}

} // namespace troupe::runtime
