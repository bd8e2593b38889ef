#include "tools/troupe/console/grid.hpp"

#include <algorithm>

#include "messages/contract.hpp"

#include "tools/troupe/table.hpp"

namespace troupe::tools::console {

namespace {

/// Reads the colour sequence at the front of `text`, which is taken off. Answers
/// false if there is none.
bool take_colour(std::string_view& text, tone& t) {
  if (!text.starts_with("\x1b["))
    return false;
  auto end = text.find_first_not_of("0123456789;", 2);
  if (end == std::string_view::npos || text[end] != 'm')
    return false;
  auto codes = text.substr(2, end - 2);
  text.remove_prefix(end + 1);
  // The last of several; those that are not ours are plain.
  auto code = codes.substr(codes.rfind(';') + 1);
  if (code == "31" || code == "91")
    t = tone::bad;
  else if (code == "32" || code == "92")
    t = tone::good;
  else if (code == "33" || code == "93")
    t = tone::waiting;
  else if (code == "1")
    t = tone::strong;
  else if (code == "2")
    t = tone::faint;
  else
    t = tone::plain;
  return true;
}

constexpr size_t tab_width = 8;

} // namespace

grid::grid(size_t width, size_t height)
  : width_{width}, height_{height}, cells_(width * height) {}

const grid::cell& grid::at(size_t row, size_t column) const {
  TROUPE_ASSERT(row < height_);
  TROUPE_ASSERT(column < width_);
  return cells_[row * width_ + column];
}

size_t grid::put(size_t row, size_t column, std::string_view text, paint look,
                 size_t end) {
  if (row >= height_)
    return column;
  end = std::min(end, width_);
  auto clean = inert(text);
  std::string_view rest{clean};
  while (!rest.empty()) {
    auto next = first_glyph(rest);
    rest.remove_prefix(next.text.size());
    // A mark at the front of a text stands on nothing.
    if (next.width == 0)
      continue;
    if (column + next.width > end)
      break;
    clear(row, column);
    if (next.width == 2)
      clear(row, column + 1);
    cell_at(row, column) = {std::string{next.text}, look};
    if (next.width == 2)
      cell_at(row, column + 1) = {"", look};
    column += next.width;
  }
  return column;
}

void grid::put_coloured(size_t row, std::string_view text, size_t skipped) {
  if (row >= height_)
    return;
  size_t at = 0; // Column of the text, not of the screen.
  auto t = tone::plain;
  while (!text.empty()) {
    if (take_colour(text, t))
      continue;
    if (text.front() == '\t') {
      text.remove_prefix(1);
      at += tab_width - at % tab_width;
      continue;
    }
    // Up to what is not for `put` to see.
    auto size = std::min(text.find_first_of("\x1b\t", 1), text.size());
    auto clean = inert(text.substr(0, size));
    text.remove_prefix(size);
    std::string_view rest{clean};
    while (!rest.empty()) {
      auto next = first_glyph(rest);
      rest.remove_prefix(next.text.size());
      if (at >= skipped)
        put(row, at - skipped, next.text, {t});
      at += next.width;
    }
    if (at >= skipped + width_)
      return;
  }
}

void grid::clear(size_t row, size_t column) {
  // Half of a wide character is none.
  if (cell_at(row, column).glyph.empty())
    cell_at(row, column - 1).glyph = " ";
  if (column + 1 < width_ && cell_at(row, column + 1).glyph.empty())
    cell_at(row, column + 1).glyph = " ";
  cell_at(row, column).glyph = " ";
}

void grid::look_like(size_t row, paint look) {
  for (size_t i = 0; row < height_ && i < width_; ++i)
    cell_at(row, i).look = look;
}

std::string grid::line(size_t row) const {
  std::string result;
  for (size_t i = 0; i < width_; ++i)
    result += at(row, i).glyph;
  result.erase(result.find_last_not_of(' ') + 1);
  return result;
}

} // namespace troupe::tools::console
