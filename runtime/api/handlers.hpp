#pragma once

/// What each route reads. One function for each row of the table of routes.

#include "runtime/api/reading.hpp"

namespace troupe::runtime::api {

// submit.cpp
[[nodiscard]] call read_submission(reading& x);

/// What is wrong with one of several jobs, told with its place in `body`: who
/// decides knows jobs by their number, and nothing of how they were written.
[[nodiscard]] refusal placed_in(refusal x, const std::string& body);

// plan.cpp
[[nodiscard]] call read_plan(reading& x);

// results.cpp
[[nodiscard]] result_filter read_result_filter(reading& x);

// events.cpp
[[nodiscard]] call read_events(reading& x);

} // namespace troupe::runtime::api
