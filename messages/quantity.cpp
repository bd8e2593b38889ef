#include "messages/quantity.hpp"

#include <array>
#include <cctype>
#include <limits>
#include <optional>

namespace troupe {

namespace {

// Wide enough for the product of any fraction and any unit below.
__extension__ using wide = unsigned __int128;

constexpr auto int64_max
  = static_cast<uint64_t>(std::numeric_limits<int64_t>::max());

// More digits after the point are only looked at for being zero.
constexpr int fraction_digits_max = 18;

/// A number without sign or exponent, as it was written.
struct decimal {
  uint64_t whole = 0;
  uint64_t fraction = 0;
  /// `fraction` counts in this part of one.
  uint64_t scale = 1;
  /// Digits other than 0 follow beyond the last one that was kept.
  bool inexact = false;
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// Takes the digits at the front of `text` into `result`. Returns false if they
/// do not fit.
bool take_whole(std::string_view& text, decimal& result) {
  while (!text.empty() && is_digit(text.front())) {
    auto digit = static_cast<uint64_t>(text.front() - '0');
    if (result.whole > (int64_max - digit) / 10)
      return false;
    result.whole = result.whole * 10 + digit;
    text.remove_prefix(1);
  }
  return true;
}

void take_fraction(std::string_view& text, decimal& result) {
  for (int kept = 0; !text.empty() && is_digit(text.front());
       text.remove_prefix(1)) {
    auto digit = static_cast<uint64_t>(text.front() - '0');
    if (kept++ < fraction_digits_max) {
      result.fraction = result.fraction * 10 + digit;
      result.scale *= 10;
    } else if (digit != 0) {
      result.inexact = true;
    }
  }
}

enum class take_error { no_number, too_large };

/// Takes the number at the front of `text`, which keeps what follows it.
expected<decimal, take_error> take_decimal(std::string_view& text) {
  decimal result;
  auto starts_with_digit = !text.empty() && is_digit(text.front());
  if (!take_whole(text, result))
    return make_unexpected(take_error::too_large);
  if (text.empty() || text.front() != '.') {
    if (!starts_with_digit)
      return make_unexpected(take_error::no_number);
    return result;
  }
  text.remove_prefix(1);
  if (text.empty() || !is_digit(text.front()))
    return make_unexpected(take_error::no_number);
  take_fraction(text, result);
  return result;
}

enum class rounding { exact, up };

/// `x` times `unit`, absent if it does not fit or is not whole as asked.
std::optional<int64_t> scaled(const decimal& x, uint64_t unit, rounding rule) {
  auto parts = wide{x.fraction} * unit;
  auto whole = wide{x.whole} * unit + parts / x.scale;
  if (parts % x.scale != 0 || x.inexact) {
    if (rule == rounding::exact)
      return std::nullopt;
    ++whole;
  }
  if (whole > int64_max)
    return std::nullopt;
  return static_cast<int64_t>(whole);
}

/// `text` between quotes, shortened and without control characters, so that it
/// can stand in a sentence.
std::string quoted(std::string_view text) {
  constexpr size_t shown_max = 40;
  std::string result = "\"";
  for (auto c : text.substr(0, shown_max))
    result += c >= ' ' && c < 0x7f && c != '"' ? c : '?';
  return result + (text.size() > shown_max ? "...\"" : "\"");
}

/// `x / unit` in decimal, with at most three digits after the point; absent if
/// that is not exact.
std::optional<std::string> exact_quotient(uint64_t x, uint64_t unit) {
  auto parts = wide{x % unit} * 1000;
  if (parts % unit != 0)
    return std::nullopt;
  auto result = std::to_string(x / unit);
  if (auto thousandths = static_cast<unsigned>(parts / unit)) {
    auto digits = std::to_string(1000 + thousandths);
    digits[0] = '.';
    digits.erase(digits.find_last_not_of('0') + 1);
    result += digits;
  }
  return result;
}

uint64_t magnitude(int64_t x) {
  return x < 0 ? 0 - static_cast<uint64_t>(x) : static_cast<uint64_t>(x);
}

// -- bytes --------------------------------------------------------------------

struct byte_unit {
  std::string_view name;
  uint64_t bytes;
};

// What `bytes_text` writes, larger first, binary before decimal.
constexpr std::array<byte_unit, 13> byte_units{{
  {"EiB", uint64_t{1} << 60},
  {"EB", 1'000'000'000'000'000'000},
  {"PiB", uint64_t{1} << 50},
  {"PB", 1'000'000'000'000'000},
  {"TiB", uint64_t{1} << 40},
  {"TB", 1'000'000'000'000},
  {"GiB", uint64_t{1} << 30},
  {"GB", 1'000'000'000},
  {"MiB", uint64_t{1} << 20},
  {"MB", 1'000'000},
  {"KiB", uint64_t{1} << 10},
  {"kB", 1'000},
  {"B", 1},
}};

bool same_letters(std::string_view x, std::string_view y) {
  if (x.size() != y.size())
    return false;
  for (size_t i = 0; i < x.size(); ++i)
    if (std::tolower(static_cast<unsigned char>(x[i]))
        != std::tolower(static_cast<unsigned char>(y[i])))
      return false;
  return true;
}

/// Bytes of the unit `name`: `MiB`, `Mi`, `MB`, `M`, `k`; case counts only for
/// a letter that stands alone.
std::optional<uint64_t> unit_bytes(std::string_view name) {
  if (name.empty())
    return 1;
  for (auto& unit : byte_units) {
    auto bare = unit.name.substr(0, unit.name.size() - 1);
    if (same_letters(name, unit.name))
      return unit.bytes;
    if (bare.size() == 2 && same_letters(name, bare))
      return unit.bytes;
    if (bare.size() == 1 && (name == bare || (bare == "k" && name == "K")))
      return unit.bytes;
  }
  return std::nullopt;
}

std::string bytes_forms(std::string_view text, std::string_view why) {
  return quoted(text) + std::string{why}
         + "; write bytes such as 134217728, \"128MiB\" or \"1.5GB\"";
}

// -- durations ----------------------------------------------------------------

struct time_unit {
  std::string_view name;
  uint64_t milliseconds;
};

// Longer first, and no name is the start of a later one that `text` may mean:
// the unit is read as all letters up to the next digit.
constexpr std::array<time_unit, 5> time_units{{
  {"d", 86'400'000},
  {"h", 3'600'000},
  {"m", 60'000},
  {"s", 1'000},
  {"ms", 1},
}};

std::string duration_forms(std::string_view text, std::string_view why) {
  return quoted(text) + std::string{why}
         + "; write a duration such as \"500ms\", \"10s\", \"5m\", \"2h\", "
           "\"1d\" or \"1h30m\"";
}

std::string_view take_letters(std::string_view& text) {
  size_t size = 0;
  while (size < text.size() && !is_digit(text[size]) && text[size] != '.')
    ++size;
  auto result = text.substr(0, size);
  text.remove_prefix(size);
  return result;
}

/// Position in `time_units`, or its size.
size_t find_time_unit(std::string_view name) {
  size_t at = 0;
  while (at < time_units.size() && time_units[at].name != name)
    ++at;
  return at;
}

} // namespace

expected<int64_t, std::string> read_millis(std::string_view text) {
  auto refuse = [text](std::string_view why) {
    return make_unexpected(quoted(text) + std::string{why}
                           + "; write a number such as 0.5 or 2, or "
                             "thousandths such as \"250m\"");
  };
  if (text.starts_with('-'))
    return refuse(" is negative");
  auto rest = text;
  auto number = take_decimal(rest);
  if (!number)
    return refuse(number.error() == take_error::too_large
                    ? " is too large"
                    : " is not a quantity");
  if (!rest.empty() && rest != "m")
    return refuse(" is not a quantity");
  uint64_t unit = rest.empty() ? 1000 : 1;
  if (auto result = scaled(*number, unit, rounding::exact))
    return *result;
  if (scaled(*number, unit, rounding::up))
    return refuse(" is finer than a thousandth");
  return refuse(" is too large");
}

expected<int64_t, std::string> read_bytes(std::string_view text) {
  auto refuse = [text](std::string_view why) {
    return make_unexpected(bytes_forms(text, why));
  };
  if (text.starts_with('-'))
    return refuse(" is negative");
  auto rest = text;
  auto number = take_decimal(rest);
  if (!number)
    return refuse(number.error() == take_error::too_large
                    ? " is too large"
                    : " is not an amount of memory");
  if (rest.size() > 1 && rest.front() == ' ')
    rest.remove_prefix(1);
  // Other systems read these as thousandths, as millions or as 2^20.
  if (rest.size() == 1 && std::string_view{"mgtpe"}.find(rest) < 5)
    return refuse(" has a unit with several meanings");
  auto unit = unit_bytes(rest);
  if (!unit)
    return refuse(" has an unknown unit");
  auto rule = *unit == 1 ? rounding::exact : rounding::up;
  if (auto result = scaled(*number, *unit, rule))
    return *result;
  if (scaled(*number, *unit, rounding::up))
    return refuse(" is not a whole number of bytes");
  return refuse(" is too large");
}

expected<std::chrono::milliseconds, std::string>
read_duration(std::string_view text) {
  auto refuse = [text](std::string_view why) {
    return make_unexpected(duration_forms(text, why));
  };
  if (text.starts_with('-'))
    return refuse(" is negative");
  uint64_t total = 0;
  size_t next = 0; // Units come in falling order, each once.
  auto rest = text;
  do {
    auto number = take_decimal(rest);
    if (!number)
      return refuse(number.error() == take_error::too_large
                      ? " is too long"
                      : " is not a duration");
    auto name = take_letters(rest);
    if (name.empty())
      return refuse(" has no unit");
    auto unit = find_time_unit(name);
    if (unit == time_units.size() || unit < next)
      return refuse(" is not a duration");
    next = unit + 1;
    auto scale = time_units[unit].milliseconds;
    auto part = scaled(*number, scale, rounding::exact);
    if (!part)
      return refuse(scaled(*number, scale, rounding::up)
                      ? " is finer than a millisecond"
                      : " is too long");
    total += static_cast<uint64_t>(*part);
    if (total > int64_max)
      return refuse(" is too long");
  } while (!rest.empty());
  return std::chrono::milliseconds{static_cast<int64_t>(total)};
}

std::string millis_text(int64_t millis) {
  std::string sign = millis < 0 ? "-" : "";
  auto x = magnitude(millis);
  if (x >= 1000 || x % 100 == 0)
    return sign + *exact_quotient(x, 1000);
  return sign + std::to_string(x) + "m";
}

std::string bytes_text(int64_t bytes) {
  auto x = magnitude(bytes);
  std::string best;
  for (auto& unit : byte_units) {
    // Nobody reads 0.001EB with pleasure.
    if (x < unit.bytes && unit.bytes > 1)
      continue;
    auto number = exact_quotient(x, unit.bytes);
    if (!number)
      continue;
    auto text = *number + std::string{unit.name};
    if (best.empty() || text.size() < best.size())
      best = std::move(text);
  }
  return bytes < 0 ? "-" + best : best;
}

std::string duration_text(std::chrono::milliseconds x) {
  auto rest = magnitude(x.count());
  if (rest == 0)
    return "0s";
  std::string single;
  std::string compound;
  for (auto& [name, scale] : time_units) {
    if (single.empty() && magnitude(x.count()) % scale == 0)
      single = std::to_string(magnitude(x.count()) / scale) + std::string{name};
    if (rest / scale != 0)
      compound += std::to_string(rest / scale) + std::string{name};
    rest %= scale;
  }
  auto& text = compound.size() < single.size() ? compound : single;
  return x.count() < 0 ? "-" + text : text;
}

} // namespace troupe
