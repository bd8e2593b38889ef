#pragma once

/// Reasons and amounts in words, for people.

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "messages/state.hpp"

#include "runtime/placement/explain.hpp"

namespace troupe::runtime::views {

/// `1 node`, `2 nodes`.
[[nodiscard]] std::string count_of(uint64_t n, std::string_view noun);

/// Why something waits or has ended, when nothing more is known than `x`.
[[nodiscard]] std::string sentence_of(reason x);

/// `3 of 5 nodes lack cpu, 2 are cordoned`. Of an empty refusal nothing.
[[nodiscard]] std::string sentence_of(const placement::refusal& x);

/// `8 s`, `2 min`: rounded up, for "starts again in".
[[nodiscard]] std::string about(std::chrono::milliseconds x);

} // namespace troupe::runtime::views
