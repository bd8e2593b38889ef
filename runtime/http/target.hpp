#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/expected.hpp"

#include "runtime/http/message.hpp"

namespace troupe::runtime::http {

/// Decodes `%41`. Errors: text for the client if an escape is broken.
/// Source: RFC 3986, section 2.1.
[[nodiscard]] expected<std::string, std::string>
percent_decode(std::string_view x);

/// Encodes everything but letters, digits and `-._~`, so that a name of any
/// characters is one segment of a path or one value of a query.
[[nodiscard]] std::string percent_encode(std::string_view x);

/// The request target, taken apart and decoded; see `request` for the fields.
struct target {
  std::string path;
  std::vector<std::string> segments;
  name_values query;

  friend bool operator==(const target&, const target&) = default;
};

/// Takes a target in origin form apart: `/v1/jobs?kind=batch`.
/// Errors: text for the client. Refused are broken escapes, text that is not
/// UTF-8, control characters in the path, NUL anywhere, the segments `.` and
/// `..` in any spelling, and more than 256 parameters.
[[nodiscard]] expected<target, std::string> parse_target(std::string_view x);

/// Who is meant by a `Host` header or an origin.
struct authority {
  /// In lower case, without a final dot; an IPv6 address in its one canonical
  /// spelling, in brackets.
  std::string host;
  std::optional<std::uint16_t> port;

  friend bool operator==(const authority&, const authority&) = default;
};

/// Reads `host`, `host:port`, `[::1]` or `[::1]:port`. Nothing if malformed.
[[nodiscard]] std::optional<authority> parse_authority(std::string_view x);

/// Returns whether `host` (as in `authority`) can only mean this machine.
[[nodiscard]] bool is_loopback(std::string_view host);

/// Returns whether `x` is well-formed. Source: RFC 3629, section 4.
[[nodiscard]] bool is_utf8(std::string_view x);

} // namespace troupe::runtime::http
