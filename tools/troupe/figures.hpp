#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace troupe::tools {

/// `3m12s`, `450ms`, `2h5m`, `12d`: the two largest units at most.
[[nodiscard]] std::string age_text(std::chrono::milliseconds x);

/// `512B`, `1.5GiB`: at most one digit after the point.
[[nodiscard]] std::string memory_text(int64_t bytes);

/// `0.25`, `4`: at most three digits after the point, none that say nothing.
[[nodiscard]] std::string amount_text(double x);

} // namespace troupe::tools
