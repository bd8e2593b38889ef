#include "messages/job_text.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <string>
#include <unordered_set>

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value_stack.hpp>

#include "messages/json_cursor.hpp"

namespace troupe {

namespace json = boost::json;

namespace {

using json::error_code;

/// What the parser tells while it reads: builds the value, and keeps account of
/// where it is.
class value_builder {
public:
  // The parser asks for these by name.
  static constexpr size_t max_object_size = json_keys_max;
  static constexpr size_t max_array_size = json_values_max;
  static constexpr size_t max_key_size = json_text_size_max;
  static constexpr size_t max_string_size = json_text_size_max;

  bool on_document_begin(error_code&) { return true; }
  bool on_document_end(error_code&) { return true; }

  bool on_array_begin(error_code& ec) {
    if (!count(ec))
      return false;
    levels_.push_back({});
    return true;
  }
  bool on_array_end(size_t n, error_code&) {
    levels_.pop_back();
    stack_.push_array(n);
    return true;
  }
  bool on_object_begin(error_code& ec) {
    if (!count(ec))
      return false;
    levels_.push_back({});
    levels_.back().is_object = true;
    return true;
  }
  bool on_object_end(size_t n, error_code&) {
    levels_.pop_back();
    stack_.push_object(n);
    return true;
  }

  bool on_key_part(json::string_view part, size_t, error_code&) {
    key_.append(part.data(), part.size());
    stack_.push_chars(part);
    return true;
  }
  bool on_key(json::string_view part, size_t, error_code&) {
    key_.append(part.data(), part.size());
    stack_.push_key(part);
    auto& level = levels_.back();
    level.key = std::move(key_);
    key_.clear();
    if (!level.keys.insert(level.key).second)
      problems_.add(pointer(), "the key " + quoted(level.key)
                                 + " is given twice; keep one of them");
    return true;
  }
  bool on_string_part(json::string_view part, size_t, error_code&) {
    stack_.push_chars(part);
    return true;
  }
  bool on_string(json::string_view part, size_t, error_code& ec) {
    stack_.push_string(part);
    return count(ec);
  }

  bool on_number_part(json::string_view, error_code&) { return true; }
  bool on_int64(int64_t x, json::string_view, error_code& ec) {
    stack_.push_int64(x);
    return count(ec);
  }
  bool on_uint64(uint64_t x, json::string_view, error_code& ec) {
    stack_.push_uint64(x);
    return count(ec);
  }
  bool on_double(double, json::string_view text, error_code& ec) {
    // The parser's own conversion may be a step off.
    double x = 0;
    auto end = text.data() + text.size();
    auto [at, error] = std::from_chars(text.data(), end, x);
    if (!count(ec))
      return false;
    if (error != std::errc{} || at != end || !std::isfinite(x))
      problems_.add(pointer(), "the number "
                                 + std::string{text.data(), std::min<size_t>(
                                                              text.size(), 40)}
                                 + " is out of range");
    stack_.push_double(x);
    return true;
  }
  bool on_bool(bool x, error_code& ec) {
    stack_.push_bool(x);
    return count(ec);
  }
  bool on_null(error_code& ec) {
    stack_.push_null();
    return count(ec);
  }
  // Comments are gone before, but the parser wants to be able to tell.
  bool on_comment_part(json::string_view, error_code&) { return true; }
  bool on_comment(json::string_view, error_code&) { return true; }

  std::vector<problem> take_problems() { return std::move(problems_.problems); }
  json::value take_value() { return stack_.release(); }

  /// What is open where the text ends or goes wrong.
  enum class place { document, array, object };
  place where() const {
    if (levels_.empty())
      return place::document;
    return levels_.back().is_object ? place::object : place::array;
  }

private:
  struct level {
    bool is_object = false;
    std::string key;
    size_t index = 0; // Of the next element.
    std::unordered_set<std::string> keys;
  };

  /// Notes that a value begins here (of an array or object) or stands here.
  bool count(error_code& ec) {
    if (++values_ > json_values_max) {
      ec = json::error::array_too_large;
      return false;
    }
    if (!levels_.empty() && !levels_.back().is_object)
      ++levels_.back().index;
    return true;
  }

  std::string pointer() const {
    std::string result;
    for (auto& level : levels_)
      append_token(result, level.is_object ? level.key
                                           : std::to_string(level.index - 1));
    return result;
  }

  json::value_stack stack_;
  json_reading problems_;
  std::vector<level> levels_;
  std::string key_;
  size_t values_ = 0;
};

// -- sentences ----------------------------------------------------------------

/// `line:column: what`, both from 1, for the byte at `offset`.
std::vector<problem>
syntax_error(std::string_view text, size_t offset, std::string_view what) {
  auto before = text.substr(0, offset);
  auto line = 1 + std::count(before.begin(), before.end(), '\n');
  auto start = before.rfind('\n');
  auto column = start == std::string_view::npos ? offset + 1 : offset - start;
  return {{"", std::to_string(line) + ':' + std::to_string(column) + ": "
                 + std::string{what}}};
}

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/// Offset of the first byte that is not part of valid UTF-8, or the size.
/// Source: RFC 3629, sec. 4.
size_t find_invalid_utf8(std::string_view text) {
  auto byte = [text](size_t i) -> unsigned {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : 0u;
  };
  auto follows = [&](size_t i, unsigned low = 0x80, unsigned high = 0xbf) {
    return byte(i) >= low && byte(i) <= high;
  };
  size_t i = 0;
  while (i < text.size()) {
    auto lead = byte(i);
    size_t size = 0;
    if (lead < 0x80)
      size = 1;
    else if (lead >= 0xc2 && lead <= 0xdf && follows(i + 1))
      size = 2;
    else if (lead >= 0xe0 && lead <= 0xef
             && follows(i + 1, lead == 0xe0 ? 0xa0 : 0x80,
                        lead == 0xed ? 0x9f : 0xbf)
             && follows(i + 2))
      size = 3;
    else if (lead >= 0xf0 && lead <= 0xf4
             && follows(i + 1, lead == 0xf0 ? 0x90 : 0x80,
                        lead == 0xf4 ? 0x8f : 0xbf)
             && follows(i + 2) && follows(i + 3))
      size = 4;
    if (size == 0)
      return i;
    i += size;
  }
  return i;
}

/// Offset just behind the string that begins at `offset`.
size_t skip_string(std::string_view text, size_t offset) {
  for (++offset; offset < text.size() && text[offset] != '"'; ++offset)
    if (text[offset] == '\\')
      ++offset;
  return std::min(offset + 1, text.size());
}

/// Replaces comments by blanks, so that every offset stays what it was. The
/// library's own comments lose positions and do not end at `**/`.
/// Errors: the offset of a comment that is never closed.
expected<std::string, size_t> without_comments(std::string_view text) {
  std::string result{text};
  for (size_t i = 0; i < text.size();) {
    auto two = text.substr(i, 2);
    if (text[i] == '"') {
      i = skip_string(text, i);
    } else if (two == "//" || two == "/*") {
      auto block = two == "/*";
      auto end = block ? text.find("*/", i + 2) : text.find('\n', i);
      if (block && end == std::string_view::npos)
        return make_unexpected(i);
      end = std::min(text.size(), block ? end + 2 : end);
      for (; i < end; ++i)
        if (!is_blank(text[i]))
          result[i] = ' ';
    } else {
      ++i;
    }
  }
  return result;
}

/// The last character before `offset` that is not blank, 0 if there is none.
char previous(std::string_view text, size_t offset) {
  while (offset > 0 && is_blank(text[offset - 1]))
    --offset;
  return offset > 0 ? text[offset - 1] : '\0';
}

std::string early_end(value_builder::place where) {
  switch (where) {
  case value_builder::place::document:
    return "the text ends where a value should stand";
  case value_builder::place::array:
    return "the text ends inside an array; a \"]\" is missing";
  case value_builder::place::object:
    return "the text ends inside an object; a \"}\" is missing";
  }
  return {};
}

/// What is wrong at `offset`, for the mistakes that people make.
std::string
unexpected(std::string_view text, size_t offset, value_builder::place where) {
  auto found = text[offset];
  auto rest = text.substr(offset);
  auto before = previous(text, offset);
  if (found == '\'')
    return "strings stand between double quotes, not single ones";
  if (static_cast<uint8_t>(found) < 0x20)
    return found == '\n' || found == '\r'
             ? "a string ends on the line where it began; write a line break "
               "as \\n"
             : "control characters in a string are written as \\u00..";
  if ((found == '}' || found == ']') && before == ',')
    return "there is a comma before " + quoted({&found, 1})
           + "; trailing commas are accepted in files only";
  for (std::string_view word : {"NaN", "Infinity", "-Infinity", "nan", "inf"})
    if (rest.starts_with(word))
      return std::string{word} + " is not a number in JSON";
  for (std::string_view word : {"True", "False", "None", "TRUE", "FALSE"})
    if (rest.starts_with(word))
      return std::string{word}
             + " is no value; write true, false or leave the "
               "key out";
  auto shown = "unexpected " + quoted({&found, 1});
  if (where == value_builder::place::object && (before == '{' || before == ','))
    return shown + "; a key between double quotes should stand here";
  if (before == ':')
    return shown + "; a value should stand here";
  if (where == value_builder::place::object)
    return shown + "; is a comma, a colon or a \"}\" missing before it?";
  if (where == value_builder::place::array)
    return shown + "; is a comma or a \"]\" missing before it?";
  return shown;
}

/// Whether an escape for half of a surrogate pair ends just before `offset`.
bool is_half_pair(std::string_view text, size_t offset) {
  return offset >= 6 && text.substr(offset - 6, 2) == "\\u"
         && (text[offset - 4] == 'd' || text[offset - 4] == 'D');
}

std::string sentence(error_code error, std::string_view text, size_t offset,
                     value_builder::place where, json_dialect dialect) {
  if (error == json::error::too_deep)
    return "arrays and objects stand more than "
           + std::to_string(json_depth_max) + " levels deep in each other";
  if (error == json::error::object_too_large)
    return "an object has more than " + std::to_string(json_keys_max) + " keys";
  if (error == json::error::array_too_large)
    return "there are more than " + std::to_string(json_values_max) + " values";
  if (offset < text.size() && text[offset] == '/'
      && dialect == json_dialect::wire)
    return "comments are accepted in files only";
  if (error == json::error::extra_data)
    return "more text follows the end of the document";
  if (error == json::error::exponent_overflow)
    return "the exponent of this number is out of range";
  if (is_half_pair(text, offset)
      || error == json::error::illegal_leading_surrogate
      || error == json::error::illegal_trailing_surrogate
      || error == json::error::expected_utf16_escape)
    return "\\u escapes from d800 to dfff stand in pairs only";
  if (error == json::error::expected_hex_digit)
    return "\\u is followed by four hexadecimal digits";
  if (error == json::error::incomplete || offset >= text.size())
    return early_end(where);
  return unexpected(text, offset, where);
}

} // namespace

expected<json::value, std::vector<problem>>
read_json_text(std::string_view text, json_dialect dialect) {
  constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
  if (text.size() > json_text_size_max)
    return make_unexpected(
      std::vector<problem>{{"", "the text has " + std::to_string(text.size())
                                  + " bytes; at most 16 MiB are accepted"}});
  if (auto at = find_invalid_utf8(text); at != text.size())
    return make_unexpected(syntax_error(text, at, "this is not valid UTF-8"));
  if (text.starts_with(byte_order_mark)) {
    if (dialect == json_dialect::wire)
      return make_unexpected(
        syntax_error(text, 0, "a byte order mark is accepted in files only"));
    text.remove_prefix(byte_order_mark.size());
  }
  std::string blanked;
  if (dialect == json_dialect::file
      && text.find('/') != std::string_view::npos) {
    auto rest = without_comments(text);
    if (!rest)
      return make_unexpected(
        syntax_error(text, rest.error(), "this comment is never closed"));
    blanked = std::move(*rest);
    text = blanked;
  }
  json::parse_options options;
  options.max_depth = json_depth_max;
  options.allow_trailing_commas = dialect == json_dialect::file;
  json::basic_parser<value_builder> parser{options};
  error_code error;
  auto offset = parser.write_some(false, text.data(), text.size(), error);
  auto& builder = parser.handler();
  if (!error && offset < text.size())
    error = json::error::extra_data;
  if (error)
    return make_unexpected(syntax_error(
      text, offset, sentence(error, text, offset, builder.where(), dialect)));
  if (auto problems = builder.take_problems(); !problems.empty())
    return make_unexpected(std::move(problems));
  return builder.take_value();
}

} // namespace troupe
