#pragma once

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "runtime/placement/policy.hpp"

/// Placement once more, in the most obvious way: nothing is remembered, all is
/// counted anew from the tasks that are there. What tests compare with.
namespace troupe::naive {

namespace rp = runtime::placement;

struct task {
  rp::task_class of;
  rp::occupation held;
};

struct node {
  rp::node_row row;
  float cpu_measured = 0;
  float memory_measured = 0;
  /// What was placed less what ended since the last measurement.
  int64_t cpu_since = 0;
  int64_t memory_since = 0;
  std::vector<task> tasks;
};

/// [index]; rows of removed nodes are empty.
using cluster = std::vector<std::optional<node>>;

inline bool has_label(const label_set& xs, const label& x) {
  return std::find(xs.begin(), xs.end(), x) != xs.end();
}

inline const std::string*
find_value(const label_set& xs, const std::string& name) {
  for (auto& x : xs)
    if (x.name == name)
      return &x.value;
  return nullptr;
}

inline resources used(const node& x) {
  resources result;
  for (auto& t : x.tasks)
    result += t.of.request;
  return result;
}

inline int64_t cpu_total(const node& x) {
  return static_cast<int64_t>(static_cast<double>(x.row.capacity.cpu_millicores)
                              * x.row.overcommit);
}

inline bool
one_value_holds(const label_set& labels, const label_requirement& rule) {
  auto value = find_value(labels, rule.name);
  for (auto& wanted : rule.values) {
    if (wanted == "*" && value)
      return true;
    if (wanted.starts_with('!') && (!value || *value != wanted.substr(1)))
      return true;
    if (value && *value == wanted)
      return true;
  }
  return false;
}

inline std::vector<int64_t> used_devices(const node& x) {
  std::vector<int64_t> result(
    static_cast<size_t>(x.row.capacity.gpu_millis / 1000));
  for (auto& t : x.tasks)
    for (auto device : t.held.gpus)
      if (device < result.size())
        result[device] += std::min<int64_t>(t.of.request.gpu_millis, 1000);
  return result;
}

inline bool devices_refuse(const node& x, const rp::task_class& c) {
  auto asked = c.request.gpu_millis;
  if (asked == 0)
    return false;
  auto devices = used_devices(x);
  if (asked < 1000)
    return std::none_of(devices.begin(), devices.end(),
                        [asked](int64_t u) { return u + asked <= 1000; });
  return asked % 1000 != 0
         || std::count(devices.begin(), devices.end(), 0) < asked / 1000;
}

inline bool company_refuses(const node& x, const rp::task_class& c) {
  for (auto& t : x.tasks) {
    for (auto& rule : c.avoid_colocating)
      if (has_label(t.of.labels, rule))
        return true;
    for (auto& rule : t.of.avoid_colocating)
      if (has_label(c.labels, rule))
        return true;
  }
  for (auto& rule : c.colocate_with)
    if (std::none_of(x.tasks.begin(), x.tasks.end(),
                     [&](auto& t) { return has_label(t.of.labels, rule); }))
      return true;
  return false;
}

inline bool ports_refuse(const node& x, const rp::task_class& c) {
  std::set<uint16_t> taken;
  for (auto& t : x.tasks)
    taken.insert(t.held.ports.begin(), t.held.ports.end());
  for (auto port : c.host_ports)
    if (!taken.insert(port).second)
      return true;
  auto free = 12'000u;
  for (auto port : taken)
    if (port >= 20'000 && port <= 31'999)
      --free;
  return free < c.chosen_ports;
}

inline reason refuses(const node& x, const rp::task_class& c) {
  if (x.row.closed != reason::none)
    return x.row.closed;
  for (auto& rule : c.requirements)
    if (!one_value_holds(x.row.labels, rule))
      return reason::no_matching_labels;
  for (auto& t : x.tasks)
    if (t.of.exclusive)
      return reason::exclusive;
  if (c.exclusive && !x.tasks.empty())
    return reason::exclusive;
  if (company_refuses(x, c))
    return reason::colocation;
  if (ports_refuse(x, c))
    return reason::port_in_use;
  if (devices_refuse(x, c))
    return reason::insufficient_gpu;
  auto u = used(x);
  for (auto& [name, amount] : c.request.named)
    if (u.amount_of(name) + amount > x.row.capacity.amount_of(name))
      return reason::insufficient_resource;
  if (u.memory_bytes + c.request.memory_bytes > x.row.capacity.memory_bytes)
    return reason::insufficient_memory;
  if (u.cpu_millicores + c.request.cpu_millicores > cpu_total(x))
    return reason::insufficient_cpu;
  return reason::none;
}

// -- scores ------------------------------------------------------------------

inline float part(int64_t used, int64_t total) {
  return total <= 0 ? 0.0f
                    : static_cast<float>(static_cast<double>(used)
                                         / static_cast<double>(total));
}

/// In 2^-20 points, without preferences and spreading.
inline int64_t
base(const std::string& strategy, const node& x, const rp::task_class& c) {
  auto u = used(x);
  auto cpu_all = cpu_total(x);
  auto memory_all = x.row.capacity.memory_bytes;
  auto more_cpu
    = static_cast<float>(c.request.cpu_millicores) * part(1, cpu_all);
  auto more_memory
    = static_cast<float>(c.request.memory_bytes) * part(1, memory_all);
  auto cpu = part(u.cpu_millicores, cpu_all) + more_cpu;
  auto memory = part(u.memory_bytes, memory_all) + more_memory;
  auto tasks = static_cast<float>(x.tasks.size());
  auto ease = static_cast<float>(1 / x.row.weight);
  constexpr float unit = 1 << 20;
  auto falling
    = [](float load) { return static_cast<int64_t>(unit / (1.0f + load)); };
  if (strategy == "binpack") {
    auto full = (cpu + memory) * 0.5f;
    if (c.request.gpu_millis != 0) {
      auto devices = x.row.capacity.gpu_millis / 1000;
      auto more = static_cast<float>(c.request.gpu_millis)
                  / (static_cast<float>(devices) * 1000.0f);
      full = (cpu + memory + (part(u.gpu_millis, devices * 1000) + more))
             * (1.0f / 3);
    }
    full = std::min(full, 2.0f);
    return static_cast<int64_t>(full * unit) + (x.tasks.empty() ? 0 : 1 << 20);
  }
  if (strategy == "spread")
    return falling(((cpu + memory) * 0.5f + tasks / 4096) * ease);
  if (strategy == "leastLoaded") {
    auto lc = std::max(0.0f, x.cpu_measured + part(x.cpu_since, cpu_all));
    auto lm
      = std::max(0.0f, x.memory_measured + part(x.memory_since, memory_all));
    return falling(((lc + more_cpu) + (lm + more_memory)) * 0.5f * ease);
  }
  if (strategy == "mostFreeCpu")
    return cpu_all - u.cpu_millicores - c.request.cpu_millicores;
  return 0;
}

/// Remembers whose turn it is, which only `roundRobin` does.
struct chooser {
  std::string strategy;
  std::map<rp::node_index, int64_t> turns;
  int64_t now = 0;

  int64_t score(const cluster& all, rp::node_index n, const rp::task_class& c) {
    auto& x = *all[n];
    auto result = strategy == "roundRobin" ? -turns[n] : base(strategy, x, c);
    for (auto& p : c.preferences)
      if (has_label(x.row.labels, {p.name, p.value}))
        result += int64_t{p.weight} << 20;
    int64_t cost = 10 << 20;
    for (auto key = c.spread_by.rbegin(); key != c.spread_by.rend(); ++key) {
      result -= cost * same_value(all, x, *key, c.spread_group);
      cost *= 10;
    }
    return result;
  }

  static int64_t same_value(const cluster& all, const node& x,
                            const std::string& key, const std::string& group) {
    auto value_here = find_value(x.row.labels, key);
    int64_t result = 0;
    for (auto& other : all) {
      auto value = other ? find_value(other->row.labels, key) : nullptr;
      if (!other || (value == nullptr) != (value_here == nullptr)
          || (value && *value != *value_here))
        continue;
      for (auto& t : other->tasks)
        result += t.of.spread_group == group ? 1 : 0;
    }
    return result;
  }

  std::optional<rp::node_index>
  best(const cluster& all, const rp::task_class& c) {
    std::optional<rp::node_index> result;
    int64_t highest = 0;
    for (rp::node_index n = 0; n < all.size(); ++n) {
      if (!all[n] || refuses(*all[n], c) != reason::none)
        continue;
      auto x = score(all, n, c);
      if (!result || x > highest) {
        result = n;
        highest = x;
      }
    }
    if (result && strategy == "roundRobin") {
      now = std::max(now, turns[*result]);
      auto ease
        = static_cast<double>(static_cast<float>(1 / all[*result]->row.weight));
      turns[*result] = now + static_cast<int64_t>(1024 * ease);
    }
    return result;
  }
};

inline void
place(node& x, const rp::task_class& c, const rp::occupation& held) {
  x.cpu_since += c.request.cpu_millicores;
  x.memory_since += c.request.memory_bytes;
  x.tasks.push_back({c, held});
}

} // namespace troupe::naive
