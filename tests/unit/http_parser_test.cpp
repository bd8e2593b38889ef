#include <random>

#include <doctest/doctest.h>

#include "runtime/http/parser.hpp"

using namespace troupe::runtime::http;

namespace {

constexpr auto limits = parser_options{
  .header_bytes_max = 1024,
  .headers_max = 10,
  .body_bytes_max = 64,
};

/// Puts bytes in pieces of the given size, as a connection does, and says what
/// became of them, up to the end or the first refusal.
std::string run(std::string_view bytes, std::size_t piece = 1 << 20) {
  parser aut{limits};
  auto result = std::string{};
  auto begin = std::size_t{0};
  auto end = std::size_t{0};
  for (;;) {
    auto taken = aut.put(bytes.substr(begin, end - begin));
    begin += taken;
    if (aut.where() == parser::stage::failed)
      return result + std::to_string(aut.failure().status);
    if (aut.where() == parser::stage::done) {
      auto& x = aut.message();
      result += std::string{to_string(x.method)} + " " + x.path + " "
                + std::to_string(x.headers.size()) + " '" + x.body + "' ";
      aut.reset();
      continue;
    }
    if (taken > 0 && begin < end)
      continue;
    if (end == bytes.size())
      return result + "more";
    end = std::min(bytes.size(), end + piece);
  }
}

/// The outcome, which must not depend on how the bytes are cut.
std::string outcome(std::string_view bytes) {
  auto whole = run(bytes);
  for (auto piece : {1, 2, 3, 4, 5, 7, 11}) {
    CAPTURE(bytes);
    CAPTURE(piece);
    CHECK(run(bytes, static_cast<std::size_t>(piece)) == whole);
  }
  return whole;
}

std::string with(std::string_view headers, std::string_view body = "") {
  return outcome("POST /x HTTP/1.1\r\n" + std::string{headers} + "\r\n"
                 + std::string{body});
}

} // namespace

TEST_CASE("requests come out one after the other") {
  CHECK(outcome("GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
                "POST /b HTTP/1.0\r\nContent-Length: 3\r\nA: b\r\n\r\nxyz"
                "DELETE /c HTTP/1.1\r\n\r\n")
        == "GET /a 1 '' POST /b 2 'xyz' DELETE /c 0 '' more");
}

TEST_CASE("a chunked body is put together and its trailers are dropped") {
  CHECK(with("Transfer-Encoding: Chunked\r\n",
             "3\r\nabc\r\n5;a=b;c=\"d\"\r\n01234\r\n0\r\nHost: evil\r\n\r\n")
        == "POST /x 1 'abc01234' more");
  CHECK(with("Transfer-Encoding: chunked\r\n", "0\r\n\r\n")
        == "POST /x 1 '' more");
}

TEST_CASE("what stands for two bodies is refused") {
  CHECK(with("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n") == "400");
  CHECK(with("Transfer-Encoding: chunked\r\nContent-Length: 3\r\n") == "400");
  CHECK(with("Content-Length: 3\r\nContent-Length: 4\r\n") == "400");
  CHECK(with("Content-Length: 3\r\nContent-Length: 3\r\n") == "400");
  for (auto x : {"+5", "0x5", "5,5", "-1", "", "5 5", "18446744073709551616"})
    CHECK(with("Content-Length: " + std::string{x} + "\r\n") == "400");
  for (auto x : {"chunked, identity", "identity", "gzip, chunked", "xchunked",
                 "chunked, chunked", "",
                 "\x0b"
                 "chunked"})
    CHECK(with("Transfer-Encoding: " + std::string{x} + "\r\n") == "400");
  CHECK(with("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n")
        == "400");
  CHECK(outcome("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n")
        == "400");
}

TEST_CASE("broken chunks are refused") {
  for (auto x :
       {"x\r\n\r\n", "\r\n\r\n\r\n", "5 \r\nabcde\r\n", "-5\r\nabcde\r\n",
        "10000000000000000\r\n", "0x3\r\nabc\r\n0\r\n\r\n",
        "3\nabc\r\n0\r\n\r\n\r\n", "3\r\nabcd\r\n0\r\n\r\n",
        "3\r\nabc0\r\n\r\n", "0\r\nA : b\r\n\r\n"}) {
    CAPTURE(x);
    CHECK(with("Transfer-Encoding: chunked\r\n", x) == "400");
  }
}

TEST_CASE("headers that other programs read differently are refused") {
  for (auto x :
       {"A: b\r\n folded\r\n", "A: b\r\n\tfolded\r\n", " A: b\r\n", "A : b\r\n",
        "A\t: b\r\n", ": b\r\n", "A\r\n", "A: b\n", "A: b\rc\r\n",
        "A: b\x01\r\n", "A: b\x7f\r\n", "A\x80: b\r\n", "A: b\r\nB: c\n\r\n"}) {
    CAPTURE(x);
    CHECK(with(x) == "400");
  }
  using namespace std::literals;
  CHECK(with("A: \0\r\n"sv) == "400");
  CHECK(with("A\0: b\r\n"sv) == "400");
}

TEST_CASE("a request line that is not one is refused at once") {
  CHECK(outcome("GET /\r\n") == "400");
  CHECK(outcome("GET / HTTP/1.1\n") == "400");
  CHECK(outcome("GET  / HTTP/1.1\r\n") == "400");
  CHECK(outcome("GET / HTTP/1.1 \r\n") == "400");
  CHECK(outcome("GET / HTTP/x.1\r\n") == "400");
  CHECK(outcome("GET / http/1.1\r\n") == "400");
  CHECK(outcome("GET /%zz HTTP/1.1\r\n") == "400");
  CHECK(outcome("GET http://localhost/ HTTP/1.1\r\n") == "400");
  CHECK(outcome("CONNECT localhost:80 HTTP/1.1\r\n") == "400");
  CHECK(outcome("OPTIONS * HTTP/1.1\r\n") == "400");
  CHECK(outcome("TRACE / HTTP/1.1\r\n") == "501");
  CHECK(outcome("get / HTTP/1.1\r\n") == "501");
  CHECK(outcome("GET / HTTP/1.2\r\n") == "505");
  CHECK(outcome("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == "505");
  CHECK(outcome("\x16\x03\x01") == "400");
  CHECK(outcome("\r\n\r\nGET / HTTP/1.1\r\n") == "400");
  CHECK(outcome("\r\nGET / HTTP/1.0\r\n\r\n") == "GET / 0 '' more");
}

TEST_CASE("what is too large is refused before it is all there") {
  CHECK(outcome("GET /" + std::string(1024, 'a')) == "414");
  CHECK(with("A: " + std::string(1024, 'a')) == "431");
  auto many = std::string{};
  for (int i = 0; i < 11; ++i)
    many += "A: b\r\n";
  CHECK(with(many) == "431");
  CHECK(with("Content-Length: 65\r\n") == "413");
  CHECK(with("Transfer-Encoding: chunked\r\n", "41\r\n") == "more");
  CHECK(with("Transfer-Encoding: chunked\r\n", "41\r\nabcde") == "413");
  CHECK(with("Transfer-Encoding: chunked\r\n", "1;" + std::string(40'000, 'a'))
        == "400");
  CHECK(with("Transfer-Encoding: chunked\r\n",
             "0\r\nA: " + std::string(40'000, 'a'))
        == "400");
}

TEST_CASE("the head can be judged before the body comes") {
  parser aut{limits};
  auto head = std::string_view{"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n"};
  CHECK(aut.put(head) == head.size());
  CHECK(aut.where() == parser::stage::body);
  CHECK(aut.has_body());
  CHECK(aut.message().header("content-length") == "2");
  CHECK(aut.put("ab") == 2);
  CHECK(aut.where() == parser::stage::done);
}

TEST_CASE("a client says whether another request will follow") {
  auto keeps = [](std::string_view bytes) {
    parser aut{limits};
    std::ignore = aut.put(bytes);
    return aut.keep_alive();
  };
  CHECK(keeps("GET / HTTP/1.1\r\n\r\n"));
  CHECK_FALSE(keeps("GET / HTTP/1.1\r\nConnection: Close\r\n\r\n"));
  CHECK_FALSE(keeps("GET / HTTP/1.0\r\n\r\n"));
  CHECK(keeps("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
}

TEST_CASE("random requests come out the same however they are cut") {
  constexpr std::string_view parts[] = {"GET / HTTP/1.1\r\n",
                                        "POST /a HTTP/1.1\r\n",
                                        "Host: h\r\n",
                                        "Content-Length: 5\r\n",
                                        "Transfer-Encoding: chunked\r\n",
                                        "\r\n",
                                        "\r\n",
                                        "\r",
                                        "\n",
                                        "5\r\n",
                                        "hello",
                                        "\r\n0\r\n\r\n",
                                        "0\r\n",
                                        "0",
                                        " ",
                                        "A: b\r\n",
                                        ";",
                                        "\"",
                                        "\xff",
                                        "1"};
  auto random = std::mt19937{3};
  for (int round = 0; round < 3000; ++round) {
    auto text = std::string{parts[random() % 2]};
    if (random() % 2 == 0)
      text += "Transfer-Encoding: chunked\r\n\r\n";
    for (auto n = random() % 10; n > 0; --n)
      text += parts[random() % std::size(parts)];
    // Beast gets no fewer than five bytes of chunks: they must not be missing.
    text += "zzzzz";
    auto whole = run(text);
    auto piece = 1 + random() % 9;
    CAPTURE(text);
    CAPTURE(piece);
    CHECK(run(text, piece) == whole);
  }
}
