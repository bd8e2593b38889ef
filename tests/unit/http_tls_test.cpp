#include <atomic>
#include <mutex>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "runtime/http/server.hpp"

#include "tests/unit/http_client.hpp"

using namespace std::chrono_literals;
using namespace troupe::runtime::http;
using namespace troupe::tests;

namespace {

/// A certificate of nobody but itself, by the name of `name`.
tls_context certificate_of(const char* name) {
  auto* key = EVP_EC_gen("P-256");
  auto* x = X509_new();
  X509_set_version(x, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
  X509_gmtime_adj(X509_getm_notBefore(x), 0);
  X509_gmtime_adj(X509_getm_notAfter(x), 3600);
  X509_set_pubkey(x, key);
  auto* subject = X509_get_subject_name(x);
  X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>(name), -1,
                             -1, 0);
  X509_set_issuer_name(x, subject);
  X509_sign(x, key, EVP_sha256());
  tls_context result{SSL_CTX_new(TLS_method()), &SSL_CTX_free};
  SSL_CTX_use_certificate(result.get(), x);
  SSL_CTX_use_PrivateKey(result.get(), key);
  X509_free(x);
  EVP_PKEY_free(key);
  return result;
}

/// A client that speaks TLS over a bare connection and believes anybody.
class tls_client {
public:
  explicit tls_client(const http_client& below, int newest = 0)
    : context_(SSL_CTX_new(TLS_client_method()), &SSL_CTX_free),
      tls_(SSL_new(context_.get()), &SSL_free) {
    // Even what is too old is to be offered, so that the server refuses it.
    SSL_set_security_level(tls_.get(), 0);
    SSL_set_min_proto_version(tls_.get(), TLS1_VERSION);
    SSL_set_max_proto_version(tls_.get(), newest);
    SSL_set_fd(tls_.get(), below.socket());
    connected_ = SSL_connect(tls_.get()) == 1;
    ERR_clear_error();
  }

  [[nodiscard]] bool connected() const { return connected_; }

  /// The name on the server's certificate.
  [[nodiscard]] std::string server() const {
    auto* x = SSL_get1_peer_certificate(tls_.get());
    char name[64] = {};
    X509_NAME_get_text_by_NID(X509_get_subject_name(x), NID_commonName, name,
                              sizeof name);
    X509_free(x);
    return name;
  }

  void send(std::string_view bytes) const {
    SSL_write(tls_.get(), bytes.data(), static_cast<int>(bytes.size()));
  }

  bool receive() {
    char bytes[16384];
    auto size = SSL_read(tls_.get(), bytes, sizeof bytes);
    if (size <= 0) {
      said_goodbye_ = SSL_get_error(tls_.get(), size) == SSL_ERROR_ZERO_RETURN;
      ERR_clear_error();
      return false;
    }
    input_.append(bytes, static_cast<size_t>(size));
    return true;
  }

  std::string until(std::string_view end) {
    auto found = input_.find(end);
    while (found == std::string::npos && receive())
      found = input_.find(end);
    auto size = found == std::string::npos ? input_.size() : found + end.size();
    auto result = input_.substr(0, size);
    input_.erase(0, size);
    return result;
  }

  std::string rest() {
    while (receive())
      continue;
    return std::exchange(input_, {});
  }

  /// Whether the server has ended its output as TLS wants it.
  [[nodiscard]] bool said_goodbye() const { return said_goodbye_; }

private:
  tls_context context_;
  std::shared_ptr<SSL> tls_;
  bool connected_ = false;
  bool said_goodbye_ = false;
  std::string input_;
};

/// A server that says what it was asked.
struct fixture {
  explicit fixture(server_options options = {}) {
    if (!options.certificates)
      options.certificates = [this] {
        std::lock_guard guard{mutex};
        return certificate;
      };
    auto started = server::start(std::move(options), [](const exchange& x) {
      x.answer({.body = "<" + x.request().path + " " + x.request().body + ">"});
    });
    REQUIRE(started);
    aut = std::move(*started);
  }

  [[nodiscard]] http_client client() const { return http_client{aut->port()}; }

  std::mutex mutex;
  tls_context certificate = certificate_of("first");
  std::unique_ptr<server> aut;
};

std::string get(const std::string& path, const char* more = "") {
  return "GET " + path + " HTTP/1.1\r\nHost: localhost\r\n" + more + "\r\n";
}

constexpr auto close_it = "Connection: close\r\n";

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("one request after the other is answered by TLS") {
  fixture f;
  auto below = f.client();
  tls_client client{below};
  REQUIRE(client.connected());
  client.send(get("/a"));
  CHECK(contains(client.until("\r\n\r\n"), "200 OK"));
  CHECK_EQ(client.until(">"), "</a >");
  // Of many records, in both directions.
  auto body = std::string(1'000'000, 'x');
  client.send("POST /b HTTP/1.1\r\nHost: localhost\r\nContent-Type: "
              "application/json\r\nContent-Length: 1000000\r\n\r\n"
              + body);
  client.until("\r\n\r\n");
  CHECK_EQ(client.until(">"), "</b " + body + ">");
  client.send(get("/c", close_it));
  CHECK(contains(client.rest(), "</c >"));
  CHECK(client.said_goodbye());
}

TEST_CASE("a WebSocket is one by TLS as well") {
  server_options options;
  options.certificates = [x = certificate_of("any")] { return x; };
  stream_writer writer;
  auto started = server::start(options, [&](exchange x) {
    writer = x.open_socket({.on_message = [&](std::string text) {
      CHECK(writer.write("<" + text + ">") == write_result::taken);
    }});
  });
  REQUIRE(started);
  http_client below{(*started)->port()};
  tls_client client{below};
  client.send("GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
              "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  CHECK(contains(client.until("\r\n\r\n"), "101 "));
  // A text of five letters, masked by zeros.
  client.send(std::string{"\x81\x85\0\0\0\0hello", 11});
  CHECK(contains(client.until(">"), "<hello>"));
  (*started)->stop();
}

TEST_CASE(
  "a WebSocket whose client goes while it is asked whether it lives ends") {
  server_options options;
  options.certificates = [x = certificate_of("any")] { return x; };
  options.deadlines.idle = 20ms;
  std::mutex mutex;
  std::vector<stream_writer> writers;
  auto started = server::start(options, [&](const exchange& x) {
    std::lock_guard guard{mutex};
    writers.push_back(x.open_socket({}));
  });
  REQUIRE(started);
  for (int i = 0; i < 50; ++i) {
    http_client below{(*started)->port()};
    tls_client client{below};
    client.send("GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
                "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    client.until("\r\n\r\n");
    if (i % 2 == 0)
      client.receive();
  }
  CHECK(eventually([&] { return (*started)->connections() == 0; }));
  (*started)->stop();
}

TEST_CASE("who speaks in the clear where TLS is spoken is told so") {
  fixture f;
  auto client = f.client();
  client.send(get("/"));
  auto reply = client.rest();
  CHECK(contains(reply, "HTTP/1.1 400"));
  CHECK(contains(reply, "https://"));
}

TEST_CASE("garbage instead of a handshake ends the connection") {
  fixture f;
  for (auto bytes :
       {std::string{"\0\1\2\3", 4}, std::string{"\x16\x03\x01\0\5hello", 10},
        std::string(100'000, '\xff'),
        std::string{"\x16\x03\x03\xff\xff"} + std::string(100'000, '\0')}) {
    auto client = f.client();
    client.send(bytes);
    CHECK_FALSE(contains(client.rest(), "HTTP"));
  }
  CHECK(eventually([&] { return f.aut->connections() == 0; }));
  // Nobody else was disturbed.
  auto below = f.client();
  CHECK(tls_client{below}.connected());
}

TEST_CASE("a handshake that takes too long is ended") {
  server_options options;
  options.deadlines.handshake = 40ms;
  fixture f{options};
  auto silent = f.client();
  auto slow = f.client();
  slow.send("\x16\x03\x01");
  CHECK_EQ(silent.rest(), "");
  CHECK_EQ(slow.rest(), "");
  CHECK(eventually([&] { return f.aut->connections() == 0; }));
}

TEST_CASE("only TLS 1.2 and later is spoken") {
  fixture f;
  auto old = f.client();
  CHECK_FALSE(tls_client{old, TLS1_1_VERSION}.connected());
  auto recent = f.client();
  CHECK(tls_client{recent, TLS1_2_VERSION}.connected());
}

TEST_CASE("a certificate that is replaced is shown to the next client") {
  fixture f;
  auto below = f.client();
  tls_client before{below};
  {
    std::lock_guard guard{f.mutex};
    f.certificate = certificate_of("second");
  }
  auto next = f.client();
  CHECK_EQ(tls_client{next}.server(), "second");
  CHECK_EQ(before.server(), "first");
  before.send(get("/still"));
  CHECK(contains(before.until(">"), "</still >"));
}

TEST_CASE("without a certificate nobody is served in the clear instead") {
  server_options options;
  options.certificates = [] { return tls_context{}; };
  fixture f{options};
  auto client = f.client();
  client.send(get("/"));
  CHECK_EQ(client.rest(), "");
}

TEST_CASE("a client by TLS that reads slowly gets all of a large reply") {
  server_options options;
  options.certificates = [x = certificate_of("any")] { return x; };
  auto size = size_t{8} << 20;
  auto started = server::start(options, [size](const exchange& x) {
    x.answer({.body = std::string(size, 'x')});
  });
  REQUIRE(started);
  http_client below{(*started)->port(), 4096};
  tls_client client{below};
  client.send(get("/", close_it));
  client.until("\r\n\r\n");
  CHECK_EQ(client.rest().size(), size);
}

TEST_CASE("clients by TLS that go away in the middle disturb nobody") {
  server_options options;
  options.certificates = [x = certificate_of("any")] { return x; };
  auto started = server::start(options, [](const exchange& x) {
    x.answer({.body = std::string(size_t{8} << 20, 'x')});
  });
  REQUIRE(started);
  for (int i = 0; i < 20; ++i) {
    http_client below{(*started)->port()};
    tls_client client{below};
    client.send(get("/"));
    client.receive();
  }
  CHECK(eventually([&] { return (*started)->connections() == 0; }));
}

TEST_CASE("clients by TLS beyond the limit are told so") {
  server_options options;
  options.connections_max = 1;
  fixture f{options};
  auto below = f.client();
  tls_client first{below};
  auto next = f.client();
  tls_client second{next};
  CHECK(contains(second.rest(), "HTTP/1.1 503"));
  first.send(get("/"));
  CHECK(contains(first.until(">"), "</ >"));
}

TEST_CASE("two hundred clients by TLS are served at once") {
  fixture f;
  std::atomic<int> answered{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      std::vector<http_client> below;
      std::vector<tls_client> clients;
      for (int k = 0; k < 25; ++k)
        below.push_back(f.client());
      for (auto& x : below)
        clients.emplace_back(x);
      for (auto& x : clients)
        x.send(get("/all"));
      for (auto& x : clients)
        answered += contains(x.until(">"), "</all >") ? 1 : 0;
    });
  for (auto& x : threads)
    x.join();
  CHECK_EQ(answered, 200);
}
