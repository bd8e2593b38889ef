// A node and the tasks that may come to it:
//
//   demand --draw--> 16 futures of 64 tasks each
//   what is left --each future--> what is left in the end --mean--> loss

#include "runtime/placement/gpu_outlook.hpp"

#include <algorithm>
#include <bit>
#include <functional>

#include "messages/contract.hpp"

#include "runtime/placement/table.hpp"

namespace troupe::runtime::placement {

namespace {

constexpr int64_t not_known = -1;

/// The same numbers on every machine. Source: SplitMix64, Steele et al. 2014.
uint64_t random_number(uint64_t at) {
  auto x = (at + 1) * 0x9E3779B97F4A7C15ull;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ull;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBull;
  return x ^ (x >> 31);
}

uint64_t mix(uint64_t hash, uint64_t x) {
  return (hash ^ x) * 0x9E3779B97F4A7C15ull + (hash >> 29);
}

size_t whole_devices(const gpu_left& x) {
  auto first_begun
    = std::find_if(x.devices.begin(), x.devices.end(),
                   [](uint16_t left) { return left < whole_device; });
  return static_cast<size_t>(first_begun - x.devices.begin());
}

/// The place of the fullest of `devices`, most left first, that has `share`.
auto fullest_with(std::vector<uint16_t>& devices, uint16_t share) {
  auto beyond
    = std::partition_point(devices.begin(), devices.end(),
                           [share](uint16_t left) { return left >= share; });
  return beyond == devices.begin() ? devices.end() : std::prev(beyond);
}

} // namespace

// -- a node -------------------------------------------------------------------

int64_t left_on(const gpu_left& x) {
  int64_t result = 0;
  for (auto left : x.devices)
    result += left;
  return result;
}

bool fits(const gpu_left& x, const gpu_shape& shape) {
  if (shape.cpu > x.cpu || shape.memory_gib > x.memory_gib)
    return false;
  if (shape.share != 0)
    return !x.devices.empty() && x.devices.front() >= shape.share;
  return whole_devices(x) >= shape.devices;
}

gpu_left after(gpu_left x, const gpu_shape& shape) {
  x.cpu -= shape.cpu;
  x.memory_gib = std::max(0, x.memory_gib - shape.memory_gib);
  if (shape.share == 0) {
    TROUPE_ASSERT(shape.devices <= x.devices.size());
    x.devices.erase(x.devices.begin(), x.devices.begin() + shape.devices);
    return x;
  }
  auto at = fullest_with(x.devices, shape.share);
  TROUPE_ASSERT(at != x.devices.end());
  auto left = static_cast<uint16_t>(*at - shape.share);
  x.devices.erase(at);
  if (left != 0)
    x.devices.insert(std::upper_bound(x.devices.begin(), x.devices.end(), left,
                                      std::greater<>{}),
                     left);
  return x;
}

int64_t unusable(const gpu_left& x, const gpu_shape& shape) {
  if ((shape.share == 0 && shape.devices == 0) || !fits(x, shape))
    return left_on(x);
  auto needed = shape.share != 0 ? shape.share : whole_device;
  int64_t result = 0;
  for (auto left : x.devices)
    if (left < needed)
      result += left;
  return result;
}

// -- the demand ---------------------------------------------------------------

size_t gpu_outlook::hash::operator()(const gpu_left& x) const noexcept {
  auto result = mix(x.kind, static_cast<uint64_t>(x.cpu));
  result = mix(result, static_cast<uint64_t>(x.memory_gib));
  for (auto left : x.devices)
    result = mix(result, left);
  return result ^ (result >> 32);
}

gpu_outlook::gpu_outlook(std::shared_ptr<const gpu_wishes> demand)
  : demand_(std::move(demand)) {
  TROUPE_ASSERT(demand_ != nullptr);
  for (uint32_t i = 0; i < demand_->size(); ++i) {
    auto& x = (*demand_)[i];
    tasks_ += x.tasks;
    if (x.shape.devices > 1)
      several_.push_back(i);
    if (!x.shape.requirements.empty())
      choosy_.push_back(i);
  }
  if (tasks_ != 0)
    draw();
  states_.emplace_back();
  losses_.push_back(0);
}

void gpu_outlook::draw() {
  std::vector<int64_t> sums;
  int64_t sum = 0;
  for (auto& x : *demand_)
    sums.push_back(sum += x.tasks);
  coming_.resize(futures * tasks_each);
  comes_.resize(demand_->size());
  for (size_t i = 0; i < coming_.size(); ++i) {
    auto at
      = static_cast<int64_t>(random_number(i) % static_cast<uint64_t>(tasks_));
    auto found = std::upper_bound(sums.begin(), sums.end(), at);
    auto wish = static_cast<size_t>(found - sums.begin());
    auto& shape = (*demand_)[wish].shape;
    coming_[i] = {shape.cpu, shape.memory_gib, shape.share, shape.devices};
    comes_[wish][i / tasks_each] |= uint64_t{1} << i % tasks_each;
  }
}

uint32_t gpu_outlook::kind_of(const label_set& labels) {
  std::vector<uint8_t> may_come(demand_->size(), 1);
  for (auto i : choosy_)
    if (!satisfies(labels, (*demand_)[i].shape.requirements))
      may_come[i] = 0;
  auto at = std::find(kinds_.begin(), kinds_.end(), may_come);
  if (at == kinds_.end())
    at = kinds_.insert(at, std::move(may_come));
  return static_cast<uint32_t>(at - kinds_.begin());
}

// -- states -------------------------------------------------------------------

uint32_t gpu_outlook::know(const gpu_left& x) {
  if (x.devices.empty())
    return 0;
  auto next = static_cast<uint32_t>(states_.size());
  auto [at, is_new] = known_.try_emplace(x, next);
  if (is_new) {
    states_.push_back(x);
    losses_.push_back(not_known);
  }
  return at->second;
}

int64_t gpu_outlook::loss(uint32_t known) {
  auto& result = losses_[known];
  if (result == not_known)
    result = work_out(states_[known]);
  return result;
}

int64_t gpu_outlook::work_out(const gpu_left& x) {
  if (tasks_ == 0)
    return 0;
  auto& may_come = kinds_[x.kind];
  int64_t fragments = 0;
  for (auto i : several_) {
    auto& wish = (*demand_)[i];
    auto lost = may_come[i] != 0 ? unusable(x, wish.shape) : left_on(x);
    fragments += lost * wish.tasks;
  }
  auto result = fragments * futures / tasks_;
  auto who = who_fits(x);
  for (size_t future = 0; future < who.size(); ++future)
    result += left_after(&coming_[future * tasks_each], who[future], x);
  return result;
}

gpu_outlook::moments gpu_outlook::who_fits(const gpu_left& x) const {
  auto& may_come = kinds_[x.kind];
  moments result{};
  for (size_t i = 0; i < comes_.size(); ++i)
    if (may_come[i] != 0 && fits(x, (*demand_)[i].shape))
      for (size_t future = 0; future < result.size(); ++future)
        result[future] |= comes_[i][future];
  return result;
}

int64_t
gpu_outlook::left_after(const coming* future, uint64_t who, const gpu_left& x) {
  auto cpu = x.cpu;
  auto memory = x.memory_gib;
  auto whole = static_cast<uint32_t>(whole_devices(x));
  begun_.assign(x.devices.begin() + whole, x.devices.end());
  for (; who != 0; who &= who - 1) {
    auto& task = future[std::countr_zero(who)];
    if (task.cpu > cpu || task.memory_gib > memory)
      continue;
    if (task.share == 0) {
      if (task.devices > whole)
        continue;
      whole -= task.devices;
    } else {
      auto at = begun_.end();
      for (auto i = begun_.begin(); i != begun_.end(); ++i)
        if (*i >= task.share && (at == begun_.end() || *i < *at))
          at = i;
      if (at != begun_.end()) {
        *at = static_cast<uint16_t>(*at - task.share);
      } else if (whole != 0) {
        --whole;
        begun_.push_back(static_cast<uint16_t>(whole_device - task.share));
      } else {
        continue;
      }
    }
    cpu -= task.cpu;
    memory -= task.memory_gib;
  }
  auto result = int64_t{whole} * whole_device;
  for (auto left : begun_)
    result += left;
  return result;
}

} // namespace troupe::runtime::placement
