#include "runtime/cron.hpp"

#include <algorithm>
#include <bit>
#include <exception>
#include <limits>

#include <date/date.h>
#include <date/tz.h>

#include "messages/contract.hpp"

namespace troupe::runtime {

namespace {

using namespace std::chrono_literals;
using std::chrono::minutes;
using std::chrono::seconds;

constexpr int64_t second_min = std::numeric_limits<int64_t>::min();
constexpr int64_t second_max = std::numeric_limits<int64_t>::max();
constexpr int64_t minute = 60;
constexpr int64_t day = 86'400;
/// Leap years may leave out a century, and weekdays are the same again after 28
/// years.
constexpr int64_t horizon = 50 * 366 * day;

/// UTC needs no table: a machine without one still has schedules.
bool is_utc(std::string_view name) {
  return name == "UTC" || name == "Etc/UTC" || name == "GMT" || name == "Z";
}

bool has(uint64_t set, unsigned value) {
  return (set >> value & 1) != 0;
}

/// The least value of `set` that is at least `from`; 64 if there is none.
unsigned first_of(uint64_t set, unsigned from) {
  if (from > 63)
    return 64;
  auto rest = set >> from << from;
  return static_cast<unsigned>(std::countr_zero(rest));
}

date::local_days local_day(int64_t second) {
  return date::local_days{date::floor<date::days>(seconds{second})};
}

bool names_day(const cron_fields& x, date::local_days at,
               const date::year_month_day& ymd) {
  auto by_day = has(x.days, static_cast<unsigned>(ymd.day()));
  auto by_weekday = has(x.weekdays, date::weekday{at}.c_encoding());
  return x.any_day || x.any_weekday ? by_day && by_weekday
                                    : by_day || by_weekday;
}

/// The first second of the day, from `from` on, that `x` names; none if that is
/// another day's.
std::optional<int64_t> names_time(const cron_fields& x, int64_t from) {
  auto hour = static_cast<unsigned>(from / 3'600);
  auto minute_of_hour = static_cast<unsigned>(from % 3'600 / minute);
  for (auto h = first_of(x.hours, hour); h < 24; h = first_of(x.hours, h + 1))
    if (auto m = first_of(x.minutes, h == hour ? minute_of_hour : 0); m < 60)
      return h * int64_t{3'600} + m * minute;
  return std::nullopt;
}

int64_t floor_to_second(timestamp x) {
  return date::floor<seconds>(milliseconds{x.ms}).count();
}

timestamp at_second(int64_t x) {
  return {x * 1'000};
}

} // namespace

/// A time in which the offset of a zone does not change; all in seconds.
struct cron::span {
  int64_t begin = second_min;
  int64_t end = second_max;
  int64_t offset = 0;
  int64_t offset_before = 0;
};

expected<cron, problem> cron::read(const schedule_rule& x) {
  auto fields = read_cron(x.cron);
  if (!fields)
    return make_unexpected(
      problem{"/schedule/cron", "schedule.cron " + fields.error()});
  cron result;
  result.fields_ = *fields;
  result.zone_name_ = x.timezone;
  if (is_utc(x.timezone))
    return result;
  try {
    result.zone_ = date::locate_zone(x.timezone);
  } catch (const std::exception&) {
    return make_unexpected(problem{
      "/schedule/timezone",
      "schedule.timezone: this controller knows no time zone \"" + x.timezone
        + "\"; write a name such as \"Europe/Paris\" or \"UTC\", or "
          "install the package tzdata if it knows none"});
  }
  return result;
}

cron::span cron::span_at(int64_t second) const {
  span result;
  if (zone_ == nullptr)
    return result;
  auto now = zone_->get_info(date::sys_seconds{seconds{second}});
  result.begin = now.begin.time_since_epoch().count();
  result.end = now.end.time_since_epoch().count();
  result.offset = now.offset.count();
  result.offset_before = result.offset;
  // Before its first change, a zone has always been as it is.
  if (now.begin > date::sys_days{date::year{1800} / 1 / 1})
    result.offset_before = zone_->get_info(now.begin - 1s).offset.count();
  return result;
}

std::optional<int64_t> cron::match(int64_t from, int64_t until) const {
  // Up to a whole minute.
  from = -date::floor<minutes>(seconds{-from}).count() * minute;
  while (from < until) {
    auto today = local_day(from);
    date::year_month_day ymd{today};
    if (!has(fields_.months, static_cast<unsigned>(ymd.month()))) {
      auto next
        = date::local_days{ymd.year() / ymd.month() / 1 + date::months{1}};
      from = next.time_since_epoch() / 1s;
      continue;
    }
    auto midnight = today.time_since_epoch() / 1s;
    if (names_day(fields_, today, ymd))
      if (auto time = names_time(fields_, from - midnight)) {
        auto result = midnight + *time;
        return result < until ? std::optional{result} : std::nullopt;
      }
    from = midnight + day;
  }
  return std::nullopt;
}

std::optional<timestamp> cron::next(timestamp x) const {
  auto from = floor_to_second(x) + 1;
  auto limit = from + horizon;
  while (from < limit) {
    auto in = span_at(from);
    auto local_from = from + in.offset;
    if (!fields_.as_time_passes && in.begin != second_min) {
      // What the clocks skipped comes at once.
      if (from == in.begin && in.offset > in.offset_before
          && match(in.begin + in.offset_before, in.begin + in.offset))
        return at_second(in.begin);
      // What they repeat has been.
      if (in.offset < in.offset_before)
        local_from = std::max(local_from, in.begin + in.offset_before);
    }
    auto end = std::min(in.end, limit);
    if (auto found = match(local_from, end + in.offset))
      return at_second(*found - in.offset);
    from = end;
  }
  return std::nullopt;
}

timestamp cron::newest(timestamp after, timestamp until) const {
  // `next` never goes back when it is asked later: the last moment whose next
  // tick is not after `until` is found by halving.
  auto low = floor_to_second(after);
  auto high = floor_to_second(until);
  while (high - low > 1) {
    auto middle = low + (high - low) / 2;
    auto found = next(at_second(middle));
    if (found && *found <= until)
      low = middle;
    else
      high = middle;
  }
  auto found = next(at_second(low));
  TROUPE_ASSERT(found && *found <= until);
  return *found;
}

std::optional<cron::ticks>
cron::between(timestamp after, timestamp until, uint32_t missed_max) const {
  auto first = next(after);
  if (!first || *first > until)
    return std::nullopt;
  ticks result{*first, {}, 0};
  for (;;) {
    auto found = next(result.newest);
    if (!found || *found > until)
      return result;
    if (result.missed == missed_max)
      break;
    result.previous = result.newest;
    result.newest = *found;
    ++result.missed;
  }
  auto counted = result.newest;
  result.newest = newest(counted, until);
  auto before = result.newest + milliseconds{-1};
  auto next_counted = next(counted);
  result.previous = next_counted && *next_counted <= before
                      ? newest(counted, before)
                      : counted;
  return result;
}

std::string cron::local(timestamp x) const {
  auto second = floor_to_second(x);
  auto local = second + span_at(second).offset;
  return date::format("%Y-%m-%d %H:%M", date::local_seconds{seconds{local}})
         + " (" + zone_name_ + ')';
}

} // namespace troupe::runtime
