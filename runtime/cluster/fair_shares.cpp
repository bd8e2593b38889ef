#include "runtime/cluster/fair_shares.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace troupe::runtime {

namespace {

// Of what was used. What is longer ago hardly counts.
constexpr int64_t half_life_ms = int64_t{10} * 60 * 1'000;

// A share of the whole counts so much for each millisecond.
constexpr double whole_share = 1e9;

// What was used decides only among groups that have the same now.
constexpr double weight_of_past = 1e-9;

} // namespace

double dominant_share(const resources& x, const resources& whole) {
  double result = 0;
  auto consider = [&](int64_t part, int64_t all) {
    if (all > 0)
      result = std::max(result,
                        static_cast<double>(part) / static_cast<double>(all));
  };
  consider(x.cpu_millicores, whole.cpu_millicores);
  consider(x.memory_bytes, whole.memory_bytes);
  consider(x.gpu_millis, whole.gpu_millis);
  for (auto& [name, amount] : x.named)
    consider(amount, whole.amount_of(name));
  return result;
}

void fair_shares::leave(const std::string& group, const resources& request,
                        milliseconds ran, const resources& whole,
                        timestamp now) {
  held_[group] -= request;
  auto halved = now.ms / half_life_ms;
  for (auto at = past_.begin(); halved > halved_ && at != past_.end();) {
    at->second >>= std::min<int64_t>(halved - halved_, 62);
    at = at->second == 0 ? past_.erase(at) : std::next(at);
  }
  halved_ = std::max(halved_, halved);
  auto ms = std::clamp<int64_t>(ran.count(), 1, 2 * half_life_ms);
  auto share = std::min(dominant_share(request, whole), 1.0);
  past_[group] += static_cast<int64_t>(share * whole_share) * ms;
}

void fair_shares::clear() {
  held_.clear();
  past_.clear();
}

double fair_shares::of(const std::string& group, const resources& whole) const {
  auto now = held_.find(group);
  auto before = past_.find(group);
  auto result = now == held_.end() ? 0.0 : dominant_share(now->second, whole);
  if (before != past_.end())
    result += weight_of_past * static_cast<double>(before->second)
              / (whole_share * static_cast<double>(half_life_ms));
  return result;
}

void fair_shares::restore(past_use past, int64_t halved) {
  past_ = std::move(past);
  halved_ = halved;
}

} // namespace troupe::runtime
