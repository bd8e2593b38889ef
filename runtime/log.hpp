#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <spdlog/spdlog.h>

#include "messages/expected.hpp"

/// The program's own log, on stderr. Bounded: when nobody reads, the oldest lines
/// are lost rather than the program held up.
namespace troupe::runtime::log {

struct options {
  /// `trace debug info warn error off`.
  std::string level = "info";
  /// `text` or `json`.
  std::string format = "text";
};

/// Sets the log up. Errors: a sentence that names the accepted values.
[[nodiscard]] expected<void, std::string> start(const options& x);

/// Changes the level of a log that was started. Errors: as `start`.
[[nodiscard]] expected<void, std::string> set_level(const std::string& level);

/// The level that is set.
[[nodiscard]] std::string level();

/// Writes what is waiting.
void flush();

using spdlog::debug;
using spdlog::error;
using spdlog::info;
using spdlog::warn;

} // namespace troupe::runtime::log
