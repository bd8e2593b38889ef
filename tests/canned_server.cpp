#include "tests/canned_server.hpp"

#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace troupe::test {

namespace {

constexpr int tick_ms = 20;

bool readable(int socket) {
  pollfd x{socket, POLLIN, 0};
  return ::poll(&x, 1, tick_ms) > 0;
}

/// Returns the size of the request at the front of `text`, 0 if incomplete.
size_t request_size(const std::string& text) {
  auto head = text.find("\r\n\r\n");
  if (head == std::string::npos)
    return 0;
  size_t body = 0;
  if (auto at = text.find("Content-Length: "); at < head)
    body = static_cast<size_t>(std::atoll(text.c_str() + at + 16));
  auto size = head + 4 + body;
  return text.size() >= size ? size : 0;
}

} // namespace

void canned_server::exchange::send(std::string_view bytes) const {
  while (!bytes.empty()) {
    auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent <= 0)
      return;
    bytes.remove_prefix(static_cast<size_t>(sent));
  }
}

void canned_server::exchange::reply(int status, const std::string& body) const {
  send("HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Length: "
       + std::to_string(body.size()) + "\r\n\r\n" + body);
}

void canned_server::exchange::hang() const {
  char byte = 0;
  while (!ending_)
    if (readable(socket_) && ::recv(socket_, &byte, 1, 0) <= 0)
      return;
}

canned_server::canned_server(script answer, std::string path)
  : answer_(std::move(answer)), path_(std::move(path)) {
  if (path_.empty()) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* plain = reinterpret_cast<sockaddr*>(&address);
    if (::bind(listener_, plain, size) != 0)
      throw std::runtime_error("bind failed");
    ::getsockname(listener_, plain, &size);
    port_ = ntohs(address.sin_port);
  } else {
    listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof(address.sun_path) - 1);
    ::unlink(path_.c_str());
    if (::bind(listener_, reinterpret_cast<sockaddr*>(&address),
               sizeof(address))
        != 0)
      throw std::runtime_error("bind failed");
  }
  ::listen(listener_, 64);
  acceptor_ = std::thread{[this] { accept_all(); }};
}

canned_server::~canned_server() {
  ending_ = true;
  acceptor_.join();
  for (auto& x : threads_)
    x.join();
  ::close(listener_);
  if (!path_.empty())
    ::unlink(path_.c_str());
}

void canned_server::accept_all() {
  while (!ending_) {
    if (!readable(listener_))
      continue;
    auto socket = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (socket < 0)
      continue;
    ++connections_;
    threads_.emplace_back([this, socket] { serve(socket); });
  }
}

void canned_server::serve(int socket) {
  std::string text;
  auto open = true;
  while (open && !ending_) {
    if (auto size = request_size(text)) {
      open = answer_(exchange{socket, text.substr(0, size), ending_});
      text.erase(0, size);
      continue;
    }
    if (!readable(socket))
      continue;
    char bytes[4096];
    auto count = ::recv(socket, bytes, sizeof(bytes), 0);
    if (count <= 0)
      break;
    text.append(bytes, static_cast<size_t>(count));
  }
  ::close(socket);
}

} // namespace troupe::test
