#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::runtime {

/// Numbers for the names of all nodes ever seen: a task's history outlives its
/// node, and a million tasks have no room for names.
class node_names {
public:
  /// The number of `name`, a new one if it was never seen.
  uint32_t enter(const std::string& name) {
    auto [at, unseen]
      = numbers_.try_emplace(name, static_cast<uint32_t>(names_.size()));
    if (unseen)
      names_.push_back(name);
    return at->second;
  }
  [[nodiscard]] std::optional<uint32_t> find(std::string_view name) const {
    auto at = numbers_.find(name);
    return at == numbers_.end() ? std::nullopt : std::optional{at->second};
  }
  /// REQUIRES: `number` is one of these.
  [[nodiscard]] const std::string& operator[](uint32_t number) const {
    return names_[number];
  }
  [[nodiscard]] size_t size() const { return names_.size(); }
  /// [number]
  [[nodiscard]] const std::vector<std::string>& all() const { return names_; }

private:
  std::vector<std::string> names_;
  std::map<std::string, uint32_t, std::less<>> numbers_;
};

} // namespace troupe::runtime
