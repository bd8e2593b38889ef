#include "runtime/placement/known_class.hpp"

#include <algorithm>
#include <limits>

namespace troupe::runtime::placement {

namespace {

// FNV-1a, with a final mix because the high bits choose a bit of a filter.
constexpr uint64_t fnv_start = 14695981039346656037ull;
constexpr uint64_t fnv_prime = 1099511628211ull;

uint64_t add(uint64_t hash, std::string_view text) noexcept {
  for (auto c : text)
    hash = (hash ^ static_cast<unsigned char>(c)) * fnv_prime;
  return (hash ^ 0xFF) * fnv_prime;
}

std::vector<known_label> know(const label_set& xs) {
  std::vector<known_label> result;
  result.reserve(xs.size());
  for (auto& x : xs)
    result.push_back({tally_hash(tally_kind::having, x),
                      tally_hash(tally_kind::avoiding, x), &x});
  return result;
}

} // namespace

uint64_t tally_hash(tally_kind kind, const label& what) noexcept {
  auto hash = (fnv_start ^ static_cast<uint64_t>(kind)) * fnv_prime;
  hash = add(add(hash, what.name), what.value);
  hash ^= hash >> 32;
  hash *= 0x9E3779B97F4A7C15ull;
  return hash ^ (hash >> 29);
}

known_class::known_class(const task_class& x)
  : of(x), memory(x.request.memory_bytes), labels(know(x.labels)),
    avoid(know(x.avoid_colocating)),
    with(know(x.colocate_with)), group{x.spread_group, {}} {
  constexpr int64_t most = std::numeric_limits<int32_t>::max();
  cpu = static_cast<int32_t>(std::min(x.request.cpu_millicores, most));
  auto gpu = x.request.gpu_millis;
  if (gpu < 1000)
    gpu_share = static_cast<uint16_t>(gpu);
  else if (gpu % 1000 == 0 && gpu / 1000 <= most)
    gpu_devices = static_cast<uint32_t>(gpu / 1000);
  else
    gpu_malformed = true;
  for (auto& y : avoid)
    avoid_filter |= filter_bit(y.having);
  for (auto& y : labels)
    labels_filter |= filter_bit(y.avoiding);
  for (auto& y : with)
    with_filter |= filter_bit(y.having);
  if (grouped())
    group_hash = tally_hash(tally_kind::grouped, group);
}

bool known_class::leaves_traces() const {
  return !labels.empty() || !avoid.empty() || grouped()
         || has_other_rare_rules();
}

bool known_class::has_rare_rules() const {
  return !labels.empty() || !avoid.empty() || !with.empty()
         || has_other_rare_rules();
}

} // namespace troupe::runtime::placement
