#include "runtime/drivers/docker/log_frames.hpp"

#include <algorithm>
#include <cstring>

namespace troupe::runtime::docker {

bool log_frames::feed(std::string_view bytes, const piece& on_piece) {
  while (!broken_ && !bytes.empty()) {
    if (left_ == 0) {
      auto count = std::min(header_.size() - header_size_, bytes.size());
      std::memcpy(header_.data() + header_size_, bytes.data(), count);
      header_size_ += count;
      bytes.remove_prefix(count);
      if (header_size_ == header_.size())
        broken_ = !read_header();
      continue;
    }
    auto text = bytes.substr(0, left_);
    bytes.remove_prefix(text.size());
    left_ -= static_cast<uint32_t>(text.size());
    on_piece(stream_, text);
  }
  return !broken_;
}

bool log_frames::read_header() {
  header_size_ = 0;
  if (header_[0] > 2 || header_[1] != 0 || header_[2] != 0 || header_[3] != 0)
    return false;
  stream_ = header_[0] == 2 ? log_stream::err : log_stream::out;
  left_ = uint32_t{header_[4]} << 24 | uint32_t{header_[5]} << 16
          | uint32_t{header_[6]} << 8 | uint32_t{header_[7]};
  return true;
}

} // namespace troupe::runtime::docker
