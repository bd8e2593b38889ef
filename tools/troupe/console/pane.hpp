#pragma once

#include <deque>
#include <string>
#include <vector>

#include "tools/troupe/console/rows.hpp"
#include "tools/troupe/show.hpp"
#include "tools/troupe/url.hpp"

namespace troupe::tools::console {

/// What is opened over a list.
enum class pane_kind : uint8_t { thing, why, logs, help };

/// One thing in full, as lines that can be scrolled.
class pane {
public:
  pane(pane_kind kind, subject about) : kind_{kind}, about_{std::move(about)} {}

  [[nodiscard]] pane_kind kind() const { return kind_; }
  [[nodiscard]] const subject& about() const { return about_; }
  [[nodiscard]] std::string title() const;

  /// What is to be asked for; the answers come to `take`, in this order.
  [[nodiscard]] std::vector<url> sources() const;

  void take(size_t source, json_value view);
  /// Instead of what could not be had.
  void fail(std::string text) { failure_ = std::move(text); }

  /// More of what tasks wrote; the oldest lines go once there are too many.
  void add_log(std::string_view piece);
  /// Says that no more comes, and why.
  void end_log(const std::string& why);

  /// The lines as they are on a screen, with colours.
  [[nodiscard]] std::vector<std::string> lines(const screen& s) const;

  static constexpr size_t log_lines_max = 5'000;

private:
  std::string text(const screen& s) const;

  pane_kind kind_;
  subject about_;
  std::vector<json_value> views_; // [source]
  std::string failure_;
  std::deque<std::string> log_;
  bool line_open_ = false;
};

} // namespace troupe::tools::console
