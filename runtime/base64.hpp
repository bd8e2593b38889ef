#pragma once

#include <string>
#include <string_view>

namespace troupe::runtime {

/// Base64 as of RFC 4648, section 4, with padding.
[[nodiscard]] std::string to_base64(std::string_view bytes);

/// Reads what `to_base64` wrote; empty for anything else.
[[nodiscard]] std::string from_base64(std::string_view text);

} // namespace troupe::runtime
