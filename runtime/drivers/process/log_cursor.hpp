#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "runtime/drivers/process/run_dir.hpp"

namespace troupe::runtime::process {

/// Where to begin in what is kept of a stream.
struct log_start {
  /// At most so many lines from the end. Below 0: from the oldest byte kept.
  int64_t tail_lines = -1;
  /// At most so many bytes from the end. Below 0: no such bound.
  int64_t tail_bytes = -1;
};

struct log_chunk {
  std::string bytes;
  /// The run has ended and all it said was read.
  bool ended = false;
};

/// Reads one stream of a run, also while it is written and rotated. Pull-based:
/// whoever reads slowly costs nothing but may miss what was rotated away.
class log_cursor {
public:
  log_cursor(const run_dir& dir, log_stream stream, log_start start = {});

  /// Returns at most `bytes_max` bytes; none if there are none now, and then
  /// `ended` says whether it is worth asking again.
  [[nodiscard]] log_chunk read(size_t bytes_max);

  /// Whether bytes were rotated away before they were read.
  [[nodiscard]] bool has_missed() const { return has_missed_; }

private:
  void go_to(log_start start);
  std::string read_here(size_t bytes_max);
  bool go_on();

  run_dir dir_;
  std::string path_;
  unique_fd fd_;
  bool has_missed_ = false;
};

/// Returns what is kept of a stream, at most its last `bytes_max` bytes.
[[nodiscard]] std::string read_log(const run_dir& dir, log_stream stream,
                                   log_start start, size_t bytes_max);

} // namespace troupe::runtime::process
