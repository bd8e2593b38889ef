#include "tools/troupe/url.hpp"

#include <fmt/format.h>

namespace troupe::tools {

namespace {

/// Encodes all but the unreserved characters. Source: RFC 3986, sec. 2.3.
std::string encoded(std::string_view text) {
  constexpr std::string_view unreserved
    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  std::string result;
  for (auto c : text)
    if (unreserved.find(c) != std::string_view::npos)
      result += c;
    else
      result += fmt::format("%{:02X}", static_cast<uint8_t>(c));
  // A segment of dots alone would be a way up.
  if (result == ".")
    return "%2E";
  return result == ".." ? "%2E%2E" : result;
}

} // namespace

url url::operator/(std::string_view segment) const {
  return url{text_ + '/' + encoded(segment)};
}

url url::with(std::string_view name, std::string_view value) const {
  if (value.empty())
    return *this;
  auto mark = text_.find('?') == std::string::npos ? '?' : '&';
  return url{fmt::format("{}{}{}={}", text_, mark, name, encoded(value))};
}

} // namespace troupe::tools
