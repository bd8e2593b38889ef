#pragma once

#include <cstdint>
#include <string>

namespace troupe::tools::console {

/// What was pressed.
struct key {
  enum class code : uint8_t {
    text,
    up,
    down,
    left,
    right,
    page_up,
    page_down,
    home,
    end,
    enter,
    escape,
    backspace,
    tab,
    back_tab,
    quit
  };
  code is = code::text;
  /// One character, if it is `text`.
  std::string text{};
  bool operator==(const key&) const = default;
};

} // namespace troupe::tools::console
