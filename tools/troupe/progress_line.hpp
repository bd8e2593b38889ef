#pragma once

#include <string>

namespace troupe::tools {

/// One line on stderr that is written over and over while something takes long.
/// Silent unless stderr is a terminal.
class progress_line {
public:
  progress_line();

  /// Whether anybody sees it.
  [[nodiscard]] bool is_on() const { return on_; }

  /// Shows `text`, cut to the terminal's width so that it stays one line.
  void show(const std::string& text);

  /// Makes place for other output.
  void clear();

private:
  bool on_ = false;
  std::string shown_;
};

} // namespace troupe::tools
