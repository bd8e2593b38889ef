#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json.hpp>

// Readers of JSON that somebody else wrote: what is absent or of another type
// than asked for reads as empty.

namespace troupe::runtime::docker {

[[nodiscard]] inline std::optional<boost::json::value>
read_json(std::string_view text) {
  boost::system::error_code error;
  auto result = boost::json::parse({text.data(), text.size()}, error);
  if (error)
    return std::nullopt;
  return result;
}

[[nodiscard]] inline const boost::json::value*
member(const boost::json::value& x, std::string_view key) {
  auto* object = x.if_object();
  return object ? object->if_contains({key.data(), key.size()}) : nullptr;
}

[[nodiscard]] inline std::string
text_at(const boost::json::value& x, std::string_view key) {
  auto* value = member(x, key);
  auto* text = value ? value->if_string() : nullptr;
  return text ? std::string{text->data(), text->size()} : std::string{};
}

[[nodiscard]] inline std::optional<int64_t>
integer_at(const boost::json::value& x, std::string_view key) {
  auto* value = member(x, key);
  if (!value)
    return std::nullopt;
  if (auto* number = value->if_int64())
    return *number;
  if (auto* number = value->if_uint64())
    return *number > uint64_t{std::numeric_limits<int64_t>::max()}
             ? std::numeric_limits<int64_t>::max()
             : static_cast<int64_t>(*number);
  return std::nullopt;
}

[[nodiscard]] inline bool
flag_at(const boost::json::value& x, std::string_view key) {
  auto* value = member(x, key);
  auto* flag = value ? value->if_bool() : nullptr;
  return flag != nullptr && *flag;
}

} // namespace troupe::runtime::docker
