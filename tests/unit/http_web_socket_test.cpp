#include <atomic>
#include <mutex>
#include <vector>

#include <doctest/doctest.h>

#include "runtime/http/server.hpp"

#include "tests/unit/http_client.hpp"

using namespace std::chrono_literals;
using namespace troupe::runtime::http;
using namespace troupe::tests;

namespace {

/// RFC 6455, section 1.3.
constexpr auto key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
constexpr auto consent = "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

std::string hello(std::string more = key) {
  return "GET /v1/live HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
         "Connection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
         + more + "\r\n";
}

/// A frame as clients send it: masked, here with zeros.
std::string
frame(unsigned char first, std::string_view text, unsigned char masked = 0x80) {
  std::string result;
  result += static_cast<char>(first);
  if (text.size() < 126) {
    result += static_cast<char>(masked | text.size());
  } else {
    result += static_cast<char>(masked | 127);
    for (int shift = 56; shift >= 0; shift -= 8)
      result += static_cast<char>(text.size() >> shift);
  }
  if (masked != 0)
    result += std::string(4, '\0');
  return result + std::string{text};
}

std::string text_frame(std::string_view x) {
  return frame(0x81, x);
}

/// A server that says back whatever it hears.
struct fixture {
  explicit fixture(server_options options = {}) {
    auto started = server::start(std::move(options), [this](exchange x) {
      auto writer = x.open_socket({.on_close = [this] { ++closed; },
                                   .on_message =
                                     [this](std::string text) {
                                       std::lock_guard guard{mutex};
                                       ++heard;
                                       if (echo)
                                         CHECK(last.write("<" + text + ">")
                                               != write_result::full);
                                     }});
      std::lock_guard guard{mutex};
      last = writer;
    });
    REQUIRE(started);
    aut = std::move(*started);
  }

  ~fixture() { aut->stop(); }

  http_client open() {
    http_client client{aut->port()};
    client.send(hello());
    auto head = client.until("\r\n\r\n");
    CHECK(head.starts_with("HTTP/1.1 101 "));
    CHECK(head.find(consent) != head.npos);
    return client;
  }

  stream_writer writer() {
    std::lock_guard guard{mutex};
    return last;
  }

  std::mutex mutex;
  stream_writer last;
  bool echo = true;
  std::atomic<int> heard = 0;
  std::atomic<int> closed = 0;
  std::unique_ptr<server> aut;
};

std::string status_of(std::uint16_t port, const std::string& request) {
  return http_client{port}.ask(request).substr(9, 3);
}

} // namespace

TEST_CASE("a WebSocket carries texts both ways") {
  fixture f;
  auto client = f.open();
  for (auto* text : {"one", "two"}) {
    client.send(text_frame(text));
    auto answer = "<" + std::string{text} + ">";
    CHECK(client.until(answer)
          == std::string{"\x81"} + static_cast<char>(answer.size()) + answer);
  }
}

TEST_CASE("who asks for something else gets no WebSocket") {
  fixture f;
  auto port = f.aut->port();
  CHECK(status_of(port, "GET /v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        == "426");
  CHECK(status_of(port, hello("")) == "426");
  CHECK(status_of(port, hello("Sec-WebSocket-Key: short\r\n")) == "426");
  // A page of another site, and a name that leads here by a trick.
  CHECK(
    status_of(port, hello(std::string{key} + "Origin: http://evil.example\r\n"))
    == "403");
  auto stranger = hello();
  stranger.replace(stranger.find("localhost"), 9, "evil.test");
  CHECK(status_of(port, stranger) == "421");
  CHECK(
    status_of(port, hello(std::string{key} + "Origin: http://localhost\r\n"))
    == "101");
}

TEST_CASE("the server hears that a client has gone") {
  fixture f;
  { auto client = f.open(); }
  CHECK(eventually([&] { return f.closed == 1; }));
  CHECK(f.writer().write("too late") == write_result::gone);
  CHECK(eventually([&] { return f.aut->connections() == 0; }));
}

TEST_CASE("what no page of ours sends is cut off") {
  for (auto& bytes :
       {frame(0x82, "binary"), frame(0x81, std::string(70'000, 'x')),
        frame(0x81, "unmasked", 0), std::string{"GET / HTTP/1.1\r\n\r\n"}}) {
    fixture f;
    auto client = f.open();
    client.send(bytes);
    client.rest();
    CHECK(eventually([&] { return f.closed == 1; }));
    CHECK(f.heard == 0);
  }
}

TEST_CASE("a client that says too much is cut off") {
  fixture f;
  auto client = f.open();
  std::string flood;
  for (int i = 0; i < 1'000; ++i)
    flood += text_frame("x");
  client.send(flood);
  client.rest();
  CHECK(eventually([&] { return f.closed == 1; }));
  CHECK(f.heard <= 200);
}

TEST_CASE("what is said before the consent is seen is not taken") {
  fixture f;
  http_client client{f.aut->port()};
  client.send(hello() + text_frame("early"));
  client.rest();
  CHECK(eventually([&] { return f.closed == 1; }));
  CHECK(f.heard == 0);
}

TEST_CASE("a client that takes nothing is cut off, and bounded until then") {
  fixture f{{.stream_bytes_max = 1 << 20, .deadlines = {.write = 300ms}}};
  http_client client{f.aut->port(), 4'096};
  client.send(hello());
  client.until("\r\n\r\n");
  REQUIRE(
    eventually([&] { return f.writer().write("x") == write_result::taken; }));
  // The kernel takes some megabytes before it is full.
  auto full = false;
  std::string piece(100'000, 'x');
  CHECK(eventually([&] {
    full = f.writer().write(piece) == write_result::full || full;
    CHECK(f.writer().waiting() <= (1 << 20));
    return f.closed == 1;
  }));
  CHECK(full);
}

TEST_CASE("a server that stops takes its WebSockets with it") {
  fixture f;
  auto client = f.open();
  f.aut->stop();
  CHECK(f.closed == 1);
  CHECK(f.writer().write("late") == write_result::gone);
  client.rest();
}

TEST_CASE("the end of a writer is a goodbye") {
  fixture f;
  auto client = f.open();
  f.writer().end();
  // Close, with 1001: going away.
  CHECK(client.until("\x03\xe9") == std::string{"\x88\x02\x03\xe9"});
}
