#pragma once

#include <array>
#include <optional>
#include <string_view>

#include <boost/describe/enumerators.hpp>
#include <boost/mp11/algorithm.hpp>

#include "messages/json_cursor.hpp"

namespace troupe {

/// The names of a described enum, in its order. They are what JSON says.
template <class Enum>
constexpr auto enum_names() {
  using list = boost::describe::describe_enumerators<Enum>;
  std::array<std::string_view, boost::mp11::mp_size<list>::value> result{};
  size_t i = 0;
  boost::mp11::mp_for_each<list>([&](auto x) { result[i++] = x.name; });
  return result;
}

template <class Enum>
constexpr std::string_view enum_name(Enum value) {
  std::string_view result;
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<Enum>>(
    [&](auto x) {
      if (x.value == value)
        result = x.name;
    });
  return result;
}

/// Reads one of the names of `Enum`.
template <class Enum>
std::optional<Enum> read_enum(const json_cursor& x) {
  static constexpr auto names = enum_names<Enum>();
  if (auto* text = x.value().if_string()) {
    std::optional<Enum> result;
    boost::mp11::mp_for_each<boost::describe::describe_enumerators<Enum>>(
      [&](auto y) {
        if (std::string_view{text->data(), text->size()} == y.name)
          result = y.value;
      });
    if (result)
      return result;
  }
  x.wrong_type("must be " + one_of(names));
  return std::nullopt;
}

} // namespace troupe
