#include "runtime/health.hpp"

#include <algorithm>

#include "messages/contract.hpp"

namespace troupe::runtime {

namespace {

constexpr milliseconds first_pause_max{1'000};

} // namespace

health::health(health_check rule, timestamp started)
  : rule_(std::move(rule)), started_(started) {
  TROUPE_ASSERT(rule_.failures > 0);
}

std::optional<task_health> health::note(check_result found, timestamp now) {
  auto before = state_;
  switch (found) {
  case check_result::passed:
    failed_in_a_row_ = 0;
    state_ = task_health::healthy;
    break;
  case check_result::failed:
    if (now - started_ < rule_.grace)
      break;
    if (failed_in_a_row_ < rule_.failures)
      ++failed_in_a_row_;
    if (failed_in_a_row_ == rule_.failures)
      state_ = task_health::unhealthy;
    break;
  case check_result::unknown:
    break;
  }
  return state_ == before ? std::nullopt : std::optional{state_};
}

std::vector<check_count> check_counts::take() {
  std::vector<check_count> result;
  for (size_t kind = 0; kind < counts_.size(); ++kind)
    for (size_t found = 0; found < counts_[kind].size(); ++found)
      if (auto n = counts_[kind][found].exchange(0))
        result.push_back(
          {static_cast<check_kind>(kind), static_cast<check_result>(found), n});
  return result;
}

milliseconds health::first_pause() const {
  return std::min(rule_.interval, first_pause_max);
}

} // namespace troupe::runtime
