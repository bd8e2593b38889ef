#include "messages/json.hpp"

#include <algorithm>

namespace troupe::json {

namespace {

/// Bytes of the character that `text` begins with; 0 if it is none. Source: The
/// Unicode Standard 15, table 3-7.
size_t character_size(std::string_view text) {
  auto byte = [&](size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  auto within = [&](size_t i, unsigned from, unsigned to) {
    return byte(i) >= from && byte(i) <= to;
  };
  auto rest = [&](size_t i) { return within(i, 0x80, 0xBF); };
  auto first = byte(0);
  if (first < 0x80)
    return 1;
  if (first >= 0xC2 && first <= 0xDF)
    return rest(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    auto second
      = within(1, first == 0xE0 ? 0xA0U : 0x80U, first == 0xED ? 0x9FU : 0xBFU);
    return second && rest(2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    auto second
      = within(1, first == 0xF0 ? 0x90U : 0x80U, first == 0xF4 ? 0x8FU : 0xBFU);
    return second && rest(2) && rest(3) ? 4 : 0;
  }
  return 0;
}

} // namespace

std::string readable(std::string_view text, size_t bytes_max) {
  constexpr std::string_view replacement = "\xEF\xBF\xBD";
  std::string result;
  while (!text.empty()) {
    auto size = character_size(text);
    auto next = size > 0 ? text.substr(0, size) : replacement;
    if (next.size() > bytes_max - result.size())
      break;
    result += next;
    text.remove_prefix(std::max<size_t>(size, 1));
  }
  return result;
}

value text_value(std::string_view text) {
  for (auto rest = text; !rest.empty();) {
    auto size = character_size(rest);
    if (size == 0)
      return value(readable(text));
    rest.remove_prefix(size);
  }
  return value(text);
}

std::string camel_case(std::string_view snake) {
  std::string result;
  auto upper = false;
  for (auto c : snake) {
    if (c == '_') {
      upper = !result.empty();
    } else {
      result
        += upper && c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
      upper = false;
    }
  }
  return result;
}

std::string key_of(std::string_view name) {
  return name == "why" ? std::string{"reason"} : camel_case(name);
}

} // namespace troupe::json
