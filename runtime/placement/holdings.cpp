#include "runtime/placement/holdings.hpp"

#include <algorithm>

#include "messages/contract.hpp"

namespace troupe::runtime::placement {

namespace {

bool by_hash(const tally& x, uint64_t hash) {
  return x.hash < hash;
}

} // namespace

// -- who is there ------------------------------------------------------------

uint32_t
holdings::count(tally_kind kind, uint64_t hash, const label& what) const {
  auto at = std::lower_bound(tallies_.begin(), tallies_.end(), hash, by_hash);
  for (; at != tallies_.end() && at->hash == hash; ++at)
    if (at->kind == kind && *at->what == what)
      return at->count;
  return 0;
}

void holdings::change(tally_kind kind, uint64_t hash, const label& what,
                      bool more) {
  auto at = std::lower_bound(tallies_.begin(), tallies_.end(), hash, by_hash);
  while (at != tallies_.end() && at->hash == hash
         && (at->kind != kind || *at->what != what))
    ++at;
  auto known = at != tallies_.end() && at->hash == hash;
  if (more) {
    if (known)
      ++at->count;
    else
      tallies_.insert(at, {hash, 1, kind, std::make_shared<label>(what)});
    return;
  }
  TROUPE_ASSERT(known);
  if (--at->count == 0)
    tallies_.erase(at);
}

void holdings::change_all(const known_class& c, bool more) {
  for (auto& x : c.labels)
    change(tally_kind::having, x.having, *x.what, more);
  for (auto& x : c.avoid)
    change(tally_kind::avoiding, x.avoiding, *x.what, more);
  if (c.grouped())
    change(tally_kind::grouped, c.group_hash, c.group, more);
}

uint64_t holdings::avoiding_filter() const {
  uint64_t result = 0;
  for (auto& x : tallies_)
    if (x.kind == tally_kind::avoiding)
      result |= filter_bit(x.hash);
  return result;
}

uint64_t holdings::having_filter() const {
  uint64_t result = 0;
  for (auto& x : tallies_)
    if (x.kind != tally_kind::avoiding)
      result |= filter_bit(x.hash);
  return result;
}

// -- what they hold ----------------------------------------------------------

void holdings::add(const known_class& c, const occupation& o) {
  change_all(c, true);
  for (auto& [name, amount] : c.of.request.named)
    named_.add(name, amount);
  auto share = c.gpu_share != 0 ? c.gpu_share : whole_device;
  for (auto device : o.gpus) {
    if (device >= gpu_used_.size())
      gpu_used_.resize(device + 1u);
    gpu_used_[device] = static_cast<uint16_t>(gpu_used_[device] + share);
  }
  for (auto port : o.ports)
    ports_.insert(std::upper_bound(ports_.begin(), ports_.end(), port), port);
  if (o.ports.size() > c.of.host_ports.size()) {
    auto last = o.ports.back();
    next_port_ = last >= last_chosen_port ? first_chosen_port
                                          : static_cast<uint16_t>(last + 1);
  }
  if (c.of.exclusive)
    ++exclusive_;
}

void holdings::remove(const known_class& c, const occupation& o) {
  change_all(c, false);
  for (auto& [name, amount] : c.of.request.named)
    named_.add(name, -amount);
  auto share = c.gpu_share != 0 ? c.gpu_share : whole_device;
  for (auto device : o.gpus) {
    TROUPE_ASSERT(device < gpu_used_.size());
    TROUPE_ASSERT(gpu_used_[device] >= share);
    gpu_used_[device] = static_cast<uint16_t>(gpu_used_[device] - share);
  }
  for (auto port : o.ports) {
    auto at = std::lower_bound(ports_.begin(), ports_.end(), port);
    TROUPE_ASSERT(at != ports_.end());
    TROUPE_ASSERT(*at == port);
    ports_.erase(at);
  }
  if (c.of.exclusive) {
    TROUPE_ASSERT(exclusive_ > 0);
    --exclusive_;
  }
}

// -- devices -----------------------------------------------------------------

std::vector<uint16_t>
holdings::choose_gpus(const known_class& c, uint32_t devices) const {
  auto used = [this](uint32_t device) -> uint16_t {
    return device < gpu_used_.size() ? gpu_used_[device] : uint16_t{0};
  };
  std::vector<uint16_t> result;
  if (c.gpu_share == 0) {
    for (uint32_t i = 0; i < devices && result.size() < c.gpu_devices; ++i)
      if (used(i) == 0)
        result.push_back(static_cast<uint16_t>(i));
    if (result.size() < c.gpu_devices)
      result.clear();
    return result;
  }
  auto fullest = -1;
  uint16_t chosen = 0;
  for (uint32_t i = 0; i < devices; ++i) {
    if (used(i) + c.gpu_share <= whole_device && used(i) > fullest) {
      fullest = used(i);
      chosen = static_cast<uint16_t>(i);
    }
  }
  if (fullest >= 0)
    result.push_back(chosen);
  return result;
}

uint32_t holdings::gpus_free(uint32_t devices) const {
  auto known = std::min<size_t>(devices, gpu_used_.size());
  auto busy = std::count_if(gpu_used_.begin(),
                            gpu_used_.begin() + static_cast<ptrdiff_t>(known),
                            [](uint16_t used) { return used > 0; });
  return devices - static_cast<uint32_t>(busy);
}

uint16_t holdings::gpu_most_left(uint32_t devices) const {
  if (gpu_used_.size() < devices)
    return whole_device;
  uint16_t result = 0;
  for (uint32_t i = 0; i < devices; ++i)
    if (gpu_used_[i] < whole_device)
      result
        = std::max(result, static_cast<uint16_t>(whole_device - gpu_used_[i]));
  return result;
}

std::vector<uint16_t> holdings::gpus_left(uint32_t devices) const {
  std::vector<uint16_t> result(devices, whole_device);
  for (size_t i = 0; i < std::min(result.size(), gpu_used_.size()); ++i)
    result[i] = static_cast<uint16_t>(whole_device
                                      - std::min(whole_device, gpu_used_[i]));
  return result;
}

int64_t holdings::gpu_millis() const {
  int64_t result = 0;
  for (auto used : gpu_used_)
    result += used;
  return result;
}

// -- ports -------------------------------------------------------------------

bool holdings::port_taken(uint16_t port) const {
  return std::binary_search(ports_.begin(), ports_.end(), port);
}

bool holdings::ports_free(const known_class& c) const {
  if (c.of.chosen_ports == 0)
    return std::none_of(c.of.host_ports.begin(), c.of.host_ports.end(),
                        [this](uint16_t x) { return port_taken(x); });
  return !choose_ports(c).empty();
}

std::vector<uint16_t> holdings::choose_ports(const known_class& c) const {
  auto& asked = c.of.host_ports;
  std::vector<uint16_t> result;
  for (auto port : asked) {
    if (port_taken(port))
      return {};
    result.push_back(port);
  }
  constexpr uint32_t range = last_chosen_port - first_chosen_port + 1;
  auto port = next_port_;
  auto wanted = asked.size() + c.of.chosen_ports;
  for (uint32_t i = 0; i < range && result.size() < wanted; ++i) {
    if (!port_taken(port)
        && !std::binary_search(asked.begin(), asked.end(), port))
      result.push_back(port);
    port = port == last_chosen_port ? first_chosen_port
                                    : static_cast<uint16_t>(port + 1);
  }
  if (result.size() < wanted)
    result.clear();
  return result;
}

} // namespace troupe::runtime::placement
