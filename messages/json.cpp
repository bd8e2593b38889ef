#include "messages/json.hpp"

namespace troupe::json {

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
