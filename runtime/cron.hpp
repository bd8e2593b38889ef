#pragma once

/// When jobs with a schedule run.
///
/// The rules of time zones are a table that the machine has, like the alphabet:
/// the same question gets the same answer, whenever it is asked. What was decided
/// is a fact, so a machine with other rules disagrees only about the future.

#include <cstdint>
#include <optional>
#include <string>

#include "messages/cron.hpp"
#include "messages/expected.hpp"
#include "messages/job.hpp"
#include "messages/timestamp.hpp"

namespace date {
class time_zone;
} // namespace date

namespace troupe::runtime {

/// The ticks of a schedule.
///
/// Where the clocks are changed, a schedule that names minute and hour runs by
/// the clock on the wall: a time that is left out that day runs at the moment of
/// the change, once for all that are left out; a time that comes twice runs the
/// first time. A schedule with `*` for minute or hour runs as time passes: what
/// is left out does not run, what comes twice runs twice. Source: crontab(5) of
/// Vixie's cron.
class cron {
public:
  /// Errors: a sentence about the cron text or the time zone.
  [[nodiscard]] static expected<cron, problem> read(const schedule_rule& x);

  /// The first tick after `x`. None if there is none in fifty years.
  [[nodiscard]] std::optional<timestamp> next(timestamp x) const;

  /// Ticks that came after one moment and not after another.
  struct ticks {
    timestamp newest;
    /// The one before it, if there is one.
    timestamp previous;
    /// How many came before the newest; not counted beyond a limit.
    uint32_t missed = 0;
  };
  [[nodiscard]] std::optional<ticks>
  between(timestamp after, timestamp until, uint32_t missed_max) const;

  /// `x` as the clock on the wall shows it: `2026-03-29 03:00 (Europe/Paris)`.
  [[nodiscard]] std::string local(timestamp x) const;

private:
  struct span;

  [[nodiscard]] span span_at(int64_t second) const;
  /// The first minute in [from, until) that the fields name, in seconds of local
  /// time since 1970.
  [[nodiscard]] std::optional<int64_t> match(int64_t from, int64_t until) const;
  /// The newest tick in (after, until]. REQUIRES: there is one.
  [[nodiscard]] timestamp newest(timestamp after, timestamp until) const;

  cron_fields fields_;
  std::string zone_name_;
  /// Null: UTC.
  const date::time_zone* zone_ = nullptr;
};

} // namespace troupe::runtime
