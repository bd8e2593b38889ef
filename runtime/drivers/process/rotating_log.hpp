#pragma once

#include <string>
#include <string_view>

#include "runtime/drivers/process/run_spec.hpp"
#include "runtime/drivers/process/unique_fd.hpp"

namespace troupe::runtime::process {

/// Writes one stream to `path`. A full file becomes `path.1`, that becomes
/// `path.2` and so on; the last one is dropped. No file exists before the
/// first byte. What the disk does not take is dropped: a task must not hang
/// because a disk is full.
class rotating_log {
public:
  /// Limits below 1 byte or 1 file count as 1.
  rotating_log(std::string path, log_limits limits);

  void write(std::string_view bytes);

private:
  void rotate();
  void open();

  std::string path_;
  log_limits limits_;
  unique_fd fd_;
  int64_t size_ = 0;
};

/// The name of the file that was rotated `age` times.
[[nodiscard]] std::string rotated_name(const std::string& path, int age);

} // namespace troupe::runtime::process
