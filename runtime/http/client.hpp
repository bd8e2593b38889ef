#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::runtime::http {

/// Name (in lower case) and value of each header of a reply, as it came.
using client_headers = std::vector<std::pair<std::string, std::string>>;

/// Why a request has no complete reply. What matters to a caller is whether the
/// peer may have acted on it: not after `refused` and `not_sent`, perhaps after
/// all others.
enum class client_failure : uint8_t {
  none,
  /// Too many requests are open here: ask again later.
  refused,
  /// Bad URL, or nobody listens there.
  not_sent,
  timed_out,
  /// The connection broke before the reply was complete.
  cut,
  /// The reply is longer than `body_max`.
  too_large,
  cancelled
};

struct client_request {
  std::string method = "GET";
  /// `http://..` or `https://..`.
  std::string url;
  /// Path of a Unix socket to connect to instead of the URL's host.
  std::string unix_socket{};
  /// Lines such as `Content-Type: application/json`.
  std::vector<std::string> headers{};
  std::string body{};
  /// For the whole exchange. 0: none, for streams, which are cancelled.
  std::chrono::milliseconds timeout{10'000};
  std::chrono::milliseconds connect_timeout{2'000};
  /// Until the reply's headers are complete. 0: none. It is what bounds a stream
  /// from a peer that accepts connections and is hung.
  std::chrono::milliseconds header_timeout{0};
  /// Bytes of `client_reply::body`. Does not limit `on_data`.
  size_t body_max = size_t{4} << 20;
  /// Uses a connection of its own. A request on a kept connection is sent again
  /// if that turns out to be dead, so whatever must not happen twice needs this.
  bool fresh_connection = false;
  /// Only connects, and says nothing: the reply has no status then.
  bool connect_only = false;
  /// PEM file of the authorities to trust for https. Empty: the system's.
  std::string ca_file{};
  /// Called once, as soon as the headers of a reply are there.
  std::function<void(int status, const client_headers&)> on_header{};
  /// Called with the pieces of a 2xx body as they come; `body` then stays empty.
  std::function<void(std::string_view)> on_data{};
};

struct client_reply {
  /// HTTP status, 0 if none came. A status beside a `failure` is not a reply.
  int status = 0;
  client_headers headers{};
  std::string body{};
  client_failure failure = client_failure::none;
  /// Empty, or what went wrong as a readable clause.
  std::string error{};

  /// Returns the first value of `name` (lower case), or an empty text.
  [[nodiscard]] std::string_view header(std::string_view name) const;
};

struct client_options {
  /// Requests that are open at the same time, streams included. More are
  /// refused, so that a peer that hangs cannot eat the process's descriptors.
  size_t open_max = 4096;
};

/// Speaks HTTP/1.1 over TCP and Unix sockets from one thread of its own.
///
/// All callbacks run on that thread, one at a time, and must neither block nor
/// throw. Redirects are not followed and no proxy is used. Everything public may
/// be called from any thread, including from callbacks; only the destructor must
/// not run on the client's own thread.
class client {
public:
  using done = std::function<void(client_reply)>;

  explicit client(client_options options = {});
  client(const client&) = delete;
  client& operator=(const client&) = delete;

  /// Ends the thread. Open requests are answered `cancelled` first; functions
  /// waiting in `after` are dropped.
  ~client();

  /// Sends `request`. `on_done` is called exactly once, never from within this
  /// call. Returns an id for `cancel`, never 0.
  uint64_t submit(client_request request, done on_done);

  /// Ends a request: it is answered `cancelled`, unless it is done already.
  void cancel(uint64_t id);

  /// Runs `f` on the client's thread.
  void post(std::function<void()> f);

  /// Runs `f` on the client's thread after `delay`.
  void after(std::chrono::milliseconds delay, std::function<void()> f);

  [[nodiscard]] bool on_own_thread() const noexcept;

private:
  class loop;
  std::unique_ptr<loop> loop_;
};

/// Percent-encodes `text` for a path segment or a query value.
[[nodiscard]] std::string url_encode(std::string_view text);

} // namespace troupe::runtime::http
