#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::tools {

/// Columns that `text` takes on a terminal: 0 for combining marks, 2 for wide
/// characters. REQUIRES: `text` is inert.
[[nodiscard]] size_t display_width(std::string_view text);

/// `text` as valid UTF-8 with nothing that a terminal obeys: control characters
/// become `\n`, `\x1b` and the like, what turns the direction of writing or is
/// invisible becomes `\u202e` and the like, invalid bytes become U+FFFD.
[[nodiscard]] std::string inert(std::string_view text);

/// The front of `text` in at most `width` columns, ending in an ellipsis if it
/// is cut. Marks stay with their character. REQUIRES: `text` is inert.
[[nodiscard]] std::string cut(std::string_view text, size_t width);

/// A character with the marks that stand on it.
struct glyph {
  std::string_view text;
  /// Columns: 0, 1 or 2. Never 0 except at the front of a text.
  size_t width = 0;
};

/// The one at the front of `text`. REQUIRES: `text` is inert and not empty.
[[nodiscard]] glyph first_glyph(std::string_view text);

enum class side : uint8_t { left, right };

struct column {
  std::string title;
  side aligned = side::left;
};

using painter = std::function<std::string(size_t row, size_t column,
                                          const std::string& text)>;

/// Text in aligned columns, two blanks apart, one line a row. Whatever cells hold, they cannot move the cursor or break a line.
class table {
public:
  explicit table(std::vector<column> columns);

  /// REQUIRES: as many cells as columns.
  void add(std::vector<std::string> cells);

  [[nodiscard]] size_t rows() const { return rows_.size(); }

  /// Titles and rows, each line ended by a line feed and without blanks at its
  /// end. If `width` is not 0, lines are at most that wide: the widest columns
  /// are cut first, none below `column_width_min` until the line itself is.
  /// `paint`, if there is one, is given each text as it will stand there, with
  /// its row (0 for titles) and column, and answers it with colours.
  [[nodiscard]] std::string
  render(size_t width = 0, const painter& paint = {}) const;

  static constexpr size_t column_width_min = 8;

private:
  using cells = std::vector<std::string>;

  [[nodiscard]] std::vector<size_t> widths(size_t width_max) const;
  void append_line(
    std::string& to, const cells& row, const std::vector<size_t>& widths,
    size_t width_max,
    const std::function<std::string(size_t column, const std::string& text)>&
      paint) const;

  std::vector<side> sides_; // [column]
  cells titles_;            // [column]
  std::vector<cells> rows_; // [row][column], inert
};

} // namespace troupe::tools
