#include "tools/troupe/figures.hpp"

#include <array>
#include <cmath>
#include <string_view>

#include <fmt/format.h>

namespace troupe::tools {

std::string age_text(std::chrono::milliseconds x) {
  auto ms = std::max<int64_t>(x.count(), 0);
  auto seconds = ms / 1000;
  if (ms == 0)
    return "0s";
  if (seconds == 0)
    return fmt::format("{}ms", ms);
  if (seconds < 60)
    return fmt::format("{}s", seconds);
  auto two = [](int64_t large, char a, int64_t small, char b) {
    return small == 0 ? fmt::format("{}{}", large, a)
                      : fmt::format("{}{}{}{}", large, a, small, b);
  };
  auto minutes = seconds / 60;
  if (minutes < 60)
    return two(minutes, 'm', seconds % 60, 's');
  auto hours = minutes / 60;
  if (hours < 24)
    return two(hours, 'h', minutes % 60, 'm');
  auto days = hours / 24;
  return days < 10 ? two(days, 'd', hours % 24, 'h') : fmt::format("{}d", days);
}

std::string memory_text(int64_t bytes) {
  constexpr std::array<std::string_view, 6> units{"B",   "KiB", "MiB",
                                                  "GiB", "TiB", "PiB"};
  auto x = static_cast<double>(bytes);
  size_t unit = 0;
  // What rounds to 1024 of a unit is 1 of the next.
  while (x >= 1023.95 && unit + 1 < units.size()) {
    x /= 1024;
    ++unit;
  }
  auto rounded = std::round(x * 10) / 10;
  if (rounded == std::floor(rounded))
    return fmt::format("{:.0f}{}", rounded, units[unit]);
  return fmt::format("{:.1f}{}", rounded, units[unit]);
}

std::string amount_text(double x) {
  auto result = fmt::format("{:.3f}", x);
  result.erase(result.find_last_not_of('0') + 1);
  if (result.ends_with('.'))
    result.pop_back();
  return result == "-0" ? "0" : result;
}

} // namespace troupe::tools
