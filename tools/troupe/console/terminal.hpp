#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "messages/expected.hpp"

#include "tools/troupe/console/grid.hpp"
#include "tools/troupe/console/key.hpp"

namespace troupe::tools::console {

/// The terminal, taken over as long as this lives. One at a time.
class terminal {
public:
  /// Errors: a sentence, if this is no terminal that can be drawn on.
  [[nodiscard]] static expected<std::unique_ptr<terminal>, std::string> open();
  terminal(const terminal&) = delete;
  terminal& operator=(const terminal&) = delete;
  ~terminal();

  /// Columns and lines.
  [[nodiscard]] std::pair<size_t, size_t> size() const;

  void draw(const grid& x);

  /// The next key that has been pressed, if there is one; waits for none.
  [[nodiscard]] std::optional<key> next_key();

  /// Draws everything anew, whatever others have written.
  void redraw();

  /// Gives the terminal back until somebody brings this process to the front.
  void suspend();

private:
  terminal() = default;
  [[nodiscard]] int attributes_of(paint x) const;

  void* screen_ = nullptr;
  bool colour_ = false;
};

} // namespace troupe::tools::console
