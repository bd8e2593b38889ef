#include "tools/troupe/fields.hpp"

#include <charconv>
#include <cmath>

#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include "tools/troupe/table.hpp"

namespace troupe::tools {

namespace json = boost::json;

const json_value& field(const json_value& x, std::string_view key) {
  static const json_value none;
  auto* object = x.if_object();
  auto* found = object != nullptr ? object->if_contains(key) : nullptr;
  return found != nullptr ? *found : none;
}

std::string text(const json_value& x, std::string_view key) {
  auto* found = field(x, key).if_string();
  return found != nullptr ? std::string{found->data(), found->size()} : "";
}

int64_t whole(const json_value& x, std::string_view key) {
  auto& found = field(x, key);
  json::error_code error;
  auto result = found.to_number<int64_t>(error);
  return error ? 0 : result;
}

double number(const json_value& x, std::string_view key) {
  auto& found = field(x, key);
  return found.is_number() ? found.to_number<double>() : 0;
}

bool has(const json_value& x, std::string_view key) {
  return !field(x, key).is_null();
}

std::optional<timestamp> moment(const json_value& x, std::string_view key) {
  auto result = read_timestamp(text(x, key));
  return result && *result ? result : std::nullopt;
}

const json::array& elements(const json_value& x) {
  static const json::array none;
  return x.is_array() ? x.get_array() : none;
}

const json::object& members(const json_value& x) {
  static const json::object none;
  return x.is_object() ? x.get_object() : none;
}

std::string plain(const json_value& x) {
  if (auto* found = x.if_string())
    return {found->data(), found->size()};
  return line_json(x);
}

// -- writing -------------------------------------------------------------------

namespace {

/// JSON escapes control characters below 32 only.
std::string string_text(const json::string& x) {
  auto quoted = json::serialize(x);
  std::string result;
  for (size_t i = 0; i < quoted.size(); ++i) {
    auto c = static_cast<uint8_t>(quoted[i]);
    auto next = i + 1 < quoted.size() ? static_cast<uint8_t>(quoted[i + 1]) : 0;
    if (c == 0xc2 && next >= 0x80 && next < 0xa0) {
      result += fmt::format("\\u{:04x}", next);
      ++i;
    } else if (c == 0x7f) {
      result += "\\u007f";
    } else {
      result += quoted[i];
    }
  }
  return result;
}

std::string double_text(double x) {
  if (!std::isfinite(x))
    return "null";
  char buffer[64];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, x).ptr;
  return {buffer, end};
}

/// Writes `x`; with an `indent` below 0 on one line.
void write(std::string& out, const json_value& x, int indent) {
  auto deeper = indent < 0 ? indent : indent + 2;
  auto break_line = [&](int depth) {
    if (indent >= 0)
      out += '\n' + std::string(static_cast<size_t>(depth), ' ');
  };
  if (auto* object = x.if_object(); object && !object->empty()) {
    auto first = true;
    for (auto& [key, value] : *object) {
      out += first ? '{' : ',';
      first = false;
      break_line(deeper);
      out += string_text(key) + (indent < 0 ? ":" : ": ");
      write(out, value, deeper);
    }
    break_line(indent);
    out += '}';
  } else if (auto* array = x.if_array(); array && !array->empty()) {
    auto first = true;
    for (auto& value : *array) {
      out += first ? '[' : ',';
      first = false;
      break_line(deeper);
      write(out, value, deeper);
    }
    break_line(indent);
    out += ']';
  } else if (auto* string = x.if_string()) {
    out += string_text(*string);
  } else if (auto* real = x.if_double()) {
    out += double_text(*real);
  } else {
    out += json::serialize(x);
  }
}

} // namespace

std::string pretty_json(const json_value& x) {
  std::string result;
  write(result, x, 0);
  return result + '\n';
}

std::string line_json(const json_value& x) {
  std::string result;
  write(result, x, -1);
  return result;
}

} // namespace troupe::tools
