#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/value.hpp>

#include "messages/problem.hpp"

namespace troupe {

/// How a document is read. `strict` is for what a user wrote: what is unknown or
/// not allowed is a problem. `stored` is for what a journal or a wire holds:
/// only what cannot be represented is a problem.
enum class json_rigour : uint8_t { strict, stored };

/// One reading of one document: where its problems go.
struct json_reading {
  json_rigour rigour = json_rigour::strict;
  /// Pointer to the document when it is part of a larger one.
  std::string at;
  /// At most `problems_max`, and one that says that there are more.
  std::vector<problem> problems;

  /// More do not help anybody, and a hostile document has millions.
  static constexpr size_t problems_max = 100;

  void add(std::string pointer, std::string detail);
};

/// A value in a document, where it stands, and what to say if it is wrong.
///
/// The readers below answer the value as asked for, or report a problem and
/// answer nothing, so that one reading finds all problems. A cursor refers to
/// its parent, which must outlive it.
class json_cursor {
public:
  /// The document itself, called `name` in sentences.
  json_cursor(const boost::json::value& x, json_reading& reading,
              std::string_view name)
    : value_{&x}, reading_{&reading}, name_{name} {}

  const boost::json::value& value() const { return *value_; }
  json_reading& reading() const { return *reading_; }
  bool strict() const { return reading_->rigour == json_rigour::strict; }
  /// The key of an object's member.
  std::string_view key() const { return name_; }

  json_cursor member(std::string_view key, const boost::json::value& x) const {
    return {x, *this, key, no_index};
  }
  json_cursor element(size_t index, const boost::json::value& x) const {
    return {x, *this, {}, index};
  }

  /// RFC 6901.
  std::string pointer() const;

  /// Reports that this value cannot be read: `detail` goes on after its name,
  /// as in `must be a string`.
  void wrong(std::string_view detail) const;
  /// The same, ending with what stands there instead.
  void wrong_type(std::string_view detail) const;
  /// Reports that this value can be read, but is not allowed.
  void forbid(std::string_view detail) const;

  std::optional<bool> boolean() const;
  /// A number without fraction. `2.0` is one, `2^53 + 0.0` is not exact.
  std::optional<int64_t> integer(int64_t min, int64_t max) const;
  /// A string of at most `size_max` bytes without NUL, not empty.
  std::optional<std::string> text(size_t size_max) const;
  /// The same, or empty.
  std::optional<std::string> text_or_empty(size_t size_max) const;
  /// A duration as `read_duration` takes it, of at most a hundred years.
  std::optional<std::chrono::milliseconds>
  duration(std::chrono::milliseconds min = {}) const;
  /// A whole number of base units, or a text that `read_bytes` takes.
  std::optional<int64_t> bytes(int64_t max) const;
  /// A number of things, or a text that `read_millis` takes; in thousandths.
  std::optional<int64_t> millis(int64_t max) const;
  /// An array of strings without NUL, each of at most `size_max` bytes.
  std::optional<std::vector<std::string>> texts(size_t size_max) const;

  const boost::json::object* object() const;
  const boost::json::array* array() const;

private:
  static constexpr auto no_index = static_cast<size_t>(-1);

  json_cursor(const boost::json::value& x, const json_cursor& parent,
              std::string_view key, size_t index)
    : value_{&x}, reading_{parent.reading_}, parent_{&parent}, name_{key},
      index_{index} {}

  std::string label() const;
  std::optional<std::string> string_up_to(size_t size_max) const;

  const boost::json::value* value_;
  json_reading* reading_;
  const json_cursor* parent_ = nullptr;
  std::string_view name_;
  size_t index_ = no_index;
};

/// The members of an object whose keys are known. Reports unknown ones, each
/// with the nearest key that is known.
class json_fields {
public:
  json_fields(const json_cursor& at, std::span<const std::string_view> known);

  /// Whether there is an object at all; if not, it is reported.
  explicit operator bool() const { return object_ != nullptr; }
  bool has(std::string_view key) const;
  std::optional<json_cursor> get(std::string_view key) const;
  /// The same, reported if it is missing.
  std::optional<json_cursor> need(std::string_view key) const;

private:
  const json_cursor* at_;
  const boost::json::object* object_;
};

/// The key of `known` that is the fewest edits away from `key`, where case and
/// the signs `-` and `_` do not count. REQUIRES: `known` is not empty.
[[nodiscard]] std::string_view
nearest_key(std::string_view key, std::span<const std::string_view> known);

/// `text` between quotes, shortened and with everything that a terminal could
/// obey made visible, so that it can stand in a sentence.
[[nodiscard]] std::string quoted(std::string_view text);

/// Adds `token` to an RFC 6901 pointer.
void append_token(std::string& pointer, std::string_view token);

/// `"a", "b" or "c"`.
[[nodiscard]] std::string one_of(std::span<const std::string_view> words);

} // namespace troupe
