#include "messages/cron.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <vector>

namespace troupe {

namespace {

struct field_rule {
  std::string_view name;
  unsigned min;
  unsigned max;
  /// Names of the values, three letters each, the first for `names_from`.
  std::string_view names;
  unsigned names_from;
};

constexpr std::array<field_rule, 5> rules{{
  {"minute", 0, 59, "", 0},
  {"hour", 0, 23, "", 0},
  {"day of month", 1, 31, "", 0},
  {"month", 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec", 1},
  // 0 and 7 are Sunday.
  {"day of week", 0, 7, "sunmontuewedthufrisat", 0},
}};

struct short_form {
  std::string_view name;
  std::string_view fields;
};

constexpr std::array<short_form, 7> short_forms{{
  {"@hourly", "0 * * * *"},
  {"@daily", "0 0 * * *"},
  {"@midnight", "0 0 * * *"},
  {"@weekly", "0 0 * * 0"},
  {"@monthly", "0 0 1 * *"},
  {"@yearly", "0 0 1 1 *"},
  {"@annually", "0 0 1 1 *"},
}};

/// Days of each month, leap years among them.
constexpr std::array<unsigned, 12> month_days{31, 29, 31, 30, 31, 30,
                                              31, 31, 30, 31, 30, 31};

std::optional<unsigned> number(std::string_view text) {
  unsigned result = 0;
  auto end = text.data() + text.size();
  auto [at, error] = std::from_chars(text.data(), end, result);
  if (error != std::errc{} || at != end)
    return std::nullopt;
  return result;
}

bool same_letters(std::string_view a, std::string_view b) {
  auto low = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return low(x) == low(y); });
}

std::optional<unsigned>
value_of(std::string_view text, const field_rule& rule) {
  for (size_t i = 0; i < rule.names.size(); i += 3)
    if (same_letters(text, rule.names.substr(i, 3)))
      return rule.names_from + static_cast<unsigned>(i / 3);
  auto result = number(text);
  if (!result || *result < rule.min || *result > rule.max)
    return std::nullopt;
  return result;
}

/// The values of `*`, `a` or `a-b`, each also with `/step`.
std::optional<uint64_t>
read_item(std::string_view text, const field_rule& rule) {
  auto step = 1U;
  auto slash = text.find('/');
  if (slash != std::string_view::npos) {
    auto given = number(text.substr(slash + 1));
    if (!given || *given == 0 || *given > rule.max)
      return std::nullopt;
    step = *given;
    text = text.substr(0, slash);
  }
  std::optional from{rule.min};
  std::optional to{rule.max};
  if (auto dash = text.find('-'); dash != std::string_view::npos) {
    from = value_of(text.substr(0, dash), rule);
    to = value_of(text.substr(dash + 1), rule);
    // A week may be said to end with Sunday.
    if (to == 0U && rule.max == 7)
      to = 7U;
  } else if (text != "*") {
    from = value_of(text, rule);
    if (slash == std::string_view::npos)
      to = from;
  }
  if (!from || !to || *from > *to)
    return std::nullopt;
  uint64_t result = 0;
  for (auto i = *from; i <= *to; i += step)
    result |= uint64_t{1} << i;
  return result;
}

std::optional<uint64_t>
read_field(std::string_view text, const field_rule& rule) {
  uint64_t result = 0;
  for (;;) {
    auto comma = text.find(',');
    auto item = read_item(text.substr(0, comma), rule);
    if (!item)
      return std::nullopt;
    result |= *item;
    if (comma == std::string_view::npos)
      return result;
    text.remove_prefix(comma + 1);
  }
}

std::vector<std::string_view> words_of(std::string_view text) {
  constexpr std::string_view blanks = " \t";
  std::vector<std::string_view> result;
  for (;;) {
    auto begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos)
      return result;
    text.remove_prefix(begin);
    result.push_back(text.substr(0, text.find_first_of(blanks)));
    text.remove_prefix(result.back().size());
  }
}

/// Whether a month that `x` names has a day that it names.
bool ever_comes(const cron_fields& x) {
  // A weekday comes in every month.
  if (!x.any_day && !x.any_weekday)
    return true;
  for (unsigned month = 1; month <= 12; ++month)
    if ((x.months >> month & 1) != 0)
      for (unsigned day = 1; day <= month_days[month - 1]; ++day)
        if ((x.days >> day & 1) != 0)
          return true;
  return false;
}

} // namespace

expected<cron_fields, std::string> read_cron(std::string_view text) {
  auto words = words_of(text);
  if (words.size() == 1 && words[0].starts_with('@')) {
    auto at = std::find_if(
      short_forms.begin(), short_forms.end(),
      [&](const short_form& x) { return same_letters(x.name, words[0]); });
    if (at == short_forms.end())
      return make_unexpected("must be five fields, or one of @hourly, @daily, "
                             "@weekly, @monthly and @yearly");
    words = words_of(at->fields);
  }
  std::array<uint64_t, rules.size()> sets{};
  for (size_t i = 0; i < std::min(words.size(), rules.size()); ++i) {
    auto& rule = rules[i];
    auto set = read_field(words[i], rule);
    if (!set && words.size() == rules.size())
      return make_unexpected(
        "has a wrong " + std::string{rule.name} + ": write values from "
        + std::to_string(rule.min) + " to " + std::to_string(rule.max)
        + ", as in \"*\", \"5\", \"1-5\", \"1,3\" or \"*/5\"");
    sets[i] = set.value_or(0);
  }
  if (words.size() != rules.size())
    return make_unexpected(
      "must have five fields (minute, hour, day of month, month, day of week), "
      "such as \"*/5 * * * *\"; this has "
      + std::to_string(words.size()));
  cron_fields result;
  result.minutes = sets[0];
  result.hours = static_cast<uint32_t>(sets[1]);
  result.days = static_cast<uint32_t>(sets[2]);
  result.months = static_cast<uint32_t>(sets[3]);
  result.weekdays = static_cast<uint32_t>((sets[4] | sets[4] >> 7) & 0x7f);
  result.any_day = words[2].starts_with('*');
  result.any_weekday = words[4].starts_with('*');
  result.as_time_passes
    = words[0].starts_with('*') || words[1].starts_with('*');
  if (!ever_comes(result))
    return make_unexpected(
      "never comes: no month that it names has a day that it names");
  return result;
}

} // namespace troupe
