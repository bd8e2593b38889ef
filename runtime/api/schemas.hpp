#pragma once

#include <boost/json/object.hpp>

namespace troupe::runtime::api {

/// What is sent and answered, by name, as JSON Schema.
[[nodiscard]] boost::json::object schemas();

} // namespace troupe::runtime::api
