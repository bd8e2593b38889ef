#include "runtime/drivers/docker/pull_stream.hpp"

#include <algorithm>

#include "runtime/drivers/docker/api.hpp"
#include "runtime/drivers/docker/json_read.hpp"

namespace troupe::runtime::docker {

namespace {

// Lines are some hundred bytes, images have at most 127 layers.
constexpr size_t line_max = 65'536;
constexpr size_t layers_max = 1'024;
constexpr int64_t layer_bytes_max = int64_t{1} << 48;

} // namespace

void pull_stream::feed(std::string_view bytes) {
  while (!bytes.empty()) {
    auto end = bytes.find('\n');
    auto part = bytes.substr(0, end);
    if (line_.size() + part.size() <= line_max)
      line_ += part;
    if (end == std::string_view::npos)
      return;
    read_line(line_);
    line_.clear();
    bytes.remove_prefix(end + 1);
  }
}

void pull_stream::read_line(std::string_view line) {
  auto root = read_json(line);
  if (!root)
    return;
  if (auto text = text_at(*root, "error"); !text.empty())
    error_ = error_text(text);
  auto id = text_at(*root, "id");
  auto* detail = member(*root, "progressDetail");
  auto total = detail ? integer_at(*detail, "total") : std::nullopt;
  auto done = detail ? integer_at(*detail, "current") : std::nullopt;
  auto status = text_at(*root, "status");
  if (status == "Download complete" || status == "Pull complete") {
    if (auto at = layers_.find(id); at != layers_.end())
      at->second.done = at->second.total;
    return;
  }
  // Extracting counts from 0 again.
  if (status != "Downloading" || !total || !done || *total <= 0)
    return;
  if (layers_.size() >= layers_max && !layers_.contains(id))
    return;
  auto size = std::min(*total, layer_bytes_max);
  layers_[id] = {std::clamp<int64_t>(*done, 0, size), size};
}

std::optional<int> pull_stream::percent() const {
  int64_t done = 0;
  int64_t total = 0;
  for (auto& [id, x] : layers_) {
    done += x.done;
    total += x.total;
  }
  if (total == 0)
    return std::nullopt;
  return static_cast<int>(static_cast<double>(done) * 100
                          / static_cast<double>(total));
}

} // namespace troupe::runtime::docker
