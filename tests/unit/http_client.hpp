#pragma once

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace troupe::tests {

/// Far beyond what anything here takes: reached only by a test that fails.
constexpr auto patience = std::chrono::seconds{20};

/// Waits until `condition` holds. Returns false if it never does.
template <class F>
bool eventually(F condition) {
  auto end = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end)
      return false;
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return true;
}

/// A bare TCP connection to 127.0.0.1 that sends whatever bytes it is given.
class http_client {
public:
  /// @param receive_bytes  size of the kernel's buffer, 0 for the usual.
  explicit http_client(std::uint16_t port, int receive_bytes = 0)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (receive_bytes > 0)
      setsockopt(socket_, SOL_SOCKET, SO_RCVBUF, &receive_bytes,
                 sizeof receive_bytes);
    auto address = sockaddr_in{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(socket_, reinterpret_cast<sockaddr*>(&address),
                           sizeof address)
                 == 0;
  }

  http_client(http_client&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), connected_(other.connected_),
      input_(std::move(other.input_)) {}

  ~http_client() {
    if (socket_ >= 0)
      ::close(socket_);
  }

  [[nodiscard]] bool connected() const { return connected_; }
  [[nodiscard]] int socket() const { return socket_; }

  void send(std::string_view bytes) const {
    while (!bytes.empty()) {
      auto n = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0)
        return;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  void end_input() const { ::shutdown(socket_, SHUT_WR); }

  /// Waits for more bytes. Returns false at the end, or out of patience.
  bool receive() {
    auto ready = pollfd{socket_, POLLIN, 0};
    auto wait = std::chrono::milliseconds{patience}.count();
    if (::poll(&ready, 1, static_cast<int>(wait)) != 1)
      return false;
    char bytes[16384];
    auto n = ::recv(socket_, bytes, sizeof bytes, 0);
    if (n <= 0)
      return false;
    input_.append(bytes, static_cast<std::size_t>(n));
    return true;
  }

  /// Returns everything up to and with `end`, or what there was.
  std::string until(std::string_view end) {
    auto found = input_.find(end);
    while (found == std::string::npos && receive())
      found = input_.find(end);
    return take(found == std::string::npos ? input_.size()
                                           : found + end.size());
  }

  /// Returns the next reply, head and body.
  std::string reply() {
    constexpr auto label = std::string_view{"Content-Length: "};
    auto result = until("\r\n\r\n");
    auto found = result.find(label);
    if (found == std::string::npos)
      return result;
    auto size
      = std::strtoul(result.c_str() + found + label.size(), nullptr, 10);
    while (input_.size() < size && receive())
      continue;
    return result + take(std::min<std::size_t>(size, input_.size()));
  }

  /// Returns what comes until the server closes.
  std::string rest() {
    while (receive())
      continue;
    return take(input_.size());
  }

  std::string ask(std::string_view bytes) {
    send(bytes);
    return reply();
  }

private:
  std::string take(std::size_t size) {
    auto result = input_.substr(0, size);
    input_.erase(0, size);
    return result;
  }

  int socket_;
  bool connected_ = false;
  std::string input_;
};

} // namespace troupe::tests
