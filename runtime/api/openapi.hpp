#pragma once

#include <boost/json/value.hpp>

namespace troupe::runtime::api {

/// Describes all routes as OpenAPI 3.1: paths, methods, parameters and the form
/// of errors. Bodies are described in the reference of the job file.
[[nodiscard]] boost::json::value openapi();

} // namespace troupe::runtime::api
