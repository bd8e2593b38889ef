#include "tools/troupe/table.hpp"

#include <algorithm>

#include <fmt/format.h>

#include "messages/contract.hpp"

namespace troupe::tools {

namespace {

struct decoded {
  char32_t point = 0;
  size_t size = 0; // 0: not UTF-8.
};

/// The character at the front. Source: RFC 3629, sec. 4.
decoded decode(std::string_view text) {
  auto byte = [&](size_t i) -> char32_t {
    return i < text.size() ? static_cast<uint8_t>(text[i]) : 0u;
  };
  auto lead = byte(0);
  if (lead < 0x80)
    return {lead, 1};
  size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4)
    return {};
  char32_t point = lead & (0x7fu >> size);
  for (size_t i = 1; i < size; ++i) {
    if ((byte(i) & 0xc0) != 0x80)
      return {};
    point = point << 6 | (byte(i) & 0x3f);
  }
  constexpr char32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (point < least[size] || point > 0x10ffff
      || (point >= 0xd800 && point <= 0xdfff))
    return {};
  return {point, size};
}

/// Whether a terminal shows something else than a character for it.
bool is_obeyed(char32_t x) {
  return x < 0x20 || (x >= 0x7f && x < 0xa0) || (x >= 0x200b && x <= 0x200f)
         || (x >= 0x2028 && x <= 0x202e) || (x >= 0x2060 && x <= 0x2069)
         || x == 0xfeff || x == 0x061c;
}

std::string escaped(char32_t x) {
  if (x == '\n')
    return "\\n";
  if (x == '\t')
    return "\\t";
  if (x == '\r')
    return "\\r";
  return x < 0x100 ? fmt::format("\\x{:02x}", static_cast<uint32_t>(x))
                   : fmt::format("\\u{:04x}", static_cast<uint32_t>(x));
}

/// Size of the colour sequence (ECMA-48, SGR) at the front, or 0.
size_t colour_size(std::string_view text) {
  if (!text.starts_with("\x1b["))
    return 0;
  auto end = text.find_first_not_of("0123456789;", 2);
  return end != std::string_view::npos && text[end] == 'm' ? end + 1 : 0;
}

bool is_wide(char32_t x) {
  return (x >= 0x1100 && x <= 0x115f) || (x >= 0x2e80 && x <= 0xa4cf)
         || (x >= 0xac00 && x <= 0xd7a3) || (x >= 0xf900 && x <= 0xfaff)
         || (x >= 0xfe30 && x <= 0xfe6f) || (x >= 0xff00 && x <= 0xff60)
         || (x >= 0x1f300 && x <= 0x1faff) || (x >= 0x20000 && x <= 0x3fffd);
}

size_t columns_of(char32_t x) {
  if (x >= 0x300 && x <= 0x36f) // Combining marks.
    return 0;
  return is_wide(x) ? 2 : 1;
}

std::string cut(const std::string& text, size_t width) {
  if (width_of(text) <= width)
    return text;
  std::string result;
  size_t used = 0;
  for (std::string_view rest = text; !rest.empty();) {
    auto x = decode(rest);
    if (used + columns_of(x.point) + 1 > width)
      break;
    used += columns_of(x.point);
    result += rest.substr(0, std::max<size_t>(x.size, 1));
    rest.remove_prefix(std::max<size_t>(x.size, 1));
  }
  return result + "…";
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

} // namespace

std::string inert(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    auto x = decode(text);
    if (x.size == 0)
      result += escaped(static_cast<uint8_t>(text.front()));
    else if (is_obeyed(x.point))
      result += escaped(x.point);
    else
      result += text.substr(0, x.size);
    text.remove_prefix(std::max<size_t>(x.size, 1));
  }
  return result;
}

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
    auto next = std::max<size_t>(decode(text).size, 1);
    result += inert(text.substr(0, next));
    text.remove_prefix(next);
  }
  return result;
}

size_t width_of(std::string_view text) {
  size_t result = 0;
  while (!text.empty()) {
    auto x = decode(text);
    result += columns_of(x.point);
    text.remove_prefix(std::max<size_t>(x.size, 1));
  }
  return result;
}

std::string painted(std::string_view text, tone t, look l) {
  auto code = code_of(t);
  if (!l.colour || code.empty() || text.empty())
    return std::string{text};
  return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
}

table::table(std::vector<std::string> titles) {
  for (auto& title : titles) {
    right_.push_back(title.starts_with('>'));
    titles_.emplace_back(right_.back() ? title.substr(1) : title, tone::strong);
  }
}

void table::row(std::vector<cell> cells) {
  TROUPE_ASSERT(cells.size() == titles_.size());
  for (auto& x : cells) {
    x.text = inert(x.text);
    if (x.text.empty())
      x = {"-", tone::faint};
  }
  rows_.push_back(std::move(cells));
}

std::string table::render(look l) const {
  constexpr size_t gap = 3;
  constexpr size_t last_min = 12;
  std::vector<size_t> widths;
  for (size_t i = 0; i < titles_.size(); ++i) {
    widths.push_back(width_of(titles_[i].text));
    for (auto& row : rows_)
      widths[i] = std::max(widths[i], width_of(row[i].text));
  }
  size_t before_last = 0;
  for (size_t i = 0; i + 1 < widths.size(); ++i)
    before_last += widths[i] + gap;
  size_t last_max = SIZE_MAX;
  if (l.width != 0 && !l.wide)
    last_max = std::max(l.width, before_last + last_min) - before_last;

  std::string result;
  auto add = [&](const std::vector<cell>& row) {
    for (size_t i = 0; i < row.size(); ++i) {
      auto last = i + 1 == row.size();
      auto text = last ? cut(row[i].text, last_max) : row[i].text;
      auto missing = widths[i] - std::min(widths[i], width_of(text));
      std::string pad(missing, ' ');
      if (right_[i])
        result += pad;
      result += painted(text, row[i].t, l);
      if (!last)
        result += (right_[i] ? "" : pad) + std::string(gap, ' ');
    }
    result += '\n';
  };
  add(titles_);
  for (auto& row : rows_)
    add(row);
  return result;
}

std::string
key_lines(const std::vector<std::pair<std::string, cell>>& lines, look l) {
  size_t width = 0;
  for (auto& [key, value] : lines)
    if (!value.text.empty())
      width = std::max(width, key.size());
  std::string result;
  for (auto& [key, value] : lines)
    if (!value.text.empty())
      result += fmt::format("{:<{}}  {}\n", key + ':', width + 1,
                            painted(inert(value.text), value.t, l));
  return result;
}

} // namespace troupe::tools
