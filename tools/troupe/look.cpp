#include "tools/troupe/look.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace troupe::tools {

namespace {

/// Size of the colour sequence (ECMA-48, SGR) at the front, or 0.
size_t colour_size(std::string_view text) {
  if (!text.starts_with("\x1b["))
    return 0;
  auto end = text.find_first_not_of("0123456789;", 2);
  return end != std::string_view::npos && text[end] == 'm' ? end + 1 : 0;
}

std::string code_of(tone t) {
  switch (t) {
  case tone::plain:
    return "";
  case tone::good:
    return "32";
  case tone::waiting:
    return "33";
  case tone::bad:
    return "31";
  case tone::faint:
    return "2";
  case tone::strong:
    return "1";
  }
  return "";
}

std::vector<column> columns_of(const std::vector<std::string>& titles) {
  std::vector<column> result;
  for (auto& title : titles)
    result.push_back(title.starts_with('>')
                       ? column{title.substr(1), side::right}
                       : column{title, side::left});
  return result;
}

} // namespace

std::string inert_output(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    auto size = colour_size(text);
    if (size == 0 && (text.front() == '\n' || text.front() == '\t'))
      size = 1;
    // Progress bars go back to the start of the line; that harms nobody else.
    if (size == 0 && text.front() == '\r')
      size = 1;
    if (size != 0) {
      result += text.substr(0, size);
      text.remove_prefix(size);
      continue;
    }
    // Up to what is kept next; the first byte is not.
    auto next = std::min(text.find_first_of("\x1b\n\t\r", 1), text.size());
    result += inert(text.substr(0, next));
    text.remove_prefix(next);
  }
  return result;
}

std::string painted(std::string_view text, tone t, look l) {
  auto code = code_of(t);
  if (!l.colour || code.empty() || text.empty())
    return std::string{text};
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

sheet::sheet(const std::vector<std::string>& titles)
  : table_{columns_of(titles)} {}

void sheet::row(const std::vector<cell>& cells) {
  std::vector<std::string> texts;
  auto& tones = tones_.emplace_back();
  for (auto& x : cells) {
    texts.push_back(x.text.empty() ? "-" : x.text);
    tones.push_back(x.text.empty() ? tone::faint : x.t);
  }
  table_.add(std::move(texts));
}

std::string sheet::render(look l) const {
  painter paint;
  if (l.colour)
    paint = [&](size_t row, size_t column, const std::string& text) {
      auto t = row == 0 ? tone::strong : tones_[row - 1][column];
      return painted(text, t, l);
    };
  return table_.render(l.wide ? 0 : l.width, paint);
}

std::vector<std::string> wrapped(std::string_view text, size_t width) {
  std::vector<std::string> result;
  while (width > 0 && display_width(text) > width) {
    size_t size = 0;
    size_t used = 0;
    while (size < text.size()) {
      auto next = first_glyph(text.substr(size));
      // One that is wider than the line stands there all the same.
      if (used + next.width > width && size > 0)
        break;
      used += next.width;
      size += next.text.size();
    }
    auto blank = text.rfind(' ', size);
    auto end = blank == std::string_view::npos || blank == 0 ? size : blank;
    result.emplace_back(text.substr(0, end));
    text.remove_prefix(end);
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
  }
  if (!text.empty() || result.empty())
    result.emplace_back(text);
  return result;
}

std::string
key_lines(const std::vector<std::pair<std::string, cell>>& lines, look l) {
  // Narrower than this, breaking lines makes nothing better.
  constexpr size_t value_min = 20;
  size_t width = 0;
  for (auto& [key, value] : lines)
    if (!value.text.empty())
      width = std::max(width, key.size());
  auto left = width + 3; // A colon and two blanks.
  auto room = l.wide || l.width < left + value_min ? 0 : l.width - left;
  std::string result;
  for (auto& [key, value] : lines) {
    if (value.text.empty())
      continue;
    auto title = key + ':';
    for (auto& part : wrapped(inert(value.text), room)) {
      result += fmt::format("{:<{}}  {}\n", title, width + 1,
                            painted(part, value.t, l));
      title.clear();
    }
  }
  return result;
}

} // namespace troupe::tools
