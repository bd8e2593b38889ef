#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace troupe::runtime::placement {

/// A few threads that do the parts of one thing together with whoever has them.
/// Between two things they sleep.
class crew {
public:
  /// `threads` counts the caller's. REQUIRES: threads > 0.
  explicit crew(uint32_t threads);
  ~crew();
  crew(const crew&) = delete;
  crew& operator=(const crew&) = delete;

  /// Calls `part` once with each number below `parts`, in any order on any of the
  /// threads, and returns when all are done. Parts must not throw, and touch
  /// nothing that another part changes.
  void run(size_t parts, const std::function<void(size_t)>& part);

private:
  void help();
  void do_parts();

  std::mutex mutex_;
  std::condition_variable begun_;
  std::condition_variable done_;
  // Under `mutex_`, but for what a round does not change while it lasts.
  const std::function<void(size_t)>* part_ = nullptr;
  size_t parts_ = 0;
  uint64_t round_ = 0;
  /// Helpers that are still at this round.
  size_t busy_ = 0;
  bool over_ = false;
  std::atomic<size_t> next_ = 0;
  std::vector<std::thread> helpers_;
};

} // namespace troupe::runtime::placement
