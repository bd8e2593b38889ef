#include "messages/timestamp.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace troupe {

namespace {

using namespace std::chrono;

/// Reads `digits` decimal digits at `at`, or -1.
int number_at(std::string_view text, size_t at, size_t digits) {
  auto result = 0;
  for (auto i = at; i < at + digits; ++i) {
    if (text[i] < '0' || text[i] > '9')
      return -1;
    result = result * 10 + (text[i] - '0');
  }
  return result;
}

/// Takes `.ddd` off `text`, with any number of digits: what is finer than a
/// millisecond is dropped. Without a fraction it is 0.
std::optional<milliseconds> take_fraction(std::string_view& text) {
  if (text.empty() || text.front() != '.')
    return milliseconds{0};
  auto end = std::min(text.find_first_not_of("0123456789", 1), text.size());
  if (end == 1)
    return std::nullopt;
  auto result = milliseconds{0};
  auto unit = milliseconds{100};
  for (size_t i = 1; i < end; ++i, unit /= 10)
    result += unit * number_at(text, i, 1);
  text.remove_prefix(end);
  return result;
}

/// Reads `Z`, `+dd:dd` or `-dd:dd`.
std::optional<minutes> read_offset(std::string_view text) {
  constexpr std::string_view form = "+dd:dd";
  if (text == "Z")
    return minutes{0};
  if (text.size() != form.size() || (text[0] != '+' && text[0] != '-')
      || text[3] != ':')
    return std::nullopt;
  auto h = number_at(text, 1, 2);
  auto mi = number_at(text, 4, 2);
  if (h < 0 || h > 23 || mi < 0 || mi > 59)
    return std::nullopt;
  auto result = hours{h} + minutes{mi};
  return text[0] == '-' ? -result : result;
}

} // namespace

std::string to_string(timestamp x) {
  auto moment = sys_time<milliseconds>{milliseconds{x.ms}};
  auto day = floor<days>(moment);
  year_month_day date{day};
  hh_mm_ss time{moment - day};
  std::array<char, 64> buffer;
  auto size = std::snprintf(
    buffer.data(), buffer.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
    static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
    static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
    static_cast<int>(time.minutes().count()),
    static_cast<int>(time.seconds().count()),
    static_cast<int>(time.subseconds().count()));
  return {buffer.data(), static_cast<size_t>(size)};
}

/// Reads RFC 3339: what `to_string` writes, and what people write, with another
/// fraction of a second or none, and with an offset from UTC.
std::optional<timestamp> read_timestamp(std::string_view text) {
  constexpr std::string_view form = "dddd-dd-ddTdd:dd:dd";
  if (text.size() <= form.size())
    return std::nullopt;
  for (size_t i = 0; i < form.size(); ++i)
    if (form[i] != 'd' && form[i] != text[i])
      return std::nullopt;
  auto y = number_at(text, 0, 4);
  auto mo = number_at(text, 5, 2);
  auto d = number_at(text, 8, 2);
  auto h = number_at(text, 11, 2);
  auto mi = number_at(text, 14, 2);
  auto s = number_at(text, 17, 2);
  if (y < 0 || mo < 0 || d < 0 || h < 0 || mi < 0 || s < 0)
    return std::nullopt;
  auto date = year{y} / month{static_cast<unsigned>(mo)}
              / day{static_cast<unsigned>(d)};
  if (!date.ok() || h > 23 || mi > 59 || s > 59)
    return std::nullopt;
  auto rest = text.substr(form.size());
  auto fraction = take_fraction(rest);
  auto offset = read_offset(rest);
  if (!fraction || !offset)
    return std::nullopt;
  auto moment = sys_days{date} + hours{h} + minutes{mi} + seconds{s} + *fraction
                - *offset;
  return timestamp{moment.time_since_epoch().count()};
}

} // namespace troupe
