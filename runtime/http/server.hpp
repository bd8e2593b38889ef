#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "messages/expected.hpp"

#include "runtime/http/exchange.hpp"
#include "runtime/http/message.hpp"

struct ssl_ctx_st;

namespace troupe::runtime::http {

/// Certificate and key to show to clients, as OpenSSL has them.
using tls_context = std::shared_ptr<ssl_ctx_st>;

/// How long a client may take.
struct deadlines {
  /// From connecting to the end of the handshake of TLS; then it is closed.
  std::chrono::milliseconds handshake = std::chrono::seconds{10};
  /// From the first byte of a request (or from connecting) to the last byte of
  /// its headers; then 408.
  std::chrono::milliseconds header = std::chrono::seconds{10};
  /// From the end of the headers to the end of the body; then 408.
  std::chrono::milliseconds body = std::chrono::seconds{30};
  /// Without taking a single byte of what is sent to it; then it is cut off.
  std::chrono::milliseconds write = std::chrono::seconds{30};
  /// Between two requests; then the connection is closed.
  std::chrono::milliseconds idle = std::chrono::seconds{60};
  /// For an answer, once the client has ended its input: one that has gone looks
  /// the same, and would keep its place as long as it had wanted to wait.
  std::chrono::milliseconds gone = std::chrono::seconds{10};
  /// To read the last reply before the connection is closed under it.
  std::chrono::milliseconds linger = std::chrono::seconds{2};
};

struct server_options {
  /// Address to listen on, as `127.0.0.1`, `[::1]`, `localhost`; `0.0.0.0` or
  /// `[::]` for all.
  std::string host = "127.0.0.1";
  /// 0 takes a free port.
  std::uint16_t port = 0;
  /// Serves HTTPS with what this answers, which is asked for every client, so
  /// that certificates can be replaced. Empty: HTTP. Clients show none.
  std::function<tls_context()> certificates = {};
  /// Beyond: 503 with `Retry-After`. A connection costs one descriptor and
  /// about 7 KiB, watchers that wait for hours included; by TLS, 16 KiB more.
  std::size_t connections_max = 10'000;
  std::size_t body_bytes_max = 16 * 1024 * 1024;
  std::size_t header_bytes_max = 32 * 1024;
  /// Of one stream, waiting for a slow client; see `write_result::full`.
  std::size_t stream_bytes_max = 1024 * 1024;
  http::deadlines deadlines = {};
  /// What `Host` may name besides loopback, `host`, and the address that the
  /// client connected to; see `rules`. Else 421.
  std::vector<std::string> allowed_hosts = {};
  /// Called with each answer, from whichever thread gives it.
  answer_listener on_answer = {};
};

/// An HTTP/1.1 server with WebSockets, in the clear or by TLS 1.2 and later: one
/// thread.
class server {
public:
  /// Called on the thread of the server, which waits meanwhile: hand the
  /// exchange on and return. The answer may come later, from any thread; there
  /// is no deadline for it. An exception drops the exchange, which is a 500.
  using handler = std::function<void(exchange)>;

  /// Listens and serves. Errors: text for the user, if the address is unknown,
  /// not ours, in use, or not allowed.
  [[nodiscard]] static expected<std::unique_ptr<server>, std::string>
  start(server_options options, handler handle);

  /// Stops.
  ~server();

  server(const server&) = delete;
  server& operator=(const server&) = delete;

  [[nodiscard]] std::uint16_t port() const;

  /// Where to reach it, such as `127.0.0.1:4640`.
  [[nodiscard]] std::string address() const;

  /// Clients that are connected now.
  [[nodiscard]] std::size_t connections() const;

  /// Closes all connections and returns when the thread has ended. What was
  /// answered before is still sent if the client takes it at once; what is
  /// answered later goes to nobody. Later calls do nothing.
  /// REQUIRES: not called on the thread of the server.
  void stop();

private:
  class impl;
  explicit server(std::unique_ptr<impl> x);
  std::unique_ptr<impl> impl_;
};

} // namespace troupe::runtime::http
