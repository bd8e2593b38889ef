#pragma once

#include <string>
#include <string_view>

#include <boost/json.hpp>

#include "messages/expected.hpp"

/// Reads objects that another version of this program may have written.
namespace troupe::runtime::process {

/// Text of tasks need not be UTF-8: the kernel does not ask for it either.
[[nodiscard]] inline expected<boost::json::object, std::string>
parse_object(std::string_view text) {
  auto options = boost::json::parse_options{};
  options.allow_invalid_utf8 = true;
  auto error = boost::json::error_code{};
  auto value
    = boost::json::parse({text.data(), text.size()}, error, {}, options);
  if (error)
    return make_unexpected("not JSON: " + error.message());
  if (!value.is_object())
    return make_unexpected(std::string{"not a JSON object"});
  return std::move(value.get_object());
}

[[nodiscard]] inline std::string
text_or(const boost::json::object& from, std::string_view key,
        std::string_view fallback) {
  if (auto* x = from.if_contains({key.data(), key.size()}); x && x->is_string())
    return std::string{x->get_string().c_str(), x->get_string().size()};
  return std::string{fallback};
}

template <class Number>
[[nodiscard]] Number number_or(const boost::json::object& from,
                               std::string_view key, Number fallback) {
  if (auto* x = from.if_contains({key.data(), key.size()})) {
    auto error = boost::json::error_code{};
    auto number = x->to_number<Number>(error);
    if (!error)
      return number;
  }
  return fallback;
}

[[nodiscard]] inline bool
flag_or(const boost::json::object& from, std::string_view key, bool fallback) {
  if (auto* x = from.if_contains({key.data(), key.size()}); x && x->is_bool())
    return x->get_bool();
  return fallback;
}

} // namespace troupe::runtime::process
