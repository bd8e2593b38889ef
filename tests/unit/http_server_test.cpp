#include <atomic>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <random>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <sys/resource.h>

#include "runtime/http/server.hpp"

#include "tests/unit/http_client.hpp"

using namespace std::chrono_literals;
using namespace troupe::runtime::http;
using namespace troupe::tests;

namespace {

/// Answers from a thread of its own, as actors do.
class office {
public:
  using clerk = std::function<void(exchange&)>;

  explicit office(clerk f) : clerk_(std::move(f)), thread_([this] { run(); }) {}

  ~office() {
    put(std::nullopt);
    thread_.join();
  }

  void put(std::optional<exchange> x) {
    auto guard = std::lock_guard{mutex_};
    queue_.push_back(std::move(x));
    ready_.notify_one();
  }

private:
  void run() {
    for (;;) {
      auto guard = std::unique_lock{mutex_};
      ready_.wait(guard, [this] { return !queue_.empty(); });
      auto next = std::move(queue_.front());
      queue_.pop_front();
      guard.unlock();
      if (!next)
        return;
      clerk_(*next);
    }
  }

  clerk clerk_;
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::optional<exchange>> queue_;
  std::thread thread_;
};

void echo(exchange& x) {
  x.answer({.body = std::string{to_string(x.request().method)} + " "
                    + x.request().path + " " + x.request().body});
}

/// A server whose requests are answered by `clerk` on another thread.
struct fixture {
  explicit fixture(office::clerk clerk = echo, server_options options = {})
    : desk(std::move(clerk)) {
    auto started = server::start(
      std::move(options), [this](exchange x) { desk.put(std::move(x)); });
    REQUIRE(started);
    aut = std::move(*started);
  }

  [[nodiscard]] http_client client() const { return http_client{aut->port()}; }

  [[nodiscard]] std::string ask(std::string_view bytes) const {
    return client().ask(bytes);
  }

  office desk;
  std::unique_ptr<server> aut;
};

std::string status(const std::string& reply) {
  return reply.substr(0, reply.find("\r\n"));
}

std::string body(const std::string& reply) {
  auto end = reply.find("\r\n\r\n");
  return end == std::string::npos ? "" : reply.substr(end + 4);
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

constexpr auto get = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

std::string post(std::string_view headers, std::string_view content) {
  return "POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: "
         + std::to_string(content.size()) + "\r\n" + std::string{headers}
         + "\r\n" + std::string{content};
}

constexpr auto json = "Content-Type: application/json\r\n";

/// Keeps what must be looked at by another thread than it came from.
template <class T>
class shared {
public:
  void set(T x) {
    auto guard = std::lock_guard{mutex_};
    value_ = std::move(x);
  }
  std::optional<T> get() {
    auto guard = std::lock_guard{mutex_};
    return value_;
  }
  std::optional<T> take() {
    auto guard = std::lock_guard{mutex_};
    return std::exchange(value_, std::nullopt);
  }

private:
  std::mutex mutex_;
  std::optional<T> value_;
};

} // namespace

// -- replies -----------------------------------------------------------------

TEST_CASE("a request is answered from another thread") {
  fixture x;
  auto reply = x.ask(post(json, "[1]"));
  CHECK(status(reply) == "HTTP/1.1 200 OK");
  CHECK(body(reply) == "POST /x [1]");
  CHECK(contains(reply, "Content-Type: application/json\r\n"));
  CHECK(contains(reply, "\r\nDate: "));
  CHECK_FALSE(contains(reply, "Connection:"));
}

TEST_CASE("a connection serves one request after the other") {
  fixture x;
  auto client = x.client();
  for (int i = 0; i < 100; ++i)
    CHECK(body(client.ask(get)) == "GET / ");
  CHECK(x.aut->connections() == 1);
}

TEST_CASE("requests sent ahead are answered in order") {
  fixture x;
  auto client = x.client();
  auto bytes = std::string{};
  for (int i = 0; i < 1000; ++i)
    bytes
      += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
  auto sender = std::thread{[&] { client.send(bytes); }};
  auto wrong = 0;
  for (int i = 0; i < 1000; ++i)
    wrong += body(client.reply()) != "GET /" + std::to_string(i) + " ";
  sender.join();
  CHECK(wrong == 0);
}

TEST_CASE("a client that ends its input gets its replies") {
  fixture x;
  auto client = x.client();
  client.send(std::string{get} + get);
  client.end_input();
  CHECK(body(client.reply()) == "GET / ");
  CHECK(body(client.reply()) == "GET / ");
  CHECK(client.rest().empty());
}

TEST_CASE("HEAD gets the head of GET") {
  fixture x{[](exchange& e) { e.answer({.body = "12345"}); }};
  auto client = x.client();
  client.send("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n" + std::string{get});
  auto head = client.until("\r\n\r\n");
  CHECK(contains(head, "Content-Length: 5\r\n"));
  CHECK(body(client.reply()) == "12345");
}

TEST_CASE("the connection is closed if the client says so") {
  fixture x;
  auto client = x.client();
  client.send("GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  auto reply = client.rest();
  CHECK(contains(reply, "Connection: close\r\n"));
  CHECK(body(reply) == "GET / ");
}

TEST_CASE("HTTP/1.0 is closed unless it asks to be kept") {
  fixture x;
  auto client = x.client();
  auto kept = client.ask("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(contains(kept, "Connection: keep-alive\r\n"));
  client.send("GET / HTTP/1.0\r\n\r\n");
  CHECK(body(client.rest()) == "GET / ");
}

TEST_CASE("a client that waits to send its body is told to go on") {
  fixture x;
  auto client = x.client();
  client.send("PUT /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
              "Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n");
  CHECK(client.until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  CHECK(body(client.ask("{}")) == "PUT /x {}");
}

TEST_CASE("a large body arrives whole") {
  fixture x{[](exchange& e) { e.answer({.body = e.request().body}); }};
  auto content = std::string{};
  for (int i = 0; content.size() < 5'000'000; ++i)
    content += std::to_string(i);
  auto client = x.client();
  auto sender = std::thread{[&] { client.send(post(json, content)); }};
  auto reply = client.reply();
  sender.join();
  CHECK(body(reply) == content);
}

TEST_CASE("requests behind a large body are served") {
  fixture x;
  auto client = x.client();
  auto large = post(json, std::string(1'000'000, 'a'));
  for (int i = 0; i < 5; ++i) {
    auto sender = std::thread{[&] { client.send(large + get); }};
    CHECK(body(client.reply()).size() > 1'000'000);
    CHECK(body(client.reply()) == "GET / ");
    sender.join();
    CHECK(body(client.ask(get)) == "GET / ");
  }
}

TEST_CASE("an exchange that is dropped is a 500") {
  fixture x{[](exchange&) {}};
  auto reply = x.ask(get);
  CHECK(status(reply) == "HTTP/1.1 500 Internal Server Error");
  CHECK(contains(reply, "application/problem+json"));
}

TEST_CASE("an exchange is answered once") {
  fixture x{[](exchange& e) {
    e.answer({.body = "first"});
    e.answer({.body = "second"});
    CHECK(e.stream({}).write("third") == write_result::gone);
  }};
  auto client = x.client();
  CHECK(body(client.ask(get)) == "first");
  CHECK(body(client.ask(get)) == "first");
}

TEST_CASE("an exception in the handler is a 500") {
  auto aut = server::start({}, [](const exchange&) { throw 1; });
  REQUIRE(aut);
  CHECK(status(http_client{(*aut)->port()}.ask(get))
        == "HTTP/1.1 500 Internal Server Error");
}

TEST_CASE("a header cannot smuggle another one") {
  fixture x{[](exchange& e) {
    e.answer({.headers = {{"Location", "/a\r\nEvil: 1"},
                          {"Bad name", "b"},
                          {"content-length", "7"}}});
  }};
  auto reply = x.ask(get);
  CHECK(contains(reply, "Location: /a  Evil: 1\r\n"));
  CHECK_FALSE(contains(reply, "Bad name"));
  CHECK_FALSE(contains(reply, "content-length"));
}

TEST_CASE("a handler sees the request decoded") {
  shared<request> seen;
  fixture x{[&](exchange& e) {
    seen.set(e.request());
    e.answer({.status = 204});
  }};
  auto reply = x.ask("GET /v1/a%2fb?k=v%201 HTTP/1.1\r\nHost: localhost\r\n"
                     "X-One:  two \r\n\r\n");
  CHECK(status(reply) == "HTTP/1.1 204 No Content");
  CHECK_FALSE(contains(reply, "Content-Length"));
  auto request = seen.get().value();
  CHECK(request.segments == std::vector<std::string>{"v1", "a/b"});
  CHECK(request.parameter("k") == "v 1");
  CHECK(request.header("x-ONE") == "two");
  CHECK_FALSE(request.header("x-two"));
  CHECK(request.remote.starts_with("127.0.0.1:"));
}

// -- refusals ----------------------------------------------------------------

TEST_CASE("what is malformed is refused and the connection closed") {
  fixture x;
  for (auto bytes :
       {"GET / HTTP/1.1\nHost: localhost\n\n", "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET /%2 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\n folded\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
        "Transfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
        "Content-Length: 1\r\n\r\n",
        "CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n"}) {
    CAPTURE(bytes);
    auto client = x.client();
    client.send(bytes);
    auto reply = client.rest();
    CHECK(status(reply) == "HTTP/1.1 400 Bad Request");
    CHECK(contains(reply, "Content-Type: application/problem+json\r\n"));
    CHECK(contains(reply, "Connection: close\r\n"));
    CHECK(contains(body(reply), R"("title":"Bad Request","status":400,)"
                                R"("detail":")"));
  }
}

TEST_CASE("a host that is not ours is refused") {
  fixture x{echo, {.allowed_hosts = {"troupe.example", "10.0.0.1"}}};
  auto to = [&](std::string_view host) {
    return status(
      x.ask("GET / HTTP/1.1\r\nHost: " + std::string{host} + "\r\n\r\n"));
  };
  for (auto host : {"localhost", "LOCALHOST:80", "127.0.0.1", "[::1]:4640",
                    "troupe.example:4640", "10.0.0.1"})
    CHECK(to(host) == "HTTP/1.1 200 OK");
  for (auto host : {"evil.example", "127.0.0.1.evil.example", "10.0.0.2"})
    CHECK(to(host) == "HTTP/1.1 421 Misdirected Request");
}

TEST_CASE("pages of other origins are refused") {
  fixture x;
  auto from = [&](std::string_view origin) {
    return status(x.ask("GET / HTTP/1.1\r\nHost: localhost:4640\r\nOrigin: "
                        + std::string{origin} + "\r\n\r\n"));
  };
  CHECK(from("http://localhost:4640") == "HTTP/1.1 200 OK");
  CHECK(from("https://localhost:4640") == "HTTP/1.1 200 OK");
  for (auto origin : {"null", "", "http://evil.example", "http://localhost",
                      "http://localhost:8080", "http://localhost:4640.evil"})
    CHECK(from(origin) == "HTTP/1.1 403 Forbidden");
}

TEST_CASE("a write must be JSON") {
  fixture x;
  CHECK(status(x.ask(post("", "a=b")))
        == "HTTP/1.1 415 Unsupported Media Type");
  for (auto type : {"text/plain", "application/x-www-form-urlencoded",
                    "application/jsonx", "text/plain; a=application/json"})
    CHECK(
      status(x.ask(post("Content-Type: " + std::string{type} + "\r\n", "{}")))
      == "HTTP/1.1 415 Unsupported Media Type");
  CHECK(status(x.ask(post("Content-Type: text/plain\r\n", "")))
        == "HTTP/1.1 415 Unsupported Media Type");
  CHECK(
    status(x.ask(post(std::string{json} + "Content-Encoding: gzip\r\n", "{}")))
    == "HTTP/1.1 415 Unsupported Media Type");
  CHECK(status(x.ask(
          post("Content-Type: Application/JSON; charset=utf-8\r\n", "{}")))
        == "HTTP/1.1 200 OK");
  CHECK(status(x.ask(post("", ""))) == "HTTP/1.1 200 OK");
}

TEST_CASE("other expectations and methods are refused") {
  fixture x;
  CHECK(status(x.ask(post(std::string{json} + "Expect: a pony\r\n", "{}")))
        == "HTTP/1.1 417 Expectation Failed");
  CHECK(status(x.ask("TRACE / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        == "HTTP/1.1 501 Not Implemented");
}

TEST_CASE("a body over the limit is refused and the reply arrives") {
  fixture x{echo, {.body_bytes_max = 1000}};
  CHECK(status(x.ask(post(json, std::string(1000, 'a')))) == "HTTP/1.1 200 OK");
  // The client sends it all before it reads, as most do.
  auto client = x.client();
  client.send(post(json, std::string(1'000'000, 'a')));
  CHECK(status(client.rest()) == "HTTP/1.1 413 Content Too Large");
}

TEST_CASE("headers over the limit are refused") {
  fixture x{echo, {.header_bytes_max = 1000}};
  auto client = x.client();
  client.send("GET / HTTP/1.1\r\nHost: localhost\r\nA: "
              + std::string(2000, 'a'));
  CHECK(status(client.rest())
        == "HTTP/1.1 431 Request Header Fields Too Large");
}

TEST_CASE("clients beyond the limit are told to come back") {
  fixture x{echo, {.connections_max = 2}};
  auto a = x.client();
  auto b = std::optional{x.client()};
  CHECK(status(a.ask(get)) == "HTTP/1.1 200 OK");
  CHECK(status(b->ask(get)) == "HTTP/1.1 200 OK");
  auto refused = x.client().rest();
  CHECK(status(refused) == "HTTP/1.1 503 Service Unavailable");
  CHECK(contains(refused, "Retry-After: 1\r\n"));
  b.reset();
  CHECK(eventually([&] { return status(x.ask(get)) == "HTTP/1.1 200 OK"; }));
}

// -- deadlines ---------------------------------------------------------------

TEST_CASE("headers that take too long are a 408") {
  fixture x{echo, {.deadlines = {.header = 150ms}}};
  auto client = x.client();
  client.send("GET / HTTP/1.1\r\nHost: loc");
  CHECK(status(client.rest()) == "HTTP/1.1 408 Request Timeout");
}

TEST_CASE("a byte now and then does not extend the deadline") {
  fixture x{echo, {.deadlines = {.header = 150ms}}};
  auto client = x.client();
  client.send("GET / HTTP/1.1\r\n");
  auto done = std::atomic<bool>{false};
  auto sender = std::thread{[&] {
    while (!done) {
      client.send("A: b\r\n");
      std::this_thread::sleep_for(5ms);
    }
  }};
  auto reply = client.until("\r\n\r\n");
  done = true;
  sender.join();
  CHECK(status(reply) == "HTTP/1.1 408 Request Timeout");
}

TEST_CASE("a body that takes too long is a 408") {
  fixture x{echo, {.deadlines = {.body = 40ms}}};
  auto client = x.client();
  client.send("PUT / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n"
              "Content-Type: application/json\r\n\r\nhalf");
  CHECK(status(client.rest()) == "HTTP/1.1 408 Request Timeout");
}

TEST_CASE("a connection that says nothing is closed in silence") {
  fixture x{echo, {.deadlines = {.header = 150ms, .idle = 60ms}}};
  CHECK(x.client().rest().empty());
  auto client = x.client();
  CHECK(status(client.ask(get)) == "HTTP/1.1 200 OK");
  CHECK(client.rest().empty());
}

TEST_CASE("a client that does not read is cut off") {
  auto answered = std::atomic<bool>{false};
  fixture x{[&](exchange& e) {
              e.answer({.body = std::string(32 << 20, 'a')});
              answered = true;
            },
            {.deadlines = {.write = 60ms}}};
  auto client = http_client{x.aut->port(), 4096};
  client.send(get);
  CHECK(eventually([&] { return answered.load(); }));
  CHECK(eventually([&] { return x.aut->connections() == 0; }));
}

TEST_CASE("a request that waits for its answer has no deadline") {
  shared<exchange> open;
  fixture x{[&](exchange& e) { open.set(e); },
            {.deadlines = {
               .header = 150ms, .body = 150ms, .write = 150ms, .idle = 150ms}}};
  auto client = x.client();
  client.send(get);
  CHECK(eventually([&] { return open.get().has_value(); }));
  // Longer than all deadlines together: two others come and go meanwhile.
  CHECK(x.client().rest().empty());
  CHECK(x.client().rest().empty());
  open.take()->answer({.body = "late"});
  CHECK(body(client.reply()) == "late");
}

// -- streams -----------------------------------------------------------------

TEST_CASE("a client that leaves while it waits makes room for others") {
  shared<exchange> open;
  fixture x{[&](exchange& e) { open.set(e); }, {.deadlines = {.gone = 60ms}}};
  auto client = x.client();
  client.send(get);
  CHECK(eventually([&] { return open.get().has_value(); }));
  CHECK(x.aut->connections() == 1);
  client.end_input();
  CHECK(eventually([&] { return x.aut->connections() == 0; }));
}

TEST_CASE("a stream is a chunked reply, and the connection lives on") {
  fixture x{[](exchange& e) {
    auto out = e.stream({.content_type = "text/plain", .body = "zero "});
    CHECK(out.write("one ") == write_result::taken);
    CHECK(out.write("") == write_result::taken);
    CHECK(out.write(std::string(20, 'x')) == write_result::taken);
    out.end();
    CHECK(out.write("late") == write_result::gone);
  }};
  auto client = x.client();
  for (int i = 0; i < 2; ++i) {
    client.send(get);
    auto head = client.until("\r\n\r\n");
    CHECK(status(head) == "HTTP/1.1 200 OK");
    CHECK(contains(head, "Transfer-Encoding: chunked\r\n"));
    CHECK_FALSE(contains(head, "Content-Length"));
    CHECK(client.until("0\r\n\r\n")
          == "5\r\nzero \r\n4\r\none \r\n14\r\n" + std::string(20, 'x')
               + "\r\n0\r\n\r\n");
  }
}

TEST_CASE("a stream to HTTP/1.0 ends with the connection") {
  fixture x{[](exchange& e) {
    auto out = e.stream({});
    CHECK(out.write("abc") == write_result::taken);
    out.end();
  }};
  auto client = x.client();
  client.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(body(client.rest()) == "abc");
}

TEST_CASE("a stream has no body for HEAD") {
  fixture x{[](exchange& e) {
    CHECK(e.stream({.body = "a"}).write("b") == write_result::gone);
  }};
  auto client = x.client();
  for (int i = 0; i < 2; ++i)
    CHECK(contains(client.ask("HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n"),
                   "Transfer-Encoding: chunked\r\n"));
}

TEST_CASE("a stream that is dropped cuts the connection") {
  fixture x{[](exchange& e) {
    CHECK(e.stream({}).write("abc") == write_result::taken);
  }};
  auto client = x.client();
  client.send(get);
  CHECK_FALSE(contains(client.rest(), "\r\n0\r\n\r\n"));
}

TEST_CASE("a stream learns that its client is gone") {
  auto closed = std::atomic<int>{0};
  shared<stream_writer> out;
  fixture x{[&](exchange& e) {
    out.set(e.stream({}, {.on_close = [&] { ++closed; }}));
  }};
  {
    auto client = x.client();
    client.send(get);
    client.until("\r\n\r\n");
  }
  CHECK(eventually([&] { return closed == 1; }));
  CHECK(out.take()->write("a") == write_result::gone);
  CHECK(closed == 1);
}

TEST_CASE("a stream to a slow reader stays bounded and nothing is lost") {
  constexpr auto bytes_max = std::size_t{64 * 1024};
  constexpr auto lines = 16'000; // More than the kernel's buffers hold.
  auto drained = std::atomic<int>{0};
  auto refused = std::atomic<int>{0};
  auto over = std::atomic<int>{0};
  fixture x{[&](exchange& e) {
              auto out = e.stream({}, {.on_drain = [&] { ++drained; }});
              auto line = std::string(1000, 'a');
              for (int i = 0; i < lines; ++i) {
                auto before = drained.load();
                while (out.write(line) != write_result::taken) {
                  ++refused;
                  if (!eventually([&] { return drained != before; }))
                    return;
                  before = drained;
                }
                over += out.waiting() > bytes_max;
              }
              out.end();
            },
            {.stream_bytes_max = bytes_max}};
  auto client = http_client{x.aut->port(), 64 * 1024};
  client.send(get);
  client.until("\r\n\r\n");
  // Reads nothing before the writer was told to wait.
  CHECK(eventually([&] { return refused > 0; }));
  // Each line is framed by "3e8\r\n" and "\r\n".
  CHECK(client.until("\r\n0\r\n\r\n").size() == lines * 1007 + 5);
  CHECK(over == 0);
}

TEST_CASE("a chunk beyond the limit is taken when nothing waits") {
  fixture x{[](exchange& e) {
              auto out = e.stream({});
              CHECK(eventually([&] { return out.waiting() == 0; }));
              CHECK(out.write(std::string(5000, 'a')) == write_result::taken);
              out.end();
            },
            {.stream_bytes_max = 100}};
  auto client = x.client();
  client.send(get);
  CHECK(client.until("0\r\n\r\n").size() > 5000);
}

// -- the whole ---------------------------------------------------------------

TEST_CASE("a thousand connections are served") {
  // Both ends of each are here, and a shell often allows 1024 only.
  auto files = rlimit{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = std::min<rlim_t>(files.rlim_max, 4096);
  setrlimit(RLIMIT_NOFILE, &files);
  fixture x;
  auto clients = std::vector<http_client>{};
  for (int i = 0; i < 1000; ++i)
    clients.push_back(x.client());
  for (int round = 0; round < 3; ++round) {
    for (auto& client : clients)
      client.send(get);
    auto wrong = 0;
    for (auto& client : clients)
      wrong += body(client.reply()) != "GET / ";
    CHECK(wrong == 0);
  }
  CHECK(x.aut->connections() == 1000);
  clients.clear();
  CHECK(eventually([&] { return x.aut->connections() == 0; }));
}

TEST_CASE("clients that misbehave at random harm nobody") {
  auto answers = std::mt19937{5};
  fixture x{[&](exchange& e) {
              auto kind = answers() % 4;
              if (kind == 0)
                return; // Dropped.
              if (kind == 1)
                return e.answer(
                  {.body = std::string(answers() % 200'000, 'a')});
              if (kind == 2)
                return echo(e);
              auto out = e.stream({});
              for (auto n = answers() % 20; n > 0; --n)
                std::ignore = out.write(std::string(answers() % 3000, 'a'));
              if (answers() % 4 > 0)
                out.end();
            },
            {.stream_bytes_max = 10'000,
             .deadlines = {.header = 50ms,
                           .body = 50ms,
                           .write = 50ms,
                           .idle = 50ms,
                           .linger = 50ms}}};
  auto misbehave = [&](std::uint32_t seed) {
    auto random = std::mt19937{seed};
    const auto parts
      = std::vector<std::string>{get,
                                 post(json, "{}"),
                                 post(json, std::string(300'000, 'a')),
                                 "HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n",
                                 "GET / HTTP/1.0\r\n\r\n",
                                 "PUT / HTTP/1.1\r\nHost: localhost\r\n",
                                 json,
                                 "Transfer-Encoding: chunked\r\n\r\n",
                                 "5\r\nabcde\r\n",
                                 "0\r\n\r\n",
                                 "Expect: 100-continue\r\n",
                                 "\xff\r\n"};
    for (int i = 0; i < 60; ++i) {
      auto client = x.client();
      for (auto n = random() % 12; n > 0; --n) {
        auto part = std::string_view{
          parts[random() % 10 == 0 ? random() % parts.size() : random() % 4]};
        auto cut = random() % part.size();
        client.send(part.substr(0, cut));
        if (random() % 3 == 0 && !client.receive())
          break;
        client.send(part.substr(cut));
      }
      if (random() % 3 == 0)
        client.end_input();
      if (random() % 2 == 0)
        client.rest();
    }
  };
  auto threads = std::vector<std::thread>{};
  for (std::uint32_t seed = 1; seed <= 4; ++seed)
    threads.emplace_back(misbehave, seed);
  for (auto& thread : threads)
    thread.join();
  CHECK(eventually([&] { return x.aut->connections() == 0; }));
  // Not at once: its deadlines are too short for a busy machine.
  CHECK(eventually([&] { return x.ask(get).starts_with("HTTP/1.1 "); }));
}

TEST_CASE("a server stops while requests and streams are open") {
  auto closed = std::atomic<int>{0};
  auto asked = std::atomic<int>{0};
  shared<exchange> open;
  shared<stream_writer> out;
  fixture x{[&](exchange& e) {
    if (++asked == 1)
      open.set(e);
    else
      out.set(e.stream({}, {.on_close = [&] { ++closed; }}));
  }};
  auto a = x.client();
  auto b = x.client();
  auto c = x.client();
  a.send(get);
  CHECK(eventually([&] { return open.get().has_value(); }));
  b.send(get);
  CHECK(contains(b.until("\r\n\r\n"), "200 OK"));
  REQUIRE(eventually([&] { return out.get().has_value(); }));
  c.send("GET / HT");
  x.aut->stop();
  CHECK(closed == 1);
  CHECK(a.rest().empty());
  CHECK(b.rest().empty());
  CHECK(c.rest().empty());
  // What is still open answers to nobody, also after the server is gone.
  x.aut.reset();
  CHECK(out.take()->write("a") == write_result::gone);
  auto late = open.take().value();
  auto again = late.stream({}, {.on_close = [&] { ++closed; }});
  CHECK(closed == 2);
  CHECK(again.write("a") == write_result::gone);
}

TEST_CASE("what was answered before the stop arrives") {
  shared<exchange> open;
  fixture x{[&](exchange& e) { open.set(e); }};
  auto client = x.client();
  client.send(get);
  CHECK(eventually([&] { return open.get().has_value(); }));
  open.take()->answer({.body = "last words"});
  x.aut->stop();
  CHECK(body(client.rest()) == "last words");
}

TEST_CASE("a port in use is reported") {
  fixture x;
  auto second = server::start({.port = x.aut->port()}, [](const exchange&) {});
  REQUIRE_FALSE(second);
  CHECK(second.error()
        == "cannot listen on 127.0.0.1:" + std::to_string(x.aut->port())
             + ": address already in use");
  CHECK_FALSE(server::start({.host = "192.0.2.1"}, [](const exchange&) {}));
  CHECK_FALSE(server::start({.host = "[::zz]"}, [](const exchange&) {}));
}

TEST_CASE("a server listens on IPv6 where there is any") {
  auto aut = server::start({.host = "[::1]"}, [](const exchange&) {});
  if (!aut)
    CHECK(contains(aut.error(), "cannot listen on [::1]:0: "));
  else
    CHECK((*aut)->address() == "[::1]:" + std::to_string((*aut)->port()));
}
