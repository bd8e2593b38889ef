#pragma once

#include <string>
#include <string_view>

namespace troupe::tools {

/// Puts a prefix before every line of a text that comes in pieces, so that lines
/// of several tasks can be told apart. Holds back a line until it is complete,
/// so that they do not mix, or until it is 64 KiB long.
class line_prefix {
public:
  /// An empty `prefix` passes everything on at once.
  explicit line_prefix(std::string prefix) : prefix_{std::move(prefix)} {}

  /// What can be printed once `piece` has come.
  [[nodiscard]] std::string feed(std::string_view piece);

  /// What was held back, as a line.
  [[nodiscard]] std::string end();

private:
  std::string prefix_;
  std::string held_;
};

} // namespace troupe::tools
