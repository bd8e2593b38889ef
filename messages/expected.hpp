#pragma once

#include <tl/expected.hpp>

namespace troupe {

/// A value, or why there is none. C++23's `std::expected` for C++20.
using tl::expected;
using tl::make_unexpected;
using tl::unexpected;

} // namespace troupe
