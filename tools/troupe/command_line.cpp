#include "tools/troupe/command_line.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <deque>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <fmt/format.h>

#include "tools/troupe/exit_code.hpp"
#include "tools/troupe/table.hpp"

namespace troupe::tools {

namespace {

std::vector<std::string> split_names(const std::string& names) {
  std::vector<std::string> result;
  size_t from = 0;
  while (from <= names.size()) {
    auto to = std::min(names.find(',', from), names.size());
    result.push_back(names.substr(from, to - from));
    from = to + 1;
  }
  return result;
}

/// `-o, --output FORMAT`
std::string left_column(const std::string& names, const std::string& value) {
  std::string result;
  for (auto& name : split_names(names))
    result += (result.empty() ? "" : ", ") + name;
  if (result.starts_with("--"))
    result = "    " + result;
  return value.empty() ? result : result + ' ' + value;
}

/// Lines of `left  right`, aligned.
std::string
two_columns(const std::vector<std::pair<std::string, std::string>>& rows) {
  constexpr size_t left_max = 30;
  size_t width = 0;
  for (auto& [left, right] : rows)
    if (left.size() <= left_max)
      width = std::max(width, left.size());
  std::string result;
  for (auto& [left, right] : rows) {
    if (left.size() > width)
      result += fmt::format("  {}\n  {:<{}}  {}\n", left, "", width, right);
    else
      result += fmt::format("  {:<{}}  {}\n", left, width, right);
  }
  return result;
}

/// Edits from `x` to `y`, where two letters that changed places are one.
/// Source: optimal string alignment, after Damerau 1964.
size_t edits(std::string_view x, std::string_view y) {
  std::vector<std::vector<size_t>> rows; // [letters of x][letters of y]
  for (size_t i = 0; i <= x.size(); ++i) {
    rows.emplace_back(y.size() + 1, i);
    for (size_t j = 0; j <= y.size(); ++j) {
      auto& here = rows[i][j];
      if (i == 0 || j == 0) {
        here = i + j;
        continue;
      }
      here = std::min({rows[i - 1][j - 1] + (x[i - 1] == y[j - 1] ? 0u : 1u),
                       rows[i - 1][j] + 1, rows[i][j - 1] + 1});
      if (i > 1 && j > 1 && x[i - 1] == y[j - 2] && x[i - 2] == y[j - 1])
        here = std::min(here, rows[i - 2][j - 2] + 1);
    }
  }
  return rows.back().back();
}

} // namespace

int finish(const ending& x) {
  std::fputs(x.out.c_str(), stdout);
  std::fputs(x.err.c_str(), stderr);
  return x.code;
}

int report(const failure& x) {
  fmt::print(stderr, "troupe: {}\n", x.text);
  return x.code;
}

std::optional<std::string>
nearest_word(std::string_view given, std::span<const std::string> known) {
  std::optional<std::string> result;
  // Two letters of a long word, one of a short one: more is another word.
  auto best = std::max<size_t>(given.size() / 3, 1) + 1;
  for (auto& word : known) {
    auto distance = edits(given, word);
    auto begins = given.size() >= 3 && word.starts_with(given);
    if (begins)
      distance = std::min<size_t>(distance, 1);
    if (distance < best) {
      best = distance;
      result = word;
    }
  }
  return result;
}

std::optional<std::pair<std::string, std::string>>
split_pair(std::string_view text) {
  auto at = text.find('=');
  if (at == 0 || at == std::string_view::npos)
    return std::nullopt;
  return std::pair{std::string{text.substr(0, at)},
                   std::string{text.substr(at + 1)}};
}

// -- declaring -----------------------------------------------------------------

command_line::command_line(std::string_view verb, std::string_view summary)
  : verb_{verb}, summary_{summary} {}

void command_line::flag(std::string_view names, bool& to,
                        std::string_view help) {
  options_.push_back({std::string{names}, "", std::string{help}, false,
                      [&to](const std::string&) {
                        to = true;
                        return std::string{};
                      }});
}

void command_line::option(std::string_view names, std::string_view value,
                          std::string& to, std::string_view help) {
  options_.push_back({std::string{names}, std::string{value}, std::string{help},
                      false, [&to](const std::string& x) {
                        to = x;
                        return std::string{};
                      }});
}

void command_line::option(std::string_view names, std::string_view value,
                          std::optional<std::string>& to,
                          std::string_view help) {
  options_.push_back({std::string{names}, std::string{value}, std::string{help},
                      false, [&to](const std::string& x) {
                        to = x;
                        return std::string{};
                      }});
}

void command_line::option(std::string_view names, std::string_view value,
                          std::vector<std::string>& to, std::string_view help) {
  options_.push_back({std::string{names}, std::string{value}, std::string{help},
                      true, [&to](const std::string& x) {
                        to.push_back(x);
                        return std::string{};
                      }});
}

void command_line::option(std::string_view names, std::string_view value,
                          std::optional<uint64_t>& to, std::string_view help) {
  auto take = [&to](const std::string& x) -> std::string {
    uint64_t number = 0;
    auto end = x.data() + x.size();
    auto [at, error] = std::from_chars(x.data(), end, number);
    if (error != std::errc{} || at != end || x.empty())
      return "must be a whole number from 0, not \"" + inert(x) + '"';
    to = number;
    return {};
  };
  options_.push_back({std::string{names}, std::string{value}, std::string{help},
                      false, std::move(take)});
}

void command_line::choice(std::string_view names,
                          std::span<const std::string_view> words,
                          std::string& to, std::string_view help) {
  std::vector<std::string> known{words.begin(), words.end()};
  auto all = fmt::format("{}", fmt::join(known, "|"));
  auto take = [&to, known](const std::string& x) -> std::string {
    if (std::find(known.begin(), known.end(), x) == known.end())
      return fmt::format("must be one of {}, not \"{}\"",
                         fmt::join(known, ", "), inert(x));
    to = x;
    return {};
  };
  options_.push_back({std::string{names}, std::move(all), std::string{help},
                      false, std::move(take)});
}

void command_line::word(std::string_view name, std::string& to,
                        std::string_view help) {
  words_.push_back({std::string{name}, std::string{help}, 1, false,
                    [&to](const std::string& x) { to = x; }});
}

void command_line::optional_word(std::string_view name, std::string& to,
                                 std::string_view help) {
  words_.push_back({std::string{name}, std::string{help}, 0, false,
                    [&to](const std::string& x) { to = x; }});
}

void command_line::words(std::string_view name, size_t min,
                         std::vector<std::string>& to, std::string_view help) {
  words_.push_back({std::string{name}, std::string{help}, min, true,
                    [&to](const std::string& x) { to.push_back(x); }});
}

void command_line::rest(std::string_view name, std::vector<std::string>& to,
                        std::string_view help) {
  rest_name_ = name;
  rest_help_ = help;
  rest_ = &to;
}

void command_line::example(std::string_view command, std::string_view meaning) {
  examples_.emplace_back(command, meaning);
}

// -- telling -------------------------------------------------------------------

std::string command_line::usage() const {
  auto result = "troupe " + verb_;
  if (!options_.empty())
    result += " [OPTION]...";
  for (auto& [name, help, min, many, take] : words_)
    result += (min == 0 ? " [" + name + "]" : ' ' + name) + (many ? "..." : "");
  if (rest_ != nullptr)
    result += " [-- " + rest_name_ + ']';
  return result;
}

std::string command_line::help() const {
  auto result = fmt::format("{}.\n\nUsage: {}\n", summary_, usage());
  std::vector<std::pair<std::string, std::string>> rows;
  for (auto& [name, text, min, many, take] : words_)
    rows.emplace_back(name, text);
  if (rest_ != nullptr)
    rows.emplace_back("-- " + rest_name_, rest_help_);
  if (!rows.empty())
    result += '\n' + two_columns(rows);
  rows.clear();
  for (auto& x : options_)
    rows.emplace_back(left_column(x.names, x.value), x.help);
  rows.emplace_back("-h, --help", "show this");
  result += "\nOptions:\n" + two_columns(rows);
  if (!examples_.empty())
    result += examples_.size() == 1 ? "\nExample:\n" : "\nExamples:\n";
  for (auto& [command, meaning] : examples_)
    result += fmt::format("  {}\n      {}\n", command, meaning);
  return result;
}

ending command_line::wrong(std::string_view sentence) const {
  return {exit_code::bad_input, "",
          fmt::format("troupe {}: {}\nSee `troupe {} --help`.\n", verb_,
                      sentence, verb_)};
}

ending command_line::unknown(const std::string& given) const {
  auto name = given.substr(0, given.find('='));
  std::vector<std::string> known{"--help"};
  for (auto& x : options_)
    for (auto& y : split_names(x.names))
      if (y.starts_with("--"))
        known.push_back(y);
  auto sentence = fmt::format("unknown option {}", inert(name));
  if (auto near = nearest_word(name, known))
    sentence += "; did you mean " + *near + '?';
  return wrong(sentence);
}

// -- parsing -------------------------------------------------------------------

std::optional<ending>
command_line::take_words(const std::vector<std::string>& given) const {
  size_t next = 0;
  for (auto& x : words_) {
    auto left = given.size() - next;
    if (left < x.min)
      return wrong(fmt::format("{} is missing", x.name));
    auto count = x.many ? left : std::min<size_t>(left, 1);
    for (size_t i = 0; i < count; ++i)
      x.take(given[next++]);
  }
  if (next < given.size())
    return wrong(fmt::format("\"{}\" is one word too many", //
                             inert(given[next])));
  return std::nullopt;
}

std::optional<ending> command_line::parse(int argc, char** argv) {
  return parse(std::vector<std::string>{argv + std::min(argc, 1), argv + argc});
}

std::optional<ending> command_line::parse(std::vector<std::string> arguments) {
  auto dashes = std::find(arguments.begin(), arguments.end(), "--");
  if (dashes != arguments.end()) {
    if (rest_ == nullptr)
      return wrong("takes no command after --");
    rest_->assign(dashes + 1, arguments.end());
    arguments.erase(dashes, arguments.end());
  }
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  bool wants_help = false;
  app.add_flag("-h,--help", wants_help);
  std::vector<std::string> given;
  app.add_option("words", given);
  std::deque<std::vector<std::string>> values; // Same order as `options_`.
  std::deque<bool> flags;                      // Same order as `options_`.
  for (auto& x : options_) {
    auto& value = values.emplace_back();
    auto& flag = flags.emplace_back(false);
    if (x.value.empty())
      app.add_flag(x.names, flag);
    else
      app.add_option(x.names, value)->allow_extra_args(false);
  }
  try {
    // It takes them from the back.
    std::reverse(arguments.begin(), arguments.end());
    app.parse(std::move(arguments));
  } catch (const CLI::ParseError& error) {
    std::string text = error.what();
    if (auto at = text.find(": 1 required"); at != std::string::npos)
      text = text.substr(0, at) + " needs a value";
    return wrong(inert(text));
  }
  if (wants_help)
    return ending{exit_code::done, help()};
  if (auto extra = app.remaining(); !extra.empty())
    return unknown(extra.front());
  for (size_t i = 0; i < options_.size(); ++i) {
    if (flags[i])
      (void)options_[i].take("");
    for (auto& value : values[i])
      if (auto error = options_[i].take(value); !error.empty())
        return wrong(split_names(options_[i].names).back() + ' ' + error);
  }
  return take_words(given);
}

} // namespace troupe::tools
