#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>

namespace troupe::runtime::docker {

enum class log_stream : uint8_t { out, err };

/// Takes apart the stream in which the engine sends the output of a container
/// that has no terminal: frames of
///
///     0        1   2   3   4   5   6   7   8 ..
///     stream   0   0   0   length (big)    bytes
///
/// where stream 0 and 1 are stdout and 2 is stderr. Nothing is buffered: a frame
/// may claim 4 GiB and costs no memory.
/// Source: Docker Engine API 1.41, ContainerAttach, "Stream format".
class log_frames {
public:
  using piece = std::function<void(log_stream, std::string_view)>;

  /// Reads `bytes` and calls `on_piece` with what they hold of each frame, in
  /// order; never with an empty piece. Returns false once the bytes cannot be
  /// such a stream, and from then on.
  [[nodiscard]] bool feed(std::string_view bytes, const piece& on_piece);

  /// Returns whether the stream may end here: between two frames.
  [[nodiscard]] bool complete() const noexcept {
    return !broken_ && header_size_ == 0 && left_ == 0;
  }

private:
  bool read_header();

  std::array<unsigned char, 8> header_{};
  size_t header_size_ = 0;
  uint32_t left_ = 0;
  log_stream stream_ = log_stream::out;
  bool broken_ = false;
};

} // namespace troupe::runtime::docker
