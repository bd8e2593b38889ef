#pragma once

#include <charconv>
#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace troupe {

/// Position of a fact in the journal. The first fact is 1; 0 is "before all".
using version_number = uint64_t;

/// One placement of one attempt of a task: the version of the fact that placed
/// it, so it is unique for the life of the cluster and never used again.
struct allocation_id {
  uint64_t value = 0;
  auto operator<=>(const allocation_id&) const = default;
  explicit operator bool() const noexcept { return value != 0; }
};

/// One run of an allocation on its machine. The first has the attempt that was
/// placed; each restart in place is a new attempt of the same allocation.
struct run_id {
  allocation_id allocation;
  uint32_t attempt = 0;
  auto operator<=>(const run_id&) const = default;
};

/// Writes `17-2`: as drivers name what belongs to a run.
inline std::string to_string(const run_id& x) {
  return std::to_string(x.allocation.value) + '-' + std::to_string(x.attempt);
}

/// Names a task: member `index` of `job`, written `job.index`.
struct task_ref {
  std::string job;
  uint32_t index = 0;

  auto operator<=>(const task_ref&) const = default;

  /// Reads `web.0`. A job's name may hold dots, the index is what follows the
  /// last one.
  static std::optional<task_ref> parse(std::string_view text) {
    auto dot = text.rfind('.');
    if (dot == std::string_view::npos || dot == 0 || dot + 1 == text.size())
      return std::nullopt;
    auto digits = text.substr(dot + 1);
    if (digits.size() > 1 && digits.front() == '0')
      return std::nullopt;
    task_ref result{std::string{text.substr(0, dot)}, 0};
    auto end = digits.data() + digits.size();
    auto [at, error] = std::from_chars(digits.data(), end, result.index);
    if (error != std::errc{} || at != end)
      return std::nullopt;
    return result;
  }
};

inline std::string to_string(const task_ref& x) {
  return x.job + '.' + std::to_string(x.index);
}

} // namespace troupe

template <>
struct std::hash<troupe::allocation_id> {
  size_t operator()(troupe::allocation_id x) const noexcept {
    return std::hash<uint64_t>{}(x.value);
  }
};
