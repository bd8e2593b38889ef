#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/troupe/look.hpp"

namespace troupe::tools::console {

/// How a cell of the screen looks.
struct paint {
  tone t = tone::plain;
  /// In reverse: what is selected, and bars.
  bool chosen = false;
  bool operator==(const paint&) const = default;
};

/// The screen as cells, before any terminal sees it. Whatever is put there is
/// made inert, and what does not fit is left out.
class grid {
public:
  struct cell {
    /// A character with its marks. Empty: the right half of the one before.
    std::string glyph = " ";
    paint look{};
  };

  grid(size_t width, size_t height);

  [[nodiscard]] size_t width() const { return width_; }
  [[nodiscard]] size_t height() const { return height_; }
  /// REQUIRES: row < height(), column < width().
  [[nodiscard]] const cell& at(size_t row, size_t column) const;

  /// Puts `text` at `column` and on, not beyond `end`. Answers where it stopped.
  size_t put(size_t row, size_t column, std::string_view text, paint look = {},
             size_t end = SIZE_MAX);

  /// The same for text with colours, as `painted` and `inert_output` leave them.
  /// The first `skipped` columns are left out.
  void put_coloured(size_t row, std::string_view text, size_t skipped = 0);

  /// Lets a whole row look like this.
  void look_like(size_t row, paint look);

  /// The text of a row without blanks at its end.
  [[nodiscard]] std::string line(size_t row) const;

private:
  cell& cell_at(size_t row, size_t column) {
    return cells_[row * width_ + column];
  }

  void clear(size_t row, size_t column);

  size_t width_;
  size_t height_;
  std::vector<cell> cells_; // [row * width + column]
};

} // namespace troupe::tools::console
