#pragma once

#include <optional>
#include <string>
#include <vector>

#include "messages/command.hpp"
#include "messages/problem.hpp"

#include "runtime/http/message.hpp"

namespace troupe::runtime::api {

/// Why a request gets no answer, as RFC 9457 tells it.
struct problem_response {
  int status = 400;
  /// A sentence that says what is wrong and what to do.
  std::string detail;
  /// Each with its RFC 6901 pointer; parameters of the query look like
  /// members, as in `/limit`.
  std::vector<problem> problems;
  /// Such as `Allow` and `Retry-After`.
  http::name_values headers;
};

/// The status that a refusal has in HTTP.
[[nodiscard]] int status_of(refusal_kind x);

[[nodiscard]] problem_response problem_of(refusal x);

/// Writes `x` as `application/problem+json`.
[[nodiscard]] http::response to_response(const problem_response& x);

} // namespace troupe::runtime::api
