#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "runtime/http/message.hpp"
#include "runtime/http/stream.hpp"

namespace troupe::runtime::http {

class mailbox;

/// Hears what a request was answered with, and how long that took; of a stream,
/// of its head. `request` is null if it was refused before a handler saw it.
using answer_listener = std::function<void(
  const http::request* request, int status, std::chrono::nanoseconds took)>;

/// What an exchange must know of the connection it came from.
struct reply_to {
  std::shared_ptr<mailbox> box;
  std::uint64_t connection = 0;
  bool keep_alive = false;
  std::size_t stream_bytes_max = 0;
  /// May be null. Of the server, which may end before the last answer.
  std::shared_ptr<const answer_listener> listener = nullptr;
};

/// A request and the one answer to it. A handle: copies mean the same exchange.
/// Answered once, from any thread; later answers do nothing. If the last copy
/// goes unanswered, the client gets a 500.
class exchange {
public:
  exchange(http::request request, reply_to to);

  [[nodiscard]] const http::request& request() const;

  /// Sends the whole reply. Headers and body are put together on the calling
  /// thread.
  void answer(const response& x) const;

  /// Sends `problem(status, detail)`.
  void refuse(int status, std::string_view detail) const;

  /// Begins a reply of unknown length; `head.body` is its first chunk. The
  /// client's end of input counts as leaving. A stream for HEAD, or for an
  /// exchange that has its answer, is `gone` from the start.
  [[nodiscard]] stream_writer
  stream(const response& head, stream_callbacks callbacks = {}) const;

  /// Makes the connection a WebSocket, to whose client the writer's chunks are
  /// text messages. If the client did not ask for one it gets a 426, and the
  /// stream is `gone` from the start.
  [[nodiscard]] stream_writer open_socket(stream_callbacks callbacks) const;

private:
  struct state;
  std::shared_ptr<state> state_;
};

/// What stands before the body, besides what `response` says.
struct head_options {
  int version_minor = 1;
  bool keep_alive = false;
  /// `Content-Length`, or else the length is unknown.
  bool has_length = true;
};

/// Returns the status line and headers of `x`. RFC 9112, section 4.
[[nodiscard]] std::string
make_head(const response& x, const head_options& options);

} // namespace troupe::runtime::http
