#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::runtime::http {

/// Names and values in the order in which they came.
using name_values = std::vector<std::pair<std::string, std::string>>;

enum class method : std::uint8_t { get, head, post, put, patch, del, options };

/// Returns the word on the wire, such as `DELETE` for `method::del`.
[[nodiscard]] std::string_view to_string(method x);

/// Returns whether requests with this method change something.
[[nodiscard]] bool is_write(method x);

/// What a client asks for. Valid UTF-8 in path and query, checked before a
/// handler sees it; the body is whatever was sent.
struct request {
  http::method method = http::method::get;

  /// Decoded, without the query. For messages and for routes without names in
  /// them: `/a%2Fb` and `/a/b` look the same here, see `segments`.
  std::string path;

  /// What stands between the slashes, each decoded on its own. Empty for `/`;
  /// the last one is empty if the path ends with a slash. Never `.` or `..`.
  std::vector<std::string> segments;

  /// Decoded parameters in order, with repetitions; `+` is a space.
  name_values query;

  name_values headers;
  std::string body;

  /// Address and port of the client, such as `127.0.0.1:50412`.
  std::string remote;

  /// 0 or 1 for HTTP/1.0 or 1.1.
  int version_minor = 1;

  /// Returns the first header of this name in any case, without blanks around.
  [[nodiscard]] std::optional<std::string_view>
  header(std::string_view name) const;

  /// Returns the first query parameter of exactly this name.
  [[nodiscard]] std::optional<std::string_view>
  parameter(std::string_view name) const;
};

/// What a client gets. `Content-Length`, `Transfer-Encoding`, `Connection` and
/// `Date` are added on the way out, and dropped from `headers`. Control
/// characters in headers become blanks, so that a name chosen by a user cannot
/// write a header of its own.
struct response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body = {};
  name_values headers = {};
};

/// Why a request is not served, before a handler sees it.
struct refusal {
  int status = 400;
  std::string detail;

  friend bool operator==(const refusal&, const refusal&) = default;
};

/// Returns the phrase for a status, such as `Not Found`. RFC 9110, section 15.
[[nodiscard]] std::string_view reason_phrase(int status);

/// Returns an error as `application/problem+json` with type, title, status and
/// detail. Source: RFC 9457.
[[nodiscard]] response problem(int status, std::string_view detail);

/// Compares as ASCII without regard to case.
[[nodiscard]] bool same_name(std::string_view a, std::string_view b);

/// Returns `x` with ASCII letters in lower case.
[[nodiscard]] std::string lower(std::string_view x);

} // namespace troupe::runtime::http
