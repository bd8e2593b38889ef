#include "tools/troupe/sse.hpp"

namespace troupe::tools {

namespace {

constexpr size_t line_max = size_t{16} << 20;

} // namespace

void sse_reader::feed(
  std::string_view piece,
  const std::function<void(const sse_message&)>& on_message) {
  for (auto c : piece) {
    // A line ends with LF, CR, or both.
    auto second_half = after_return_ && c == '\n';
    after_return_ = c == '\r';
    if (second_half)
      continue;
    if (c == '\n' || c == '\r') {
      auto line = std::move(line_);
      line_.clear();
      take_line(line, on_message);
    } else if (line_.size() < line_max) {
      line_ += c;
    }
  }
}

void sse_reader::reset() {
  line_.clear();
  after_return_ = false;
  has_data_ = false;
  next_.event.clear();
  next_.data.clear();
}

void sse_reader::take_line(
  std::string_view line,
  const std::function<void(const sse_message&)>& on_message) {
  if (line.empty()) {
    if (has_data_)
      on_message(next_);
    has_data_ = false;
    next_.event.clear();
    next_.data.clear();
    return;
  }
  auto colon = line.find(':');
  auto name = line.substr(0, colon);
  auto value = colon == std::string_view::npos ? std::string_view{}
                                               : line.substr(colon + 1);
  if (value.starts_with(' '))
    value.remove_prefix(1);
  if (name == "data") {
    if (has_data_)
      next_.data += '\n';
    next_.data += value;
    has_data_ = true;
  } else if (name == "event") {
    next_.event = value;
  } else if (name == "id" && value.find('\0') == std::string_view::npos) {
    next_.id = value;
  }
}

} // namespace troupe::tools
