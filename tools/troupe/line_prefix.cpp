#include "tools/troupe/line_prefix.hpp"

#include <utility>

namespace troupe::tools {

namespace {

constexpr size_t held_max = size_t{64} << 10;

} // namespace

std::string line_prefix::feed(std::string_view piece) {
  if (prefix_.empty())
    return std::string{piece};
  std::string result;
  while (!piece.empty()) {
    auto at = piece.find('\n');
    held_ += piece.substr(0, at);
    piece.remove_prefix(at == std::string_view::npos ? piece.size() : at + 1);
    if (at != std::string_view::npos || held_.size() >= held_max)
      result += prefix_ + std::exchange(held_, {}) + '\n';
  }
  return result;
}

std::string line_prefix::end() {
  if (held_.empty())
    return {};
  return prefix_ + std::exchange(held_, {}) + '\n';
}

} // namespace troupe::tools
