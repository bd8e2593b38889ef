#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "messages/expected.hpp"

namespace troupe {

/// The five fields of cron, each a set of values: bit `n` stands for the value n.
struct cron_fields {
  uint64_t minutes = 0;
  uint32_t hours = 0;
  /// Days of the month, 1 to 31.
  uint32_t days = 0;
  /// 1 to 12.
  uint32_t months = 0;
  /// 0 is Sunday, 6 Saturday.
  uint32_t weekdays = 0;
  /// Whether the field begins with `*`. If neither does, a day of either kind
  /// will do; otherwise both must hold. Source: crontab(5) of Vixie's cron.
  bool any_day = false;
  bool any_weekday = false;
  /// Whether minute or hour begins with `*`: such a job runs as time passes, one
  /// that names its times runs when the clock on the wall says so.
  bool as_time_passes = false;
  bool operator==(const cron_fields&) const = default;
};

/// Reads `*/5 0-6,12 1 jan-mar MON`, or `@hourly`, `@daily`, `@weekly`,
/// `@monthly`, `@yearly`. 0 and 7 are Sunday.
/// Errors: what is wrong, as the rest of a sentence about the text.
[[nodiscard]] expected<cron_fields, std::string>
read_cron(std::string_view text);

} // namespace troupe
