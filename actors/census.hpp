#pragma once

#include <map>
#include <string>

namespace troupe {

/// Counts the live actors of this process by type: each state holds one of these.
class census {
public:
  explicit census(const char* type);
  census(const census&) = delete;
  census& operator=(const census&) = delete;
  ~census();

  /// By type, those with none left out.
  [[nodiscard]] static std::map<std::string, size_t> count();

private:
  const char* type_;
};

} // namespace troupe
