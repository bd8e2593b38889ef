#include <future>

#include <doctest/doctest.h>
#include <unistd.h>

#include "runtime/http/client.hpp"

#include "tests/canned_server.hpp"

using namespace troupe::runtime::http;
using troupe::test::canned_server;
using namespace std::chrono_literals;
using exchange = canned_server::exchange;
using std::chrono::steady_clock;

namespace {

constexpr auto patience = 20s;

std::string url(const canned_server& x, const std::string& path = "/") {
  return "http://127.0.0.1:" + std::to_string(x.port()) + path;
}

client_reply wait_for(std::future<client_reply> x) {
  if (x.wait_for(patience) == std::future_status::ready)
    return x.get();
  client_reply none;
  none.error = "NO ANSWER";
  return none;
}

struct sent {
  uint64_t id = 0;
  std::future<client_reply> reply;
};

sent send(client& aut, client_request request) {
  auto promise = std::make_shared<std::promise<client_reply>>();
  auto future = promise->get_future();
  auto id = aut.submit(std::move(request), [promise](client_reply x) {
    promise->set_value(std::move(x));
  });
  return {id, std::move(future)};
}

client_reply ask(client& aut, client_request request) {
  return wait_for(send(aut, std::move(request)).reply);
}

bool ok(const exchange& x) {
  x.reply(200, "ok");
  return true;
}

bool hang(const exchange& x) {
  x.hang();
  return false;
}

} // namespace

TEST_CASE("a reply has a status, headers, and a body") {
  canned_server server{[](const exchange& x) {
    x.send("HTTP/1.1 201 Created\r\nX-Name:  some value \r\n"
           "Content-Length: 4\r\n\r\nbody");
    return true;
  }};
  client aut;
  auto reply = ask(aut, {.url = url(server)});
  CHECK(reply.failure == client_failure::none);
  CHECK(reply.error.empty());
  CHECK(reply.status == 201);
  CHECK(reply.body == "body");
  CHECK(reply.header("x-name") == "some value");
  CHECK(reply.header("none").empty());
}

TEST_CASE("method, path, headers and body are sent as given") {
  canned_server server{[](const exchange& x) {
    x.reply(200, x.text);
    return true;
  }};
  client aut;
  auto post = ask(aut, {.method = "POST",
                        .url = url(server, "/a?b=c"),
                        .headers = {"Content-Type: application/json"},
                        .body = std::string(5'000, 'x')});
  CHECK(post.body.starts_with("POST /a?b=c HTTP/1.1\r\n"));
  CHECK(post.body.find("Content-Type: application/json\r\n")
        != std::string::npos);
  CHECK(post.body.find("Expect") == std::string::npos);
  CHECK(post.body.ends_with("\r\n\r\n" + std::string(5'000, 'x')));
  auto empty = ask(aut, {.method = "POST", .url = url(server)});
  CHECK(empty.body.find("Content-Length: 0\r\n") != std::string::npos);
  auto gone = ask(aut, {.method = "DELETE", .url = url(server)});
  CHECK(gone.body.starts_with("DELETE / HTTP/1.1\r\n"));
  CHECK(gone.body.find("Content-Length") == std::string::npos);
}

TEST_CASE("a Unix socket is spoken to like a host") {
  auto path = "/tmp/troupe-client-" + std::to_string(::getpid());
  canned_server server{&ok, path};
  client aut;
  auto reply = ask(aut, {.url = "http://any/", .unix_socket = path});
  CHECK(reply.status == 200);
  CHECK(reply.body == "ok");
}

TEST_CASE("connections are kept, unless a request wants its own") {
  canned_server server{&ok};
  client aut;
  for (int i = 0; i < 3; ++i)
    CHECK(ask(aut, {.url = url(server)}).status == 200);
  CHECK(server.connections() == 1);
  CHECK(ask(aut, {.url = url(server), .fresh_connection = true}).status == 200);
  CHECK(server.connections() == 2);
}

TEST_CASE("where nobody listens nothing was sent") {
  client aut;
  uint16_t port = 0;
  {
    canned_server server{&ok};
    port = server.port();
  }
  auto reply = ask(aut, {.url = "http://127.0.0.1:" + std::to_string(port)});
  CHECK(reply.failure == client_failure::not_sent);
  CHECK(reply.status == 0);
  CHECK(!reply.error.empty());
  reply = ask(aut, {.url = "http://x/", .unix_socket = "/no/such/socket"});
  CHECK(reply.failure == client_failure::not_sent);
  for (auto bad : {"", "no url", "ftp://127.0.0.1/", "file:///etc/passwd"})
    CHECK(ask(aut, {.url = bad}).failure == client_failure::not_sent);
}

TEST_CASE("a server that hangs is left at the deadline") {
  canned_server server{&hang};
  client aut;
  auto before = steady_clock::now();
  auto whole = ask(aut, {.url = url(server), .timeout = 200ms});
  CHECK(whole.failure == client_failure::timed_out);
  auto head
    = ask(aut, {.url = url(server), .timeout = 0ms, .header_timeout = 200ms});
  CHECK(head.failure == client_failure::timed_out);
  CHECK(steady_clock::now() - before < patience);
}

TEST_CASE("a stream outlives the limit on its headers") {
  canned_server server{[](const exchange& x) {
    x.send("HTTP/1.1 200 OK\r\n\r\nfirst");
    x.hang();
    return false;
  }};
  client aut;
  std::promise<void> headers;
  std::promise<std::string> data;
  auto stream = send(
    aut,
    {.url = url(server),
     .timeout = 0ms,
     .header_timeout = 5s,
     .on_header =
       [&](int status, const client_headers&) {
         CHECK(status == 200);
         headers.set_value();
       },
     .on_data = [&](std::string_view x) { data.set_value(std::string{x}); }});
  headers.get_future().get();
  CHECK(data.get_future().get() == "first");
  aut.cancel(stream.id);
  auto reply = wait_for(std::move(stream.reply));
  CHECK(reply.failure == client_failure::cancelled);
  CHECK(reply.body.empty());
}

TEST_CASE("a reply that breaks off is not a reply") {
  canned_server server{[](const exchange& x) {
    x.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n");
    return false;
  }};
  client aut;
  auto reply = ask(aut, {.url = url(server)});
  CHECK(reply.failure == client_failure::cut);
  CHECK(reply.body == "ab");
}

TEST_CASE("a request on a connection of its own is sent once") {
  std::atomic<int> requests{0};
  canned_server server{[&](const exchange&) {
    ++requests;
    return false;
  }};
  client aut;
  auto reply = ask(
    aut, {.method = "POST", .url = url(server), .fresh_connection = true});
  CHECK(reply.failure == client_failure::cut);
  CHECK(requests == 1);
}

TEST_CASE("a body beyond its limit is refused") {
  canned_server server{[](const exchange& x) {
    x.reply(200, std::string(100'000, 'x'));
    return false;
  }};
  client aut;
  auto reply = ask(aut, {.url = url(server), .body_max = 50'000});
  CHECK(reply.failure == client_failure::too_large);
  CHECK(reply.body.size() <= 50'000);
  CHECK(ask(aut, {.url = url(server), .body_max = 100'000}).error.empty());
}

TEST_CASE("the body of an error is kept although data is streamed") {
  canned_server server{[](const exchange& x) {
    x.reply(404, "why");
    return true;
  }};
  client aut;
  auto reply = ask(aut, {.url = url(server), .on_data = [](std::string_view) {
                           FAIL_CHECK("not a stream");
                         }});
  CHECK(reply.status == 404);
  CHECK(reply.body == "why");
}

TEST_CASE("interim replies and redirects are not followed") {
  canned_server server{[](const exchange& x) {
    x.send("HTTP/1.1 103 Early Hints\r\nX-A: 1\r\n\r\n"
           "HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n");
    return true;
  }};
  client aut;
  auto reply = ask(aut, {.url = url(server)});
  CHECK(reply.status == 302);
  CHECK(reply.header("x-a").empty());
  CHECK(reply.header("location") == "/b");
}

TEST_CASE("more requests than the limit are refused in words") {
  canned_server server{&hang};
  client aut{{.open_max = 2}};
  auto first = send(aut, {.url = url(server)});
  auto second = send(aut, {.url = url(server)});
  auto third = ask(aut, {.url = url(server)});
  CHECK(third.failure == client_failure::refused);
  CHECK(third.error == "more than 2 requests are open");
  aut.cancel(first.id);
  CHECK(wait_for(std::move(first.reply)).failure == client_failure::cancelled);
  auto fourth = send(aut, {.url = url(server), .timeout = 100ms});
  CHECK(wait_for(std::move(fourth.reply)).failure == client_failure::timed_out);
  aut.cancel(second.id);
  aut.cancel(second.id);
  aut.cancel(12'345);
}

TEST_CASE("a client that goes answers what is open") {
  canned_server server{&hang};
  std::future<client_reply> open;
  {
    client aut;
    open = send(aut, {.url = url(server), .timeout = 0ms}).reply;
  }
  CHECK(wait_for(std::move(open)).failure == client_failure::cancelled);
}

TEST_CASE("requests are sent from callbacks, and a slow peer stops nobody") {
  canned_server slow{&hang};
  canned_server quick{&ok};
  client aut;
  auto stuck = send(aut, {.url = url(slow), .timeout = 0ms});
  std::promise<client_reply> last;
  aut.submit({.url = url(quick)}, [&](client_reply) {
    CHECK(aut.on_own_thread());
    aut.submit({.url = url(quick)},
               [&](client_reply x) { last.set_value(std::move(x)); });
  });
  CHECK(wait_for(last.get_future()).status == 200);
}

TEST_CASE("functions run on the client's thread, after their delay") {
  client aut;
  CHECK(!aut.on_own_thread());
  std::promise<bool> posted;
  aut.post([&] { posted.set_value(aut.on_own_thread()); });
  CHECK(posted.get_future().get());
  auto before = steady_clock::now();
  std::promise<void> late;
  aut.after(50ms, [&] { late.set_value(); });
  late.get_future().get();
  CHECK(steady_clock::now() - before >= 50ms);
}

TEST_CASE("text is encoded for a URL") {
  CHECK(url_encode("aZ09-._~") == "aZ09-._~");
  CHECK(url_encode("a b/\xc3\xa9{\"") == "a%20b%2F%C3%A9%7B%22");
}
