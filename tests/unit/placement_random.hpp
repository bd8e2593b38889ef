#pragma once

#include <random>

#include "tests/unit/placement_naive.hpp"

namespace troupe {

/// Nodes and classes in which every rule occurs, often enough to matter.
class placement_random {
public:
  explicit placement_random(uint64_t seed) : engine_(seed) {}

  size_t below(size_t n) { return static_cast<size_t>(engine_() % n); }

  runtime::placement::node_row a_node(uint32_t number) {
    runtime::placement::node_row x;
    x.name = "n" + std::to_string(number);
    x.capacity.cpu_millicores = static_cast<int64_t>(below(8) + 1) * 1000;
    x.capacity.memory_bytes = static_cast<int64_t>(below(8) + 1) * gibi / 2;
    if (below(4) == 0)
      x.capacity.gpu_millis = static_cast<int64_t>(below(3) + 1) * 1000;
    if (below(4) == 0)
      x.capacity.named = {{"license", static_cast<int64_t>(below(4) + 1)}};
    if (below(8) != 0)
      x.labels.push_back({"disk", below(2) == 0 ? "ssd" : "hdd"});
    x.labels.push_back({"rack", "r" + std::to_string(below(40))});
    if (below(8) != 0)
      x.labels.push_back({"zone", "z" + std::to_string(below(3))});
    if (below(4) == 0)
      x.weight = static_cast<double>(below(5) + 1) / 2;
    if (below(4) == 0)
      x.overcommit = 1 + static_cast<double>(below(4)) / 4;
    if (below(16) == 0)
      x.closed = reason::cordoned;
    return x;
  }

  runtime::placement::task_class a_class() {
    runtime::placement::task_class x;
    x.request.cpu_millicores = static_cast<int64_t>(below(12)) * 125;
    x.request.memory_bytes = static_cast<int64_t>(below(12)) * gibi / 16;
    if (below(10) == 0)
      x.request.gpu_millis = below(2) == 0
                               ? static_cast<int64_t>(below(2) + 1) * 1000
                               : static_cast<int64_t>(below(9) + 1) * 100;
    if (below(16) == 0)
      x.request.named = {{"license", static_cast<int64_t>(below(2) + 1)}};
    if (below(2) == 0)
      x.labels = {app()};
    if (below(8) == 0)
      x.avoid_colocating = {app()};
    if (below(16) == 0)
      x.colocate_with = {app()};
    add_node_rules(x);
    x.exclusive = below(32) == 0;
    if (below(16) == 0)
      x.host_ports = {static_cast<uint16_t>(8080 + below(2)),
                      static_cast<uint16_t>(20'000 + below(3))};
    if (below(16) == 0)
      x.chosen_ports = static_cast<uint32_t>(below(3) + 1);
    return x;
  }

private:
  static constexpr int64_t gibi = 1 << 30;

  label app() { return {"app", "a" + std::to_string(below(6))}; }

  void add_node_rules(runtime::placement::task_class& x) {
    if (below(6) == 0)
      x.requirements.push_back({"disk", {below(2) == 0 ? "ssd" : "!ssd"}});
    if (below(6) == 0)
      x.requirements.push_back(
        {"zone", below(3) == 0 ? std::vector<std::string>{"*"}
                               : std::vector<std::string>{"z0", "z2"}});
    if (below(5) == 0)
      x.preferences.push_back({"zone", "z1", 50});
    if (below(5) == 0)
      x.preferences.push_back({"disk", "hdd", -20});
    if (below(6) == 0) {
      x.spread_group = "g" + std::to_string(below(3));
      x.spread_by = {"zone"};
      if (below(2) == 0)
        x.spread_by.push_back("rack");
    }
  }

  std::mt19937_64 engine_;
};

} // namespace troupe
