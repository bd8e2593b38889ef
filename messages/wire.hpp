#pragma once

/// How described structs travel between processes: as their JSON text. A reader
/// of another version ignores what it does not know and has defaults for what
/// it misses; what it cannot read at all becomes an error of the message.

#include <string>

#include <caf/error.hpp>
#include <caf/meta/type_name.hpp>
#include <caf/sec.hpp>

#include "messages/json.hpp"

namespace troupe {

template <class Inspector, json::described T>
typename Inspector::result_type inspect(Inspector& f, T& x) {
  if constexpr (Inspector::reads_state) {
    auto text = json::text_of(x);
    return f(text);
  } else {
    std::string text;
    if (auto error = f(text))
      return error;
    auto read = json::parse<T>(text);
    if (!read)
      return caf::make_error(caf::sec::invalid_argument, read.error().pointer,
                             read.error().detail);
    x = std::move(*read);
    return caf::none;
  }
}

} // namespace troupe
