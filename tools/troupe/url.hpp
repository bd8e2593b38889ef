#pragma once

#include <string>
#include <string_view>

namespace troupe::tools {

/// The path and query of a request. Names and values are percent-encoded.
class url {
public:
  /// REQUIRES: `path` is encoded, such as `/v1/jobs`.
  explicit url(std::string_view path) : text_{path} {}

  /// Adds a segment: `url{"/v1/jobs"} / "web" / "scale"`.
  [[nodiscard]] url operator/(std::string_view segment) const;

  /// Adds a parameter; nothing if `value` is empty.
  [[nodiscard]] url with(std::string_view name, std::string_view value) const;

  [[nodiscard]] const std::string& text() const { return text_; }

private:
  std::string text_;
};

} // namespace troupe::tools
