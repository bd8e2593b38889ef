#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "messages/expected.hpp"

#include "runtime/api/call.hpp"
#include "runtime/api/problem.hpp"
#include "runtime/http/message.hpp"

namespace troupe::runtime::api {

class reading;

/// One thing that can be asked. The table of these is the only list of routes:
/// 404, 405 and the API's description follow from it.
struct route {
  http::method method;
  /// Such as `/v1/jobs/{job}`: a segment in braces is a name.
  std::string_view pattern;
  /// Reads the request, or reports problems to `reading`.
  call (*read)(reading& x);
  /// Parameters of the query, separated by blanks. Writes take `dryRun` as well.
  std::string_view parameters;
  std::string_view summary;
};

/// All routes, in the order of the reference.
[[nodiscard]] std::span<const route> routes();

/// The pattern of the route that `x` means, `none` if there is no such path: a
/// label for metrics with few values.
[[nodiscard]] std::string_view pattern_of(const http::request& x);

/// Reads what `x` asks for. `chance` is a fresh random number, from which jobs
/// without a name get one that nobody has.
///
/// 400: a parameter or the body is wrong, with all problems. 404: no such path,
/// or what it names cannot exist. 405 with `Allow`: not with this method.
[[nodiscard]] expected<call, problem_response>
parse(const http::request& x, uint64_t chance);

} // namespace troupe::runtime::api
