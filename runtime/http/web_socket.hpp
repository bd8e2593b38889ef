#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "runtime/http/mailbox.hpp"
#include "runtime/http/message.hpp"
#include "runtime/http/server.hpp"
#include "runtime/http/stream.hpp"
#include "runtime/http/transport.hpp"

namespace troupe::runtime::http {

/// The key of a request that asks for a WebSocket as RFC 6455, section 4.2.1, has
/// it; nothing if it is none.
[[nodiscard]] std::optional<std::string> web_socket_key(const request& x);

/// A connection that has become a WebSocket. Texts go to `stream_state::heard`,
/// and chunks of the stream are texts to the client. Lives on the thread of the
/// loop, like the connection that owns it.
///
/// Limits: 64 KiB for what a client sends at once, and 100 texts in a second;
/// past them it is cut off, as one that neither speaks nor answers pings.
class web_socket {
public:
  using time_point = std::chrono::steady_clock::time_point;

  /// Consents and serves. `on_end` is called once, when it is over by itself.
  static std::shared_ptr<web_socket>
  accept(transport client, std::string_view key,
         std::shared_ptr<stream_state> stream, const deadlines& limits,
         std::function<void()> on_end);

  virtual ~web_socket() = default;

  virtual void obey(command& x) = 0;

  /// Acts if the client does not take what it is sent.
  virtual void sweep(time_point now) = 0;

  /// Closes at once. `on_end` is not called.
  virtual void cut() = 0;
};

} // namespace troupe::runtime::http
