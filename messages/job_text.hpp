#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

#include "messages/expected.hpp"
#include "messages/problem.hpp"

namespace troupe {

/// `wire` is JSON as RFC 8259 has it. `file` is what people keep in files: a
/// byte order mark, comments (`//`, `/* */`) and trailing commas as well.
enum class json_dialect : uint8_t { wire, file };

/// Bytes of a text, levels of arrays and objects in each other, keys of one
/// object, values in all. What is larger is refused before it is built.
inline constexpr size_t json_text_size_max = 16 << 20;
inline constexpr size_t json_depth_max = 64;
inline constexpr size_t json_keys_max = 100'000;
inline constexpr size_t json_values_max = 1'000'000;

/// Reads `text` as one JSON value.
/// Errors: a syntax error as `line:column: what is wrong`, without a pointer,
/// where a column counts bytes from 1; or every key that an object holds twice
/// and every number out of range, each with its pointer. Invalid UTF-8 is a
/// syntax error.
[[nodiscard]] expected<boost::json::value, std::vector<problem>>
read_json_text(std::string_view text, json_dialect dialect);

} // namespace troupe
