#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace troupe::runtime::http {

class stream_state;

/// What a thread with an answer tells the loop.
struct command {
  enum class kind : std::uint8_t {
    reply,   // `bytes` is all there is; then the next request.
    begin,   // `bytes` is the head of `stream`.
    chunk,   // `bytes` is the next part of the stream.
    end,     // `bytes` is the last part of the stream.
    abandon, // Nobody will write to the stream any more.
    upgrade  // `bytes` is the key of a WebSocket; its messages are chunks.
  };
  kind what;
  std::uint64_t connection;
  std::string bytes;
  std::shared_ptr<stream_state> stream;
};

/// The one way from other threads into the loop. Connections are named by
/// number, so that nobody outside holds a reference to what the loop owns.
/// Unbounded by itself: there is at most one reply per connection, and streams
/// are bounded by `stream_state`.
class mailbox {
public:
  /// `wake` is called, under the lock, when the box gets its first command.
  explicit mailbox(std::function<void()> wake) : wake_(std::move(wake)) {}

  /// Returns false and drops `x` if the loop has ended.
  bool put(command x) {
    auto guard = std::lock_guard{mutex_};
    if (closed_)
      return false;
    queue_.push_back(std::move(x));
    if (queue_.size() == 1)
      wake_();
    return true;
  }

  /// Returns what came since the last call. `spare` is used for what comes.
  [[nodiscard]] std::vector<command> take(std::vector<command> spare) {
    spare.clear();
    auto guard = std::lock_guard{mutex_};
    queue_.swap(spare);
    return spare;
  }

  /// From now on nothing is taken and `wake` is not called any more. Returns
  /// what is left.
  [[nodiscard]] std::vector<command> close() {
    auto guard = std::lock_guard{mutex_};
    closed_ = true;
    return std::move(queue_);
  }

private:
  std::function<void()> wake_;
  std::mutex mutex_;
  std::vector<command> queue_;
  bool closed_ = false;
};

} // namespace troupe::runtime::http
