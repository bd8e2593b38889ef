#include "messages/json_cursor.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "messages/contract.hpp"
#include "messages/quantity.hpp"

namespace troupe {

namespace json = boost::json;

namespace {

// Doubles hold every whole number up to here.
constexpr double exact_double_max = 9007199254740992.0; // 2^53

// Further than any clock that counts nanoseconds in 64 bits can be asked to go.
constexpr auto duration_max = std::chrono::hours{24} * 36'500;

std::string_view view(const json::string& x) {
  return {x.data(), x.size()};
}

/// What stands there, in a word or two.
std::string described(const json::value& x) {
  switch (x.kind()) {
  case json::kind::null:
    return "null";
  case json::kind::bool_:
    return x.get_bool() ? "true" : "false";
  case json::kind::int64:
    return std::to_string(x.get_int64());
  case json::kind::uint64:
    return std::to_string(x.get_uint64());
  case json::kind::double_: {
    char buffer[32];
    auto end = std::to_chars(buffer, buffer + sizeof buffer, x.get_double());
    return {buffer, end.ptr};
  }
  case json::kind::string:
    return quoted(view(x.get_string()));
  case json::kind::array:
    return "an array";
  case json::kind::object:
    return "an object";
  }
  return {};
}

/// The number as an integer, if it is exactly one.
std::optional<int64_t> exact_integer(const json::value& x) {
  if (x.is_int64())
    return x.get_int64();
  if (x.is_uint64() && x.get_uint64() <= uint64_t{1} << 62)
    return static_cast<int64_t>(x.get_uint64());
  if (x.is_double()) {
    auto number = x.get_double();
    if (std::abs(number) <= exact_double_max && std::trunc(number) == number)
      return static_cast<int64_t>(number);
  }
  return std::nullopt;
}

/// Keys are compared as if they were written alike.
std::string folded(std::string_view key) {
  std::string result;
  for (auto c : key)
    if (c != '_' && c != '-')
      result += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return result;
}

/// Insertions, deletions, replacements and swaps of neighbours that turn `x`
/// into `y` (optimal string alignment).
size_t edit_distance(std::string_view x, std::string_view y) {
  std::vector<size_t> before(y.size() + 1);
  std::vector<size_t> last(y.size() + 1);
  std::vector<size_t> now(y.size() + 1);
  for (size_t j = 0; j <= y.size(); ++j)
    last[j] = j;
  for (size_t i = 1; i <= x.size(); ++i) {
    now[0] = i;
    for (size_t j = 1; j <= y.size(); ++j) {
      auto same = x[i - 1] == y[j - 1];
      now[j] = std::min(
        {last[j] + 1, now[j - 1] + 1, last[j - 1] + (same ? 0u : 1u)});
      if (i > 1 && j > 1 && x[i - 1] == y[j - 2] && x[i - 2] == y[j - 1])
        now[j] = std::min(now[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, now);
  }
  return last[y.size()];
}

struct synonym {
  std::string_view folded_key;
  std::string_view key;
};

// What users of other systems write; spelling alone would not lead them here.
constexpr synonym synonyms[] = {
  {"replicas", "count"},
  {"instances", "count"},
  {"parallelism", "count"},
  {"dependson", "after"},
  {"needs", "after"},
  {"nodeselector", "requires"},
  {"constraints", "requires"},
  {"affinity", "prefers"},
  {"antiaffinity", "avoidColocating"},
  {"cmd", "command"},
  {"entrypoint", "command"},
  {"healthcheck", "health"},
  {"livenessprobe", "health"},
  {"type", "kind"},
  {"cron", "schedule"},
  {"environment", "env"},
  {"mounts", "volumes"},
  {"workingdir", "workdir"},
  {"mem", "memory"},
  {"backofflimit", "retries"},
  {"mincount", "gang"},
  {"schedulername", "scheduler"},
};

// Longer ones are nobody's slip, and comparing them costs.
constexpr size_t misspelling_max = 64;

} // namespace

std::string quoted(std::string_view text) {
  constexpr size_t shown_max = 60;
  auto shown = text.substr(0, shown_max);
  // Not in the middle of a character.
  if (shown.size() < text.size())
    while (!shown.empty() && (static_cast<uint8_t>(shown.back()) & 0x80) != 0)
      shown.remove_suffix(1);
  std::string result = "\"";
  for (auto c : shown) {
    auto byte = static_cast<uint8_t>(c);
    if (byte < 0x20 || byte >= 0x7f || c == '"' || c == '\\') {
      constexpr std::string_view hex = "0123456789abcdef";
      result += c == '"' || c == '\\' ? "\\" : "\\x";
      if (c == '"' || c == '\\') {
        result += c;
      } else {
        result += hex[byte >> 4];
        result += hex[byte & 15];
      }
    } else {
      result += c;
    }
  }
  return result + (shown.size() < text.size() ? "...\"" : "\"");
}

void append_token(std::string& pointer, std::string_view token) {
  pointer += '/';
  for (auto c : token) {
    if (c == '~')
      pointer += "~0";
    else if (c == '/')
      pointer += "~1";
    else
      pointer += c;
  }
}

std::string one_of(std::span<const std::string_view> words) {
  std::string result;
  for (size_t i = 0; i < words.size(); ++i) {
    if (i != 0)
      result += i + 1 == words.size() ? " or " : ", ";
    result += '"';
    result += words[i];
    result += '"';
  }
  return result;
}

std::string_view
nearest_key(std::string_view key, std::span<const std::string_view> known) {
  TROUPE_ASSERT(!known.empty());
  auto wanted = folded(key.substr(0, misspelling_max));
  for (auto& [from, to] : synonyms)
    if (from == wanted
        && std::find(known.begin(), known.end(), to) != known.end())
      return to;
  auto best = known.front();
  auto best_distance = std::numeric_limits<size_t>::max();
  for (auto candidate : known) {
    auto distance = edit_distance(wanted, folded(candidate));
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

// -- json_reading -------------------------------------------------------------

void json_reading::add(std::string pointer, std::string detail) {
  if (problems.size() < problems_max)
    problems.push_back({std::move(pointer), std::move(detail)});
  else if (problems.size() == problems_max)
    problems.push_back({at, "there are more problems than the "
                              + std::to_string(problems_max)
                              + " listed here; mend these first"});
}

// -- json_cursor --------------------------------------------------------------

std::string json_cursor::pointer() const {
  if (parent_ == nullptr)
    return reading_->at;
  auto result = parent_->pointer();
  append_token(result, index_ == no_index ? name_ : std::to_string(index_));
  return result;
}

/// The path as people write it, `health.http.port` or `command[1]`.
std::string json_cursor::label() const {
  if (parent_ == nullptr)
    return std::string{name_};
  auto result = parent_->parent_ != nullptr ? parent_->label() : std::string{};
  if (index_ != no_index)
    return (result.empty() ? parent_->label() : result) + '['
           + std::to_string(index_) + ']';
  auto shown = quoted(name_);
  auto plain = shown.size() == name_.size() + 2 && !name_.empty();
  return (result.empty() ? "" : result + '.')
         + (plain ? std::string{name_} : shown);
}

void json_cursor::wrong(std::string_view detail) const {
  reading_->add(pointer(), label() + ' ' + std::string{detail});
}

void json_cursor::wrong_type(std::string_view detail) const {
  wrong(std::string{detail} + ", not " + described(*value_));
}

void json_cursor::forbid(std::string_view detail) const {
  if (strict())
    wrong(detail);
}

std::optional<bool> json_cursor::boolean() const {
  if (value_->is_bool())
    return value_->get_bool();
  wrong_type("must be true or false");
  return std::nullopt;
}

std::optional<int64_t> json_cursor::integer(int64_t min, int64_t max) const {
  auto result = exact_integer(*value_);
  if (result && *result >= min && *result <= max)
    return result;
  wrong_type("must be a whole number from " + std::to_string(min) + " to "
             + std::to_string(max));
  return std::nullopt;
}

std::optional<std::string> json_cursor::string_up_to(size_t size_max) const {
  if (!value_->is_string()) {
    auto hint = value_->is_number() || value_->is_bool()
                  ? "; write \"" + described(*value_) + '"'
                  : std::string{};
    wrong("must be a string, not " + described(*value_) + hint);
    return std::nullopt;
  }
  auto text = view(value_->get_string());
  if (text.size() > size_max) {
    wrong("is " + std::to_string(text.size()) + " bytes long; at most "
          + std::to_string(size_max) + " are allowed");
    return std::nullopt;
  }
  if (text.find('\0') != std::string_view::npos) {
    wrong("must not contain a NUL character");
    return std::nullopt;
  }
  return std::string{text};
}

std::optional<std::string> json_cursor::text(size_t size_max) const {
  auto result = string_up_to(size_max);
  if (result && result->empty()) {
    wrong("must not be empty");
    return std::nullopt;
  }
  return result;
}

std::optional<std::string> json_cursor::text_or_empty(size_t size_max) const {
  return string_up_to(size_max);
}

std::optional<std::chrono::milliseconds>
json_cursor::duration(std::chrono::milliseconds min) const {
  if (!value_->is_string()) {
    wrong("must be a duration such as \"10s\", not " + described(*value_)
          + (exact_integer(*value_).value_or(-1) >= 0
               ? "; write \"" + described(*value_) + "s\" for seconds"
               : std::string{}));
    return std::nullopt;
  }
  auto result = read_duration(view(value_->get_string()));
  if (!result) {
    wrong("is no duration: " + result.error());
    return std::nullopt;
  }
  if (*result > duration_max) {
    wrong_type("must be a duration of at most 36500d");
    return std::nullopt;
  }
  if (*result < min)
    forbid("must be a duration of at least " + duration_text(min) + ", not "
           + described(*value_));
  return *result;
}

std::optional<int64_t> json_cursor::bytes(int64_t max) const {
  if (value_->is_string()) {
    auto result = read_bytes(view(value_->get_string()));
    if (result && *result <= max)
      return *result;
    wrong("is no amount: "
          + (result ? described(*value_) + " is more than " + bytes_text(max)
                    : result.error()));
    return std::nullopt;
  }
  auto result = exact_integer(*value_);
  if (result && *result >= 0 && *result <= max)
    return result;
  wrong_type("must be a whole number of bytes from 0 to " + std::to_string(max)
             + ", or a text such as \"128MiB\"");
  return std::nullopt;
}

namespace {

/// Thousandths of a number, absent if it has a finer part or does not fit.
std::optional<int64_t> number_millis(const json::value& x, int64_t max) {
  if (auto whole = exact_integer(x))
    return *whole >= 0 && *whole <= max / 1000 ? std::optional{*whole * 1000}
                                               : std::nullopt;
  if (!x.is_double())
    return std::nullopt;
  auto millis = x.get_double() * 1000;
  // Also false for what is not a number.
  if (!(millis > 0 && millis <= static_cast<double>(max)))
    return std::nullopt;
  auto whole = std::round(millis);
  // A decimal fraction is rarely a binary one; it is at most some steps off.
  if (whole < 1 || std::abs(millis - whole) > whole * 1e-12)
    return std::nullopt;
  return static_cast<int64_t>(whole);
}

} // namespace

std::optional<int64_t> json_cursor::millis(int64_t max) const {
  if (value_->is_string()) {
    auto result = read_millis(view(value_->get_string()));
    if (result && *result <= max)
      return *result;
    wrong("is no amount: "
          + (result ? described(*value_) + " is more than " + millis_text(max)
                    : result.error()));
    return std::nullopt;
  }
  if (auto result = number_millis(*value_, max))
    return result;
  wrong_type("must be a number from 0 to " + millis_text(max)
             + " in steps of 0.001, such as 0.5 or \"250m\"");
  return std::nullopt;
}

std::optional<std::vector<std::string>>
json_cursor::texts(size_t size_max) const {
  if (!value_->is_array()) {
    wrong_type("must be an array of strings");
    return std::nullopt;
  }
  std::vector<std::string> result;
  auto& items = value_->get_array();
  result.reserve(items.size());
  bool whole = true;
  for (size_t i = 0; i < items.size(); ++i) {
    if (auto item = element(i, items[i]).text_or_empty(size_max))
      result.push_back(std::move(*item));
    else
      whole = false;
  }
  return whole ? std::optional{std::move(result)} : std::nullopt;
}

const json::object* json_cursor::object() const {
  if (!value_->is_object())
    wrong_type("must be an object");
  return value_->if_object();
}

const json::array* json_cursor::array() const {
  if (!value_->is_array())
    wrong_type("must be an array");
  return value_->if_array();
}

// -- json_fields --------------------------------------------------------------

json_fields::json_fields(const json_cursor& at,
                         std::span<const std::string_view> known)
  : at_{&at}, object_{at.object()} {
  if (object_ == nullptr || !at.strict())
    return;
  for (auto& [key, value] : *object_) {
    std::string_view name{key.data(), key.size()};
    if (std::find(known.begin(), known.end(), name) != known.end())
      continue;
    // The sentence costs; nobody reads more of them.
    auto& reading = at.reading();
    if (reading.problems.size() > json_reading::problems_max)
      return;
    reading.add(at.member(name, value).pointer(),
                "unknown key " + quoted(name) + "; did you mean \""
                  + std::string{nearest_key(name, known)} + "\"?");
  }
}

bool json_fields::has(std::string_view key) const {
  return object_ != nullptr && object_->contains({key.data(), key.size()});
}

std::optional<json_cursor> json_fields::get(std::string_view key) const {
  if (object_ == nullptr)
    return std::nullopt;
  auto* value = object_->if_contains({key.data(), key.size()});
  return value ? std::optional{at_->member(key, *value)} : std::nullopt;
}

std::optional<json_cursor> json_fields::need(std::string_view key) const {
  auto result = get(key);
  if (!result && object_ != nullptr)
    at_->wrong("needs the key \"" + std::string{key} + '"');
  return result;
}

} // namespace troupe
