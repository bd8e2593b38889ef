#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/value.hpp>

#include "messages/timestamp.hpp"

/// Members of what the controller answers. It may be of another version: what is
/// missing or has another form reads as empty, and unknown words stay words.
namespace troupe::tools {

using json_value = boost::json::value;

/// The member `key`, or null.
[[nodiscard]] const json_value&
field(const json_value& x, std::string_view key);

[[nodiscard]] std::string text(const json_value& x, std::string_view key);
[[nodiscard]] int64_t whole(const json_value& x, std::string_view key);
[[nodiscard]] double number(const json_value& x, std::string_view key);
[[nodiscard]] bool has(const json_value& x, std::string_view key);
[[nodiscard]] std::optional<timestamp>
moment(const json_value& x, std::string_view key);

/// The elements or members; none if it is something else.
[[nodiscard]] const boost::json::array& elements(const json_value& x);
[[nodiscard]] const boost::json::object& members(const json_value& x);

/// Any value as a text: strings as they are, the rest as JSON.
[[nodiscard]] std::string plain(const json_value& x);

/// Writes JSON for people, two blanks a level. Whatever a terminal could obey is
/// escaped, and numbers are written the short way, `4` and `0.5`.
[[nodiscard]] std::string pretty_json(const json_value& x);
/// The same on one line.
[[nodiscard]] std::string line_json(const json_value& x);

} // namespace troupe::tools
