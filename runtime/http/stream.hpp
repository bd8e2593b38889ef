#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

namespace troupe::runtime::http {

class mailbox;

/// Called on the thread of the server: send a message and return. After
/// `stream_writer::end` only a call that is under way may still arrive.
struct stream_callbacks {
  /// There is room again after a chunk was refused.
  std::function<void()> on_drain = {};
  /// The client is gone, or the server stops. Called once.
  std::function<void()> on_close = {};
  /// The client of a WebSocket has sent a text.
  std::function<void(std::string)> on_message = {};
};

/// What became of a chunk.
enum class write_result : std::uint8_t {
  taken, // It will be sent.
  full,  // It was not taken: the client is slow. Come back with `on_drain`.
  gone   // It was not taken: nobody reads any more, or `end` was called.
};

/// What the loop and the writers of one stream share. Any thread.
class stream_state {
public:
  /// @param bytes_max  a chunk is refused if it would make more bytes than
  ///                   this wait, unless none wait.
  stream_state(std::size_t bytes_max, stream_callbacks callbacks);

  /// Takes a chunk of `size` wire bytes to `put`, which is called under the
  /// lock so that chunks stay in order.
  [[nodiscard]] write_result
  write(std::size_t size, const std::function<void()>& put);

  /// Ends the stream. Returns false if it was over already.
  bool end();

  /// Notes that `size` wire bytes are the kernel's now.
  void sent(std::size_t size);

  /// Passes on what the client of a WebSocket has sent.
  void heard(std::string text);

  /// Notes that the client is gone.
  void close();

  [[nodiscard]] std::size_t waiting() const;

private:
  const std::size_t bytes_max_;
  mutable std::mutex mutex_;
  stream_callbacks callbacks_;
  std::size_t waiting_ = 0;
  bool starved_ = false;
  bool over_ = false;
};

/// What a chunk looks like on the wire.
enum class framing : std::uint8_t {
  none,    // As it is: the end of the connection is the end.
  chunked, // RFC 9112, section 7.1.
  message  // A message of a WebSocket; the server puts it into frames.
};

/// Writes a reply whose length is not known, in chunks. A handle: copies write
/// to the same stream, from any thread. If the last one goes without `end`, the
/// connection is cut, so that the client sees that something is missing.
class stream_writer {
public:
  /// A stream that nobody reads.
  stream_writer() = default;

  stream_writer(std::shared_ptr<mailbox> box, std::uint64_t connection,
                std::shared_ptr<stream_state> state, framing frames);

  /// An empty chunk is taken and nothing is sent.
  [[nodiscard]] write_result write(std::string_view chunk) const;

  /// The reply is complete. Later calls do nothing.
  void end() const;

  /// Wire bytes that were taken and not yet sent.
  [[nodiscard]] std::size_t waiting() const;

private:
  struct handle;
  std::shared_ptr<handle> handle_;
};

} // namespace troupe::runtime::http
