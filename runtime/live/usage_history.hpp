#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include <boost/json/value.hpp>

namespace troupe::runtime {

/// How much of each node, and of all together, was reserved and used over the last
/// minutes. A few hundred bytes a node, so that those of thousands fit.
class usage_history {
public:
  /// Samples that are kept: a quarter of an hour at one in five seconds.
  static constexpr size_t length = 180;
  /// Of a sample: cpu, memory and gpu; reserved, then used, each.
  static constexpr size_t kinds = 6;

  /// Takes a sample of all nodes, as `get_usage` is answered. Nodes that it does
  /// not name are forgotten.
  void add(const boost::json::value& sample);

  /// `{"intervalSeconds": 5, "items": [{"name": "n1", "cpu": {"reserved": [..],
  /// "used": [..]}, "memory": .., "gpu": ..}]}`: percent of the capacity, the
  /// latest last, null where nothing is known. All nodes together have the name
  /// "". Nodes that are not known are left out.
  /// @param last  samples to tell, at most.
  [[nodiscard]] boost::json::value
  tell(const std::vector<std::string>& names, size_t last) const;

  /// Goes up with each sample.
  [[nodiscard]] uint64_t samples() const { return samples_; }

private:
  /// [kind][sample % length], in percent; 255 is unknown.
  using track = std::array<std::array<uint8_t, length>, kinds>;
  struct entry {
    track values;
    uint64_t seen = 0;
  };

  std::map<std::string, entry, std::less<>> entries_;
  uint64_t samples_ = 0;
};

} // namespace troupe::runtime
