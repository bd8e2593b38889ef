#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include <boost/describe/class.hpp>

namespace troupe {

/// A counted resource that only some nodes declare, such as a licence.
struct named_resource {
  std::string name;
  int64_t amount = 0;
  friend auto operator<=>(const named_resource&, const named_resource&)
    = default;
  BOOST_DESCRIBE_CLASS(named_resource, (), (name, amount), (), ())
};

/// An amount of each schedulable resource. Never negative.
struct resources {
  int64_t cpu_millicores = 0;
  int64_t memory_bytes = 0;
  /// Thousandths of a device. A request is a share of one device (below 1000)
  /// or a whole number of devices.
  int64_t gpu_millis = 0;
  /// Sorted by name, amounts above 0.
  std::vector<named_resource> named;

  friend auto operator<=>(const resources&, const resources&) = default;
  BOOST_DESCRIBE_CLASS(resources, (),
                       (cpu_millicores, memory_bytes, gpu_millis, named), (),
                       ())

  [[nodiscard]] int64_t amount_of(const std::string& name) const {
    for (auto& x : named)
      if (x.name == name)
        return x.amount;
    return 0;
  }

  /// Adds `amount` (which may be negative) to the resource `name`.
  void add(const std::string& name, int64_t amount) {
    auto at = std::lower_bound(
      named.begin(), named.end(), name,
      [](const named_resource& x, const std::string& y) { return x.name < y; });
    if (at == named.end() || at->name != name)
      at = named.insert(at, {name, 0});
    at->amount += amount;
    if (at->amount == 0)
      named.erase(at);
  }

  resources& operator+=(const resources& x) {
    cpu_millicores += x.cpu_millicores;
    memory_bytes += x.memory_bytes;
    gpu_millis += x.gpu_millis;
    for (auto& [name, amount] : x.named)
      add(name, amount);
    return *this;
  }

  resources& operator-=(const resources& x) {
    cpu_millicores -= x.cpu_millicores;
    memory_bytes -= x.memory_bytes;
    gpu_millis -= x.gpu_millis;
    for (auto& [name, amount] : x.named)
      add(name, -amount);
    return *this;
  }
};

/// Returns whether `free` covers `request` in every dimension. Says nothing
/// about whether a share of a gpu fits on one device.
inline bool fits(const resources& request, const resources& free) {
  if (request.cpu_millicores > free.cpu_millicores
      || request.memory_bytes > free.memory_bytes
      || request.gpu_millis > free.gpu_millis)
    return false;
  for (auto& [name, amount] : request.named)
    if (amount > free.amount_of(name))
      return false;
  return true;
}

} // namespace troupe
