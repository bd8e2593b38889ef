#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tools/troupe/table.hpp"

namespace troupe::tools {

/// Output of tasks as it may go to a terminal: line breaks, tabs and colours
/// stay, all else is `inert`.
[[nodiscard]] std::string inert_output(std::string_view text);

/// What a text means, for its colour.
enum class tone : uint8_t { plain, good, waiting, bad, faint, strong };

/// Where a text is shown.
struct look {
  bool colour = false;
  /// Of the terminal, in columns; 0 if there is no end.
  size_t width = 0;
  /// Everything there is to know, not only what fits.
  bool wide = false;
};

[[nodiscard]] std::string painted(std::string_view text, tone t, look l);

struct cell {
  std::string text;
  tone t = tone::plain;
  cell(std::string x, tone y = tone::plain) : text{std::move(x)}, t{y} {}
  cell(const char* x, tone y = tone::plain) : text{x}, t{y} {}
};

/// A table whose cells have tones. Empty cells are shown as a dash.
class sheet {
public:
  /// A title that begins with `>` stands for numbers, which stand right.
  explicit sheet(const std::vector<std::string>& titles);

  /// REQUIRES: as many cells as titles.
  void row(const std::vector<cell>& cells);

  [[nodiscard]] bool empty() const { return table_.rows() == 0; }

  /// As wide as the terminal at most, unless `l.wide`.
  [[nodiscard]] std::string render(look l) const;

private:
  table table_;
  std::vector<std::vector<tone>> tones_; // [row][column], without titles
};

/// `text` in lines of at most `width` columns, broken at blanks where there are
/// some; as one line if `width` is 0. REQUIRES: `text` is inert.
[[nodiscard]] std::vector<std::string>
wrapped(std::string_view text, size_t width);

/// Lines of `Key:  value`, aligned. Those with an empty value are left out; long
/// ones go on below, as wide as the terminal.
[[nodiscard]] std::string
key_lines(const std::vector<std::pair<std::string, cell>>& lines, look l);

} // namespace troupe::tools
