#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace troupe::test {

/// A server that says what a test wants it to say, byte by byte, on TCP
/// (127.0.0.1) or on a Unix socket. One thread per connection.
class canned_server {
public:
  /// One request of a client, and the way to answer it.
  class exchange {
  public:
    exchange(int socket, std::string text, const std::atomic<bool>& ending)
      : text(std::move(text)), socket_(socket), ending_(ending) {}

    /// Sends `bytes` as they are.
    void send(std::string_view bytes) const;

    /// Sends a complete reply.
    void reply(int status, const std::string& body) const;

    /// Leaves the client without an answer until it or the server goes.
    void hang() const;

    /// Head and body of the request.
    std::string text;

  private:
    int socket_;
    const std::atomic<bool>& ending_;
  };

  /// Called for each request, on any thread. The connection stays open for
  /// another one if it returns true.
  using script = std::function<bool(const exchange&)>;

  /// Listens on `path`, or on a free TCP port if it is empty.
  explicit canned_server(script answer, std::string path = {});
  canned_server(const canned_server&) = delete;
  canned_server& operator=(const canned_server&) = delete;
  ~canned_server();

  [[nodiscard]] uint16_t port() const noexcept { return port_; }

  /// Counts connections so far.
  [[nodiscard]] size_t connections() const noexcept { return connections_; }

private:
  void accept_all();
  void serve(int socket);

  script answer_;
  std::string path_;
  uint16_t port_ = 0;
  int listener_ = -1;
  std::atomic<bool> ending_{false};
  std::atomic<size_t> connections_{0};
  std::vector<std::thread> threads_;
  std::thread acceptor_;
};

} // namespace troupe::test
