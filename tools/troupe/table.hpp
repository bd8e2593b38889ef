#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace troupe::tools {

/// `text` with everything that a terminal could obey made visible: control
/// characters, broken UTF-8, and marks that turn the direction of writing.
[[nodiscard]] std::string inert(std::string_view text);

/// The same for output of tasks: line breaks, tabs and colours stay.
[[nodiscard]] std::string inert_output(std::string_view text);

/// Columns that `text` takes, if it is inert.
[[nodiscard]] size_t width_of(std::string_view text);

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

/// Rows under a head, aligned. Texts are made inert; numbers stand right. What
/// does not fit the terminal is cut in the last column, unless `wide`.
class table {
public:
  /// A title that begins with `>` stands for numbers.
  explicit table(std::vector<std::string> titles);

  /// REQUIRES: as many cells as titles.
  void row(std::vector<cell> cells);

  [[nodiscard]] bool empty() const { return rows_.empty(); }

  [[nodiscard]] std::string render(look l) const;

private:
  std::vector<cell> titles_;
  std::vector<bool> right_; // Same order as `titles_`.
  std::vector<std::vector<cell>> rows_;
};

/// Lines of `Key:  value`, aligned. Those with an empty value are left out.
[[nodiscard]] std::string
key_lines(const std::vector<std::pair<std::string, cell>>& lines, look l);

} // namespace troupe::tools
