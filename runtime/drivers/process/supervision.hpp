#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string_view>

#include <sys/types.h>

#include "runtime/drivers/process/unique_fd.hpp"

namespace troupe::runtime::process {

/// What became of a supervised command and of all it started.
struct supervised {
  /// As wait(2) gives it.
  int wait_status = 0;
  std::chrono::system_clock::time_point ended_at;
  int64_t memory_bytes_peak = 0;
  double cpu_seconds = 0;
};

/// Looks after one child of this process until it and all its descendants are
/// gone, and reads what they say.
///
///   running  -> stopping  [ask_stop]   stop signal to the group
///   stopping -> killed    [deadline]   SIGKILL to the group
///   any      -> killed    [ask_kill]
///   any      -> sweeping  [the command ended]   the rest is killed
///   sweeping -> done      [no child left, pipes are empty]
///
/// REQUIRES: the process has one thread, blocks all signals, and is a
/// subreaper (prctl(2)), so that no descendant gets away.
class supervision {
public:
  struct options {
    pid_t child = 0;
    unique_fd out;
    unique_fd err;
    std::function<void(int stream, std::string_view)> on_bytes;
    int stop_signal = 0;
    std::chrono::milliseconds stop_grace{};
    /// Stops the command when another end of this pipe or process is gone.
    int watched_fd = -1;
    /// The command is killed then. None: it may take for ever.
    std::optional<std::chrono::milliseconds> timeout;
  };

  explicit supervision(options options);

  /// Returns when all is over.
  supervised run();

  /// Whether `options::timeout` ended it.
  [[nodiscard]] bool timed_out() const { return timed_out_; }

private:
  using clock = std::chrono::steady_clock;

  void wait_for_something();
  void read_signals();
  void stop();
  void kill();
  void check_deadlines();
  void check_child();
  void sweep();
  bool reap();
  void drain(unique_fd& pipe, int stream);
  [[nodiscard]] int milliseconds_left() const;

  options options_;
  unique_fd signals_;
  supervised result_;
  bool child_ended_ = false;
  bool stopping_ = false;
  bool timed_out_ = false;
  std::optional<clock::time_point> kill_at_;
  std::optional<clock::time_point> timeout_at_;
};

} // namespace troupe::runtime::process
