#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "messages/expected.hpp"

namespace troupe {

/// Readers of the quantities that users write. Errors are sentences that say
/// which forms are accepted. No value wraps around: what does not fit is refused.

/// Reads cores, `0.5`, `2` or `250m`, as thousandths. Smaller steps are refused.
[[nodiscard]] expected<int64_t, std::string> read_millis(std::string_view text);

/// Reads bytes: `134217728`, `128MiB`, `1.5GB`, `64k`, `1Gi`.
[[nodiscard]] expected<int64_t, std::string> read_bytes(std::string_view text);

/// Reads a duration: `500ms`, `10s`, `5m`, `2h`, `1d`, also `1h30m`.
[[nodiscard]] expected<std::chrono::milliseconds, std::string>
read_duration(std::string_view text);

/// The shortest exact text, such as `250m`, `1.5`, `128MiB`, `90s`.
[[nodiscard]] std::string millis_text(int64_t millis);
[[nodiscard]] std::string bytes_text(int64_t bytes);
[[nodiscard]] std::string duration_text(std::chrono::milliseconds x);

} // namespace troupe
