#include <algorithm>
#include <cstdlib>
#include <ctime>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include "runtime/cron.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;
using runtime::cron;

cron a_cron(std::string text, std::string zone = "UTC") {
  auto result = cron::read({std::move(text), std::move(zone)});
  REQUIRE_MESSAGE(result.has_value(), result.error().detail);
  return *result;
}

timestamp at(std::string_view text) {
  auto result = read_timestamp(text);
  REQUIRE(result.has_value());
  return *result;
}

/// The first ticks after `from`, as minutes in UTC, one a line.
std::string ticks(const cron& x, std::string_view from, size_t count) {
  std::string result;
  auto last = at(from);
  for (size_t i = 0; i < count; ++i) {
    auto next = x.next(last);
    if (!next)
      return result + "never\n";
    last = *next;
    result += to_string(last).substr(0, 16) + '\n';
  }
  return result;
}

std::string fault(std::string_view text) {
  auto result = read_cron(text);
  return result ? std::string{} : result.error();
}

// -- a slow reference ---------------------------------------------------------

/// The minute of the wall clock, in minutes since 1970, as the C library says.
int64_t wall_minute(int64_t utc_minute, std::tm& parts) {
  auto second = static_cast<std::time_t>(utc_minute * 60);
  localtime_r(&second, &parts);
  return utc_minute + parts.tm_gmtoff / 60;
}

bool matches(const cron_fields& x, const std::tm& t) {
  auto has = [](uint64_t set, int value) {
    return (set >> static_cast<unsigned>(value) & 1) != 0;
  };
  if (!has(x.minutes, t.tm_min) || !has(x.hours, t.tm_hour)
      || !has(x.months, t.tm_mon + 1))
    return false;
  auto day = has(x.days, t.tm_mday);
  auto weekday = has(x.weekdays, t.tm_wday);
  return x.any_day || x.any_weekday ? day && weekday : day || weekday;
}

/// Minute by minute: a schedule that names its times runs when the wall clock
/// comes to one of them, or passes it, for the first time.
/// @returns  [schedule], ticks in minutes since 1970.
std::vector<std::vector<int64_t>>
slow_ticks(const std::vector<cron_fields>& all, int64_t from_minute,
           int64_t until_minute) {
  std::vector<std::vector<int64_t>> result(all.size());
  std::tm now{};
  // Long enough before, that no change of the clocks lies between.
  auto first = from_minute - 48 * 60;
  auto highest = wall_minute(first, now);
  for (auto i = first + 1; i <= until_minute; ++i) {
    auto wall = wall_minute(i, now);
    std::vector<std::tm> passed;
    for (; highest < wall; ++highest) {
      auto second = static_cast<std::time_t>((highest + 1) * 60);
      gmtime_r(&second, &passed.emplace_back());
    }
    for (size_t k = 0; k < all.size(); ++k) {
      auto due = all[k].as_time_passes
                   ? matches(all[k], now)
                   : std::any_of(passed.begin(), passed.end(),
                                 [&](auto& t) { return matches(all[k], t); });
      if (due && i > from_minute)
        result[k].push_back(i);
    }
  }
  return result;
}

/// The same, fast.
std::vector<int64_t>
quick_ticks(const cron& x, int64_t from_minute, int64_t until_minute) {
  std::vector<int64_t> result;
  for (auto t = x.next({from_minute * 60'000}); t->ms <= until_minute * 60'000;
       t = x.next(*t))
    result.push_back(t->ms / 60'000);
  return result;
}

/// Sets the time zone of the C library for as long as it lives.
class zone_of_process {
public:
  explicit zone_of_process(const std::string& name) {
    setenv("TZ", name.c_str(), 1);
    tzset();
  }
  ~zone_of_process() {
    unsetenv("TZ");
    tzset();
  }
};

} // namespace

TEST_CASE("cron fields are lists of values, ranges and steps") {
  auto fields = [](std::string_view text) { return *read_cron(text); };
  auto x = fields("*/20 1-3,5 1 jan-mar MON");
  CHECK(x.minutes == (1ULL | 1ULL << 20 | 1ULL << 40));
  CHECK(x.hours == 0b101110);
  CHECK(x.days == 0b10);
  CHECK(x.months == 0b1110);
  CHECK(x.weekdays == 0b10);
  CHECK(x.as_time_passes);
  CHECK(fields("50/5 0 * * *").minutes == (1ULL << 50 | 1ULL << 55));
  CHECK(fields("0 0 * * 7").weekdays == 1);
  CHECK(fields("0 0 * * fri-sun").weekdays == 0b1100001);
  CHECK(fields("0 0 * * 5-7") == fields("0\t0 *  * FRI-SUN "));
  CHECK(!fields("0 2 * * *").as_time_passes);
  CHECK(fields("0 * * * *").as_time_passes);
  CHECK(fields("@hourly") == fields("0 * * * *"));
  CHECK(fields("@Daily") == fields("0 0 * * *"));
  CHECK(fields("@weekly") == fields("0 0 * * 0"));
  CHECK(fields("@monthly") == fields("0 0 1 * *"));
  CHECK(fields("@yearly") == fields("0 0 1 1 *"));
}

TEST_CASE("what is wrong with a cron text is told") {
  CHECK(fault("60 * * * *")
          .starts_with("has a wrong minute: write values from "
                       "0 to 59"));
  CHECK(fault("* 24 * * *").starts_with("has a wrong hour"));
  CHECK(fault("* * 0 * *").starts_with("has a wrong day of month"));
  CHECK(fault("* * * 13 *").starts_with("has a wrong month"));
  CHECK(fault("* * * * 8").starts_with("has a wrong day of week"));
  for (auto text :
       {"5-1 * * * *", "*/0 * * * *", "*/60 * * * *", "1, * * * *", ", * * * *",
        "1-2-3 * * * *", "+1 * * * *", "-1 * * * *", "1/ * * * *", "/2 * * * *",
        "*5 * * * *", "jan * * * *", "99999999999999999999 * * * *"})
    CHECK_MESSAGE(fault(text).starts_with("has a wrong minute"), text);
  CHECK(fault("* * * *").ends_with("this has 4"));
  CHECK(fault("* * * * * *").ends_with("this has 6"));
  CHECK(fault("").ends_with("this has 0"));
  CHECK(fault("@reboot").starts_with("must be five fields, or one of @hourly"));
  CHECK(fault("0 0 31 4,6 *").starts_with("never comes"));
  CHECK(fault("0 0 31 4,6 mon") == "");
  CHECK(fault("0 0 29 2 *") == "");
}

TEST_CASE("a time zone that is not known is refused") {
  auto x = cron::read({"@daily", "Europe/Pariss"});
  REQUIRE_FALSE(x);
  CHECK(x.error().pointer == "/schedule/timezone");
  CHECK(x.error().detail.find("\"Europe/Pariss\"") != std::string::npos);
  CHECK(cron::read({"@daily", "Asia/Kathmandu"}).has_value());
}

TEST_CASE("ticks come as the fields say") {
  CHECK(ticks(a_cron("*/20 9 * * *"), "2026-01-31T09:20:00.000Z", 3)
        == "2026-01-31T09:40\n2026-02-01T09:00\n2026-02-01T09:20\n");
  CHECK(ticks(a_cron("0 0 29 2 *"), "2096-03-01T00:00:00.000Z", 1)
        == "2104-02-29T00:00\n");
  // Either the 13th or a Friday; both with a star.
  CHECK(ticks(a_cron("0 12 13 * fri"), "2026-02-07T00:00:00.000Z", 3)
        == "2026-02-13T12:00\n2026-02-20T12:00\n2026-02-27T12:00\n");
  CHECK(ticks(a_cron("0 12 */12 * fri"), "2026-02-07T00:00:00.000Z", 2)
        == "2026-02-13T12:00\n2026-03-13T12:00\n");
  CHECK(
    ticks(a_cron("30 7 * * *", "Asia/Kathmandu"), "2026-02-07T00:00:00.000Z", 1)
    == "2026-02-07T01:45\n");
  // A tick is after the moment that is asked about.
  auto x = a_cron("* * * * *");
  CHECK(x.next({60'000}) == timestamp{120'000});
  CHECK(x.next({59'999}) == timestamp{60'000});
  CHECK(x.next({-30'000}) == timestamp{0});
}

// In Paris the clocks go from 2:00 to 3:00 on 2026-03-29 (1:00 UTC) and from
// 3:00 to 2:00 on 2026-10-25 (1:00 UTC).
TEST_CASE("a time that the clocks leave out comes once, at the change") {
  CHECK(
    ticks(a_cron("30 2 * * *", "Europe/Paris"), "2026-03-28T00:00:00.000Z", 3)
    == "2026-03-28T01:30\n2026-03-29T01:00\n2026-03-30T00:30\n");
  CHECK(ticks(a_cron("0,15,30 2,3 * * *", "Europe/Paris"),
              "2026-03-29T00:00:00.000Z", 3)
        == "2026-03-29T01:00\n2026-03-29T01:15\n2026-03-29T01:30\n");
  // It was not due that day.
  CHECK(
    ticks(a_cron("30 2 30 * *", "Europe/Paris"), "2026-03-28T00:00:00.000Z", 1)
    == "2026-03-30T00:30\n");
  // Samoa had no 30 December 2011.
  CHECK(
    ticks(a_cron("0 12 30 12 *", "Pacific/Apia"), "2011-12-01T00:00:00.000Z", 1)
    == "2011-12-30T10:00\n");
}

TEST_CASE("a time that comes twice is the first of the two") {
  CHECK(
    ticks(a_cron("30 2 * * *", "Europe/Paris"), "2026-10-24T12:00:00.000Z", 2)
    == "2026-10-25T00:30\n2026-10-26T01:30\n");
  CHECK(
    ticks(a_cron("0 2,3 * * *", "Europe/Paris"), "2026-10-24T12:00:00.000Z", 3)
    == "2026-10-25T00:00\n2026-10-25T02:00\n2026-10-26T01:00\n");
  // Asked in the second hour, it has been.
  CHECK(
    ticks(a_cron("30 2 * * *", "Europe/Paris"), "2026-10-25T01:10:00.000Z", 1)
    == "2026-10-26T01:30\n");
}

TEST_CASE("what runs every hour runs as time passes") {
  CHECK(
    ticks(a_cron("30 * * * *", "Europe/Paris"), "2026-03-29T00:00:00.000Z", 3)
    == "2026-03-29T00:30\n2026-03-29T01:30\n2026-03-29T02:30\n");
  CHECK(
    ticks(a_cron("0 * * * *", "Europe/Paris"), "2026-10-24T23:00:00.000Z", 4)
    == "2026-10-25T00:00\n2026-10-25T01:00\n2026-10-25T02:00\n2026-10-25T03:"
       "00\n");
}

TEST_CASE("ticks equal those of a walk through years, minute by minute") {
  std::vector<std::string> zones{"Europe/Paris", "America/New_York",
                                 "Australia/Lord_Howe", "Africa/Casablanca",
                                 "UTC"};
  std::vector<std::string> texts{
    "30 2 * * *",       "*/15 * * * *", "0,30 0-3 * * *", "0 2 29 3,10 sun",
    "59 23 1,15 * mon", "10 */2 * * *", "* 2 * 3-11 *",   "@weekly"};
  auto first = at("2025-01-01T00:00:00.000Z").ms / 60'000;
  auto last = at("2026-12-31T00:00:00.000Z").ms / 60'000;
  std::vector<cron_fields> all;
  for (auto& text : texts)
    all.push_back(*read_cron(text));
  for (auto& name : zones) {
    zone_of_process zone{name};
    auto wanted = slow_ticks(all, first, last);
    for (size_t i = 0; i < texts.size(); ++i) {
      CAPTURE(name);
      CAPTURE(texts[i]);
      auto found = quick_ticks(a_cron(texts[i], name), first, last);
      CHECK(found.size() == wanted[i].size());
      auto [a, b] = std::mismatch(found.begin(), found.end(), wanted[i].begin(),
                                  wanted[i].end());
      if (a != found.end() && b != wanted[i].end())
        FAIL_CHECK("found " << to_string(timestamp{*a * 60'000}) << ", not "
                            << to_string(timestamp{*b * 60'000}));
    }
  }
}

TEST_CASE("random schedules agree with the walk around changes of clocks") {
  std::mt19937_64 engine{7};
  auto below = [&](unsigned n) { return static_cast<unsigned>(engine() % n); };
  auto field = [&](unsigned min, unsigned max) {
    switch (below(4)) {
    case 0:
      return std::string{"*"};
    case 1:
      return "*/" + std::to_string(below(max) + 1);
    default: {
      auto from = min + below(max - min + 1);
      auto to = from + below(max - from + 1);
      return std::to_string(from) + '-' + std::to_string(to) + '/'
             + std::to_string(1 + below(5));
    }
    }
  };
  zone_of_process zone{"America/New_York"};
  auto first = at("2026-10-25T00:00:00.000Z").ms / 60'000;
  auto last = at("2026-11-07T00:00:00.000Z").ms / 60'000;
  std::vector<std::string> texts;
  std::vector<cron_fields> all;
  for (int i = 0; i < 300; ++i) {
    texts.push_back(field(0, 59) + ' ' + field(0, 23) + ' ' + field(1, 31)
                    + " * " + field(0, 7));
    all.push_back(*read_cron(texts.back()));
  }
  auto wanted = slow_ticks(all, first, last);
  for (size_t i = 0; i < texts.size(); ++i) {
    CAPTURE(texts[i]);
    CHECK(quick_ticks(a_cron(texts[i], "America/New_York"), first, last)
          == wanted[i]);
  }
}

TEST_CASE("however long nobody looked, the newest tick is found at once") {
  auto x = a_cron("* * * * *");
  auto found = x.between({0}, {600'000}, 100);
  REQUIRE(found);
  CHECK(found->newest == timestamp{600'000});
  CHECK(found->previous == timestamp{540'000});
  CHECK(found->missed == 9);
  CHECK(!x.between({600'000}, {659'999}, 100));
  found = x.between({600'000}, {660'000}, 100);
  REQUIRE(found);
  CHECK(found->missed == 0);
  // Years later; those before the newest are counted up to the limit.
  found = x.between({0}, at("2026-11-22T05:30:30.000Z"), 100);
  REQUIRE(found);
  CHECK(found->newest == at("2026-11-22T05:30:00.000Z"));
  CHECK(found->previous == at("2026-11-22T05:29:00.000Z"));
  CHECK(found->missed == 100);
  found = a_cron("* * * 1 *").between({0}, at("2026-11-22T05:30:30.000Z"), 5);
  REQUIRE(found);
  CHECK(found->newest == at("2026-01-31T23:59:00.000Z"));
  CHECK(found->previous == at("2026-01-31T23:58:00.000Z"));
}

TEST_CASE("a tick is told as the clock on the wall shows it") {
  CHECK(a_cron("@daily", "Europe/Paris").local(at("2026-03-29T01:00:00.000Z"))
        == "2026-03-29 03:00 (Europe/Paris)");
  CHECK(a_cron("@daily").local(at("2026-03-29T01:00:00.000Z"))
        == "2026-03-29 01:00 (UTC)");
}

} // namespace troupe
