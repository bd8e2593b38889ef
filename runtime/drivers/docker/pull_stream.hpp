#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace troupe::runtime::docker {

/// Reads what the engine says while it pulls an image: one JSON object a line.
/// An error comes inside a reply of status 200.
class pull_stream {
public:
  void feed(std::string_view bytes);

  /// Bytes downloaded of those announced so far. It may fall, when another layer
  /// is announced. Nothing before the first layer is.
  [[nodiscard]] std::optional<int> percent() const;

  /// Why the image was not pulled, or an empty text.
  [[nodiscard]] const std::string& error() const noexcept { return error_; }

private:
  struct layer {
    int64_t done = 0;
    int64_t total = 0;
  };

  void read_line(std::string_view line);

  std::string line_;
  std::map<std::string, layer> layers_;
  std::string error_;
};

} // namespace troupe::runtime::docker
