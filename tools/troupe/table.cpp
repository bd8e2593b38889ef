#include "tools/troupe/table.hpp"

#include <algorithm>
#include <iterator>
#include <span>

#include "messages/contract.hpp"

namespace troupe::tools {

namespace {

constexpr size_t gap = 2;
constexpr std::string_view ellipsis = "\xe2\x80\xa6"; // One column.
constexpr std::string_view replacement = "\xef\xbf\xbd";

struct code_range {
  uint32_t first;
  uint32_t last;
};

// Marks that stand on the character before them, and joiners. Sorted.
// Source: Unicode 15, general categories Mn and Me, the common scripts.
constexpr code_range zero_width[] = {
  {0x0300, 0x036f}, {0x0483, 0x0489}, {0x0591, 0x05bd},   {0x05bf, 0x05bf},
  {0x05c1, 0x05c2}, {0x05c4, 0x05c5}, {0x0610, 0x061a},   {0x064b, 0x065f},
  {0x0670, 0x0670}, {0x06d6, 0x06dc}, {0x06df, 0x06e4},   {0x0900, 0x0902},
  {0x093c, 0x093c}, {0x0941, 0x0948}, {0x094d, 0x094d},   {0x0e31, 0x0e31},
  {0x0e34, 0x0e3a}, {0x0e47, 0x0e4e}, {0x1ab0, 0x1aff},   {0x1dc0, 0x1dff},
  {0x200c, 0x200d}, {0x20d0, 0x20f0}, {0x302a, 0x302d},   {0x3099, 0x309a},
  {0xfe00, 0xfe0f}, {0xfe20, 0xfe2f}, {0xe0100, 0xe01ef},
};

// Sorted. Source: Unicode 15, EastAsianWidth W and F.
constexpr code_range double_width[] = {
  {0x1100, 0x115f},   {0x231a, 0x231b},   {0x2329, 0x232a},
  {0x23e9, 0x23ec},   {0x23f0, 0x23f0},   {0x23f3, 0x23f3},
  {0x25fd, 0x25fe},   {0x2614, 0x2615},   {0x2648, 0x2653},
  {0x267f, 0x267f},   {0x2693, 0x2693},   {0x26a1, 0x26a1},
  {0x26aa, 0x26ab},   {0x26bd, 0x26be},   {0x26c4, 0x26c5},
  {0x26ce, 0x26ce},   {0x26d4, 0x26d4},   {0x26ea, 0x26ea},
  {0x26f2, 0x26f3},   {0x26f5, 0x26f5},   {0x26fa, 0x26fa},
  {0x26fd, 0x26fd},   {0x2705, 0x2705},   {0x270a, 0x270b},
  {0x2728, 0x2728},   {0x274c, 0x274c},   {0x274e, 0x274e},
  {0x2753, 0x2755},   {0x2757, 0x2757},   {0x2795, 0x2797},
  {0x27b0, 0x27b0},   {0x27bf, 0x27bf},   {0x2b1b, 0x2b1c},
  {0x2b50, 0x2b50},   {0x2b55, 0x2b55},   {0x2e80, 0x303e},
  {0x3041, 0x33ff},   {0x3400, 0x4dbf},   {0x4e00, 0xa4cf},
  {0xa960, 0xa97c},   {0xac00, 0xd7a3},   {0xf900, 0xfaff},
  {0xfe10, 0xfe19},   {0xfe30, 0xfe6b},   {0xff01, 0xff60},
  {0xffe0, 0xffe6},   {0x16fe0, 0x18aff}, {0x1b000, 0x1b2ff},
  {0x1f004, 0x1f004}, {0x1f0cf, 0x1f0cf}, {0x1f18e, 0x1f18e},
  {0x1f191, 0x1f19a}, {0x1f200, 0x1f320}, {0x1f32d, 0x1f335},
  {0x1f337, 0x1f37c}, {0x1f37e, 0x1f393}, {0x1f3a0, 0x1f3ca},
  {0x1f3cf, 0x1f3d3}, {0x1f3e0, 0x1f3f0}, {0x1f3f4, 0x1f3f4},
  {0x1f3f8, 0x1f43e}, {0x1f440, 0x1f440}, {0x1f442, 0x1f4fc},
  {0x1f4ff, 0x1f53d}, {0x1f54b, 0x1f567}, {0x1f57a, 0x1f57a},
  {0x1f595, 0x1f596}, {0x1f5a4, 0x1f5a4}, {0x1f5fb, 0x1f64f},
  {0x1f680, 0x1f6c5}, {0x1f6cc, 0x1f6cc}, {0x1f6d0, 0x1f6d2},
  {0x1f6d5, 0x1f6d7}, {0x1f6dc, 0x1f6df}, {0x1f6eb, 0x1f6ec},
  {0x1f6f4, 0x1f6fc}, {0x1f7e0, 0x1f7eb}, {0x1f7f0, 0x1f7f0},
  {0x1f90c, 0x1f9ff}, {0x1fa70, 0x1faff}, {0x20000, 0x3fffd},
};

bool is_in(std::span<const code_range> ranges, uint32_t code) {
  auto at = std::lower_bound(
    ranges.begin(), ranges.end(), code,
    [](const code_range& x, uint32_t y) { return x.last < y; });
  return at != ranges.end() && at->first <= code;
}

/// Control characters of both sets.
bool is_control(uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0);
}

/// What nobody sees and yet changes what is read.
bool is_invisible(uint32_t code) {
  return code == 0xad || code == 0x61c || code == 0x180e || code == 0x200b
         || code == 0x200e || code == 0x200f
         || (code >= 0x2028 && code <= 0x202e)
         || (code >= 0x2060 && code <= 0x206f) || code == 0xfeff
         || (code >= 0xfff9 && code <= 0xfffb)
         || (code >= 0xe0000 && code <= 0xe007f);
}

struct character {
  uint32_t code = 0;
  size_t size = 1;
  bool valid = true;
};

/// The character at the front of `text`; one byte that is not valid if it is
/// not UTF-8. Source: RFC 3629, sec. 4.
character first_of(std::string_view text) {
  auto lead = static_cast<uint8_t>(text.front());
  if (lead < 0x80)
    return {lead, 1, true};
  size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size)
    return {lead, 1, false};
  uint32_t code = lead & (0x7fu >> size);
  for (size_t i = 1; i < size; ++i) {
    auto next = static_cast<uint8_t>(text[i]);
    if ((next & 0xc0) != 0x80)
      return {lead, 1, false};
    code = (code << 6) | (next & 0x3fu);
  }
  constexpr uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
  auto surrogate = code >= 0xd800 && code <= 0xdfff;
  if (code < smallest[size] || code > 0x10ffff || surrogate)
    return {lead, 1, false};
  return {code, size, true};
}

size_t width_of(uint32_t code) {
  if (code < 0x300)
    return 1;
  if (is_in(zero_width, code))
    return 0;
  return is_in(double_width, code) ? 2 : 1;
}

std::string escaped(uint32_t code) {
  if (code == '\n')
    return "\\n";
  if (code == '\t')
    return "\\t";
  if (code == '\r')
    return "\\r";
  constexpr std::string_view hex = "0123456789abcdef";
  auto digits = code > 0xffff ? 8 : code > 0xff ? 4 : 2;
  std::string result = digits == 2 ? "\\x" : digits == 4 ? "\\u" : "\\U";
  for (auto shift = 4 * (digits - 1); shift >= 0; shift -= 4)
    result += hex[(code >> shift) & 15];
  return result;
}

} // namespace

size_t display_width(std::string_view text) {
  size_t result = 0;
  while (!text.empty()) {
    auto next = first_of(text);
    result += width_of(next.code);
    text.remove_prefix(next.size);
  }
  return result;
}

std::string inert(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    auto next = first_of(text);
    if (!next.valid)
      result += replacement;
    else if (is_control(next.code) || is_invisible(next.code))
      result += escaped(next.code);
    else
      result += text.substr(0, next.size);
    text.remove_prefix(next.size);
  }
  return result;
}

glyph first_glyph(std::string_view text) {
  auto first = first_of(text);
  auto size = first.size;
  while (size < text.size()) {
    auto next = first_of(text.substr(size));
    if (width_of(next.code) > 0)
      break;
    size += next.size;
  }
  return {text.substr(0, size), width_of(first.code)};
}

std::string cut(std::string_view text, size_t width) {
  if (display_width(text) <= width)
    return std::string{text};
  if (width == 0)
    return {};
  size_t used = 0;
  size_t size = 0;
  while (size < text.size()) {
    auto next = first_of(text.substr(size));
    auto columns = width_of(next.code);
    if (used + columns > width - 1)
      break;
    used += columns;
    size += next.size;
  }
  return std::string{text.substr(0, size)} + std::string{ellipsis};
}

// -- table --------------------------------------------------------------------

table::table(std::vector<column> columns) {
  for (auto& x : columns) {
    sides_.push_back(x.aligned);
    titles_.push_back(inert(x.title));
  }
}

void table::add(std::vector<std::string> row) {
  TROUPE_ASSERT(row.size() == titles_.size());
  for (auto& cell : row)
    cell = inert(cell);
  rows_.push_back(std::move(row));
}

std::vector<size_t> table::widths(size_t width_max) const {
  std::vector<size_t> result;
  for (auto& title : titles_)
    result.push_back(display_width(title));
  for (auto& row : rows_)
    for (size_t i = 0; i < row.size(); ++i)
      result[i] = std::max(result[i], display_width(row[i]));
  if (width_max == 0 || result.empty())
    return result;
  auto total = gap * (result.size() - 1);
  for (auto x : result)
    total += x;
  // A column at a time; the first of the widest, so that two runs agree.
  while (total > width_max) {
    auto widest = std::max_element(result.begin(), result.end());
    if (*widest <= column_width_min)
      break;
    // Down to the next widest at once: cells may be as long as a log line.
    auto next = column_width_min;
    for (auto at = result.begin(); at != result.end(); ++at)
      if (at != widest && *at < *widest)
        next = std::max(next, *at);
    auto step
      = std::max<size_t>(1, std::min(*widest - next, total - width_max));
    if (std::count(result.begin(), result.end(), *widest) > 1)
      step = 1;
    *widest -= step;
    total -= step;
  }
  return result;
}

void table::append_line(
  std::string& to, const cells& row, const std::vector<size_t>& widths,
  size_t width_max,
  const std::function<std::string(size_t, const std::string&)>& paint) const {
  auto total = gap * (widths.size() - std::min<size_t>(widths.size(), 1));
  for (auto x : widths)
    total += x;
  // Where even the narrowest columns are too wide, lines are cut as a whole.
  auto fits = width_max == 0 || total <= width_max;
  std::string line;
  for (size_t i = 0; i < row.size(); ++i) {
    auto cell = cut(row[i], widths[i]);
    auto blanks = std::string(widths[i] - display_width(cell), ' ');
    if (fits && paint)
      cell = paint(i, cell);
    line += i == 0 ? "" : std::string(gap, ' ');
    line += sides_[i] == side::right ? blanks + cell : cell + blanks;
  }
  if (!fits)
    line = cut(line, width_max);
  line.erase(line.find_last_not_of(' ') + 1);
  to += line;
  to += '\n';
}

std::string table::render(size_t width, const painter& paint) const {
  auto each = widths(width);
  std::string result;
  for (size_t i = 0; i <= rows_.size(); ++i)
    append_line(
      result, i == 0 ? titles_ : rows_[i - 1], each, width,
      paint ? [&](size_t column,
                  const std::string& text) { return paint(i, column, text); }
            : std::function<std::string(size_t, const std::string&)>{});
  return result;
}

} // namespace troupe::tools
