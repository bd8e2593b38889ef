#pragma once

/// What each route reads. One function for each row of the table of routes.

#include "runtime/api/reading.hpp"

namespace troupe::runtime::api {

// submit.cpp
[[nodiscard]] call read_submission(reading& x);

// plan.cpp
[[nodiscard]] call read_plan(reading& x);

// results.cpp
[[nodiscard]] result_filter read_result_filter(reading& x);

// events.cpp
[[nodiscard]] call read_events(reading& x);

} // namespace troupe::runtime::api
