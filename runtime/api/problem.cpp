#include "runtime/api/problem.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace troupe::runtime::api {

int status_of(refusal_kind x) {
  switch (x) {
  case refusal_kind::bad_input:
    return 400;
  case refusal_kind::not_found:
    return 404;
  case refusal_kind::conflict:
    return 409;
  case refusal_kind::unprocessable:
    return 422;
  case refusal_kind::forbidden:
    return 403;
  case refusal_kind::too_many:
    return 429;
  case refusal_kind::unavailable:
    return 503;
  case refusal_kind::no_room:
    return 507;
  }
  return 500;
}

problem_response problem_of(refusal x) {
  problem_response result;
  result.status = status_of(x.kind);
  result.detail = std::move(x.detail);
  result.problems = std::move(x.problems);
  if (x.kind == refusal_kind::too_many || x.kind == refusal_kind::unavailable
      || x.kind == refusal_kind::no_room)
    result.headers.emplace_back("Retry-After", "1");
  return result;
}

http::response to_response(const problem_response& x) {
  std::string_view title = http::reason_phrase(x.status);
  boost::json::object body;
  body["type"] = "about:blank";
  body["title"] = title;
  body["status"] = x.status;
  body["detail"] = x.detail;
  if (!x.problems.empty()) {
    boost::json::array errors;
    for (auto& y : x.problems)
      errors.push_back(
        boost::json::object{{"pointer", y.pointer}, {"detail", y.detail}});
    body["errors"] = std::move(errors);
  }
  return {.status = x.status,
          .content_type = "application/problem+json",
          .body = boost::json::serialize(body),
          .headers = x.headers};
}

} // namespace troupe::runtime::api
