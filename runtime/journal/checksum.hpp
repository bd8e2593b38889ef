#pragma once

#include <cstdint>
#include <string_view>

namespace troupe::runtime {

/// The 64-bit xxHash of `bytes`: finds damage, not forgery.
/// Source: xxHash fast digest algorithm, specification 0.1.1, "XXH64".
std::uint64_t xxh64(std::string_view bytes, std::uint64_t seed);

} // namespace troupe::runtime
