#pragma once

/// How the language is written down: one generic codec between described
/// structs and JSON, for the journal, for REST and for the wire.
///
/// - Members become keys in camelCase, enumerators strings in camelCase.
/// - Reading is lenient: unknown keys are ignored, missing ones keep their
///   default. So yesterday's text opens tomorrow, and the other way round;
///   members are only ever added.
/// - Writing to the journal or the wire leaves out members that have their
///   default value; writing for people (`detail::full`) does not.

#include <chrono>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <boost/describe/enum_to_string.hpp>
#include <boost/describe/enumerators.hpp>
#include <boost/describe/members.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <boost/mp11/algorithm.hpp>

#include "messages/expected.hpp"
#include "messages/ids.hpp"
#include "messages/job.hpp"
#include "messages/timestamp.hpp"

namespace troupe::json {

using boost::json::array;
using boost::json::object;
using boost::json::value;

/// What to do with members that have their default value.
enum class detail : uint8_t { brief, full };

/// Turns `snake_case` into `camelCase`.
[[nodiscard]] std::string camel_case(std::string_view snake);

/// The key of the member `name`: its camelCase, but `reason` for `why`, since
/// `reason` is the name of a type here.
[[nodiscard]] std::string key_of(std::string_view name);

/// `text` as valid UTF-8 of at most `bytes_max` bytes, cut between characters.
/// Bytes that are no character become U+FFFD. Tasks and machines say what they
/// like, and whoever reads JSON later would refuse all of it.
[[nodiscard]] std::string
readable(std::string_view text,
         size_t bytes_max = std::numeric_limits<size_t>::max());

/// A string that every reader takes.
[[nodiscard]] value text_value(std::string_view text);

template <class T>
concept described = boost::describe::has_describe_members<T>::value;

template <class E>
concept described_enum = boost::describe::has_describe_enumerators<E>::value;

/// The camelCase name of an enumerator. Lives as long as the program.
template <described_enum E>
[[nodiscard]] const std::string& name_of(E x) {
  static const auto names = [] {
    std::vector<std::string> result;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>(
      [&](auto d) { result.push_back(camel_case(d.name)); });
    return result;
  }();
  return names[static_cast<size_t>(x)];
}

/// The enumerator called `name`, or none. Enumerators count from 0.
template <described_enum E>
[[nodiscard]] std::optional<E> enum_called(std::string_view name) {
  constexpr auto count
    = boost::mp11::mp_size<boost::describe::describe_enumerators<E>>::value;
  for (size_t i = 0; i < count; ++i)
    if (name_of(static_cast<E>(i)) == name)
      return static_cast<E>(i);
  return std::nullopt;
}

/// All names of an enumeration, in order.
template <described_enum E>
[[nodiscard]] std::vector<std::string> names_of() {
  std::vector<std::string> result;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<E>>(
    [&](auto d) { result.push_back(camel_case(d.name)); });
  return result;
}

// -- writing -----------------------------------------------------------------

template <class T>
[[nodiscard]] value write(const T& x, detail how = detail::brief);

template <described T>
void write_members(object& out, const T& x, detail how) {
  [[maybe_unused]] static const T defaults{};
  using members
    = boost::describe::describe_members<T, boost::describe::mod_any_access>;
  boost::mp11::mp_for_each<members>([&](auto d) {
    static const std::string key = key_of(d.name);
    const auto& member = x.*d.pointer;
    if constexpr (requires { member.has_value(); }) {
      if (!member.has_value())
        return;
    }
    if (how == detail::brief && member == defaults.*d.pointer)
      return;
    out[key] = write(member, how);
  });
}

template <class T>
value write(const T& x, detail how) {
  if constexpr (
    std::is_same_v<
      T, value> || std::is_same_v<T, object> || std::is_same_v<T, array>) {
    return x;
  } else if constexpr (std::is_same_v<T, bool> || std::is_arithmetic_v<T>) {
    return x;
  } else if constexpr (described_enum<T>) {
    return value(name_of(x));
  } else if constexpr (std::is_convertible_v<const T&, std::string_view>) {
    return text_value(x);
  } else if constexpr (std::is_same_v<
                         T, task_ref> || std::is_same_v<T, timestamp>) {
    return text_value(to_string(x));
  } else if constexpr (std::is_same_v<T, allocation_id>) {
    return x.value;
  } else if constexpr (std::is_same_v<T, milliseconds>) {
    return static_cast<int64_t>(x.count());
  } else if constexpr (std::is_same_v<T, job_spec_ptr>) {
    return x ? write_job(*x) : value{};
  } else if constexpr (std::is_same_v<T, label_set>) {
    object out;
    for (auto& [name, text] : x)
      out[readable(name)] = text_value(text);
    return out;
  } else if constexpr (requires { x.has_value(); }) {
    return x ? write(*x, how) : value{};
  } else if constexpr (requires { typename T::mapped_type; }) {
    object out;
    for (auto& [key, element] : x)
      out[readable(key)] = write(element, how);
    return out;
  } else if constexpr (described<T>) {
    object out;
    write_members(out, x, how);
    return out;
  } else {
    array out;
    out.reserve(x.size());
    for (auto& element : x)
      out.push_back(write(element, how));
    return out;
  }
}

// -- reading -----------------------------------------------------------------

/// Why a text could not be read: the pointer to the value and a sentence.
using read_error = problem;

template <class T>
[[nodiscard]] expected<void, read_error> read(const value& from, T& to);

[[nodiscard]] inline unexpected<read_error>
wrong_type(std::string_view wanted) {
  return make_unexpected(
    read_error{"", "expected " + std::string{wanted} + " here"});
}

template <described T>
[[nodiscard]] expected<void, read_error>
read_members(const object& from, T& to) {
  expected<void, read_error> result;
  using members
    = boost::describe::describe_members<T, boost::describe::mod_any_access>;
  boost::mp11::mp_for_each<members>([&](auto d) {
    static const std::string key = key_of(d.name);
    if (!result)
      return;
    auto* found = from.if_contains(key);
    if (found == nullptr || found->is_null())
      return;
    if (auto ok = read(*found, to.*d.pointer); !ok) {
      auto error = std::move(ok.error());
      error.pointer = '/' + key + error.pointer;
      result = make_unexpected(std::move(error));
    }
  });
  return result;
}

/// Reads an integer exactly: what does not fit is an error, nothing wraps.
template <class T>
[[nodiscard]] expected<void, read_error>
read_integer(const value& from, T& to) {
  if (auto* x = from.if_int64(); x != nullptr && std::in_range<T>(*x))
    to = static_cast<T>(*x);
  else if (auto* y = from.if_uint64(); y != nullptr && std::in_range<T>(*y))
    to = static_cast<T>(*y);
  else
    return wrong_type("a whole number from "
                      + std::to_string(std::numeric_limits<T>::min()) + " to "
                      + std::to_string(std::numeric_limits<T>::max()));
  return {};
}

template <class T>
[[nodiscard]] expected<void, read_error> read_text(const value& from, T& to) {
  auto* text = from.if_string();
  if (text == nullptr)
    return wrong_type("a string");
  std::string_view view{*text};
  if constexpr (std::is_same_v<T, std::string>) {
    to = view;
  } else {
    std::optional<T> found;
    if constexpr (std::is_same_v<T, task_ref>)
      found = task_ref::parse(view);
    else if constexpr (std::is_same_v<T, timestamp>)
      found = read_timestamp(view);
    else
      found = enum_called<T>(view);
    if (!found)
      return wrong_type("another text than \"" + std::string{view} + "\"");
    to = std::move(*found);
  }
  return {};
}

template <class T>
expected<void, read_error> read(const value& from, T& to) {
  if constexpr (std::is_same_v<T, value>) {
    to = from;
    return {};
  } else if constexpr (std::is_same_v<T, bool>) {
    if (!from.is_bool())
      return wrong_type("true or false");
    to = from.get_bool();
    return {};
  } else if constexpr (std::is_integral_v<T>) {
    return read_integer(from, to);
  } else if constexpr (std::is_floating_point_v<T>) {
    if (!from.is_number())
      return wrong_type("a number");
    to = from.to_number<T>();
    return {};
  } else if constexpr (
    std::is_same_v<
      T,
      std::
        string> || std::is_same_v<T, task_ref> || std::is_same_v<T, timestamp> || described_enum<T>) {
    return read_text(from, to);
  } else if constexpr (std::is_same_v<T, allocation_id>) {
    return read_integer(from, to.value);
  } else if constexpr (std::is_same_v<T, milliseconds>) {
    int64_t count = 0;
    auto result = read_integer(from, count);
    to = milliseconds{count};
    return result;
  } else if constexpr (std::is_same_v<T, job_spec_ptr>) {
    auto spec = read_stored_job(from);
    if (!spec)
      return make_unexpected(read_error{"", spec.error()});
    to = std::make_shared<const job_spec>(std::move(*spec));
    return {};
  } else if constexpr (std::is_same_v<T, label_set>) {
    if (!from.is_object())
      return wrong_type("an object of strings");
    to.clear();
    for (auto& [name, text] : from.get_object()) {
      if (!text.is_string())
        return make_unexpected(
          read_error{"/" + std::string{name}, "expected a string here"});
      to.push_back({name, std::string{std::string_view{text.get_string()}}});
    }
    std::sort(to.begin(), to.end());
    return {};
  } else if constexpr (requires { to.has_value(); }) {
    return read(from, to.emplace());
  } else if constexpr (requires { typename T::mapped_type; }) {
    if (!from.is_object())
      return wrong_type("an object");
    for (auto& [key, element] : from.get_object())
      if (auto ok = read(element, to[std::string{key}]); !ok)
        return ok;
    return {};
  } else if constexpr (described<T>) {
    if (!from.is_object())
      return wrong_type("an object");
    return read_members(from.get_object(), to);
  } else {
    if (!from.is_array())
      return wrong_type("an array");
    to.clear();
    for (auto& element : from.get_array()) {
      if (auto ok = read(element, to.emplace_back()); !ok) {
        ok.error().pointer
          = '/' + std::to_string(to.size() - 1) + ok.error().pointer;
        return ok;
      }
    }
    return {};
  }
}

/// Reads a `T` from text. Errors name the place.
template <class T>
[[nodiscard]] expected<T, read_error> parse(std::string_view text) {
  boost::json::error_code error;
  auto parsed = boost::json::parse(text, error);
  if (error)
    return make_unexpected(read_error{"", "not JSON: " + error.message()});
  T result{};
  if (auto ok = read(parsed, result); !ok)
    return make_unexpected(std::move(ok.error()));
  return result;
}

/// Writes `x` as one line of text.
template <class T>
[[nodiscard]] std::string text_of(const T& x, detail how = detail::brief) {
  return boost::json::serialize(write(x, how));
}

} // namespace troupe::json
