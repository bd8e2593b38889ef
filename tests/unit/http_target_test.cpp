#include <array>
#include <random>

#include <doctest/doctest.h>

#include "runtime/http/target.hpp"

using namespace troupe::runtime::http;

namespace {

std::vector<std::string> segments(std::string_view x) {
  auto result = parse_target(x);
  return result ? result->segments : std::vector<std::string>{"refused"};
}

name_values query(std::string_view x) {
  auto result = parse_target(x);
  return result ? result->query : name_values{{"refused", ""}};
}

} // namespace

TEST_CASE("a path is its decoded segments") {
  using strings = std::vector<std::string>;
  CHECK(segments("/") == strings{});
  CHECK(segments("/v1/jobs") == strings{"v1", "jobs"});
  CHECK(segments("/v1/jobs/") == strings{"v1", "jobs", ""});
  CHECK(segments("/v1//jobs") == strings{"v1", "", "jobs"});
  CHECK(segments("/v1/jobs/a%2Fb%20c") == strings{"v1", "jobs", "a/b c"});
  CHECK(segments("/%C3%a4") == strings{"\xc3\xa4"});
  CHECK(segments("/%252e") == strings{"%2e"});
  CHECK(segments("/a+b?c") == strings{"a+b"});
  CHECK(parse_target("/v1/a%20b?x=1")->path == "/v1/a b");
}

TEST_CASE("query parameters are decoded and keep their order") {
  CHECK(query("/?") == name_values{});
  CHECK(query("/?a=1&b=2&a=3")
        == name_values{{"a", "1"}, {"b", "2"}, {"a", "3"}});
  CHECK(query("/?follow") == name_values{{"follow", ""}});
  CHECK(query("/?a=b=c") == name_values{{"a", "b=c"}});
  CHECK(query("/?&&a=1&") == name_values{{"a", "1"}});
  CHECK(query("/?label=zone%3Deu+west%2B1")
        == name_values{{"label", "zone=eu west+1"}});
  CHECK(query("/?a=/x?y") == name_values{{"a", "/x?y"}});
}

TEST_CASE("a target that could mean two things is refused") {
  for (auto x : {"",        "*",       "jobs",    "http://localhost/",
                 "/a#b",    "/%",      "/%4",     "/%zz",
                 "/%4g",    "/a%00b",  "/a%0ab",  "/a%7f",
                 "/.",      "/..",     "/a/../b", "/%2e%2e/a",
                 "/%2E",    "/a/%2e.", "/%ff",    "/%c0%af",
                 "/\xff",   "/?a=%",   "/?a=%f",  "/?%zz=1",
                 "/?a=%00", "/?a=%ff"}) {
    CAPTURE(x);
    CHECK_FALSE(parse_target(x));
  }
}

TEST_CASE("endless parameters are refused") {
  auto text = std::string{"/?"};
  for (int i = 0; i < 256; ++i)
    text += "a=1&";
  CHECK(parse_target(text));
  CHECK_FALSE(parse_target(text + "a=1"));
}

TEST_CASE("what is encoded is decoded to the same") {
  auto random = std::mt19937{7};
  for (int round = 0; round < 2000; ++round) {
    auto text = std::string(random() % 20, ' ');
    for (auto& c : text)
      c = static_cast<char>(random() % 256);
    CHECK(percent_decode(percent_encode(text)) == text);
  }
  CHECK(percent_encode("a/b c~\xff") == "a%2Fb%20c~%FF");
}

TEST_CASE("no bytes make a target crash, and what passes is clean") {
  constexpr auto alphabet = std::string_view{"/%2e.?&=+aZ0\xc3\xa4\xed\0#", 17};
  auto random = std::mt19937{11};
  for (int round = 0; round < 20'000; ++round) {
    auto text = std::string(random() % 24, '/');
    for (auto& c : text)
      c = alphabet[random() % alphabet.size()];
    auto result = parse_target(text);
    if (!result)
      continue;
    CAPTURE(text);
    CHECK(is_utf8(result->path));
    for (const auto& segment : result->segments) {
      CHECK(segment != "..");
      CHECK(segment.find('\0') == std::string::npos);
    }
  }
}

TEST_CASE("an authority has one spelling") {
  using maybe = std::optional<authority>;
  CHECK(parse_authority("LocalHost:80") == maybe{{"localhost", 80}});
  CHECK(parse_authority("a.b-c.example.") == maybe{{"a.b-c.example", {}}});
  CHECK(parse_authority("127.0.0.1:65535") == maybe{{"127.0.0.1", 65535}});
  CHECK(parse_authority("[0:0::1]:80") == maybe{{"[::1]", 80}});
  CHECK(parse_authority("[::1]") == maybe{{"[::1]", {}}});
  for (auto x :
       {"", ":80", "a:", "a:65536", "a:-1", "a:+1", "a:8x", "::1", "[::1",
        "[::1]x", "[]", "[x]", "a b", "a/b", "u@h", "a,b", "[::1]:"}) {
    CAPTURE(x);
    CHECK_FALSE(parse_authority(x));
  }
}

TEST_CASE("only this machine is loopback") {
  for (auto x :
       {"localhost", "app.localhost", "127.0.0.1", "127.1.2.3", "[::1]"})
    CHECK(is_loopback(x));
  for (auto x : {"127.evil.example", "localhost.evil.example", "128.0.0.1",
                 "127.0.0.1.evil.example", "notlocalhost", "[::2]", ""})
    CHECK_FALSE(is_loopback(x));
}

TEST_CASE("UTF-8 is checked to the letter") {
  for (auto x : {"", "a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80",
                 "\xf4\x8f\xbf\xbf", "\xed\x9f\xbf"})
    CHECK(is_utf8(x));
  for (auto x : {"\x80", "\xc3", "\xc0\x80", "\xc1\xbf", "\xe0\x80\x80",
                 "\xed\xa0\x80", "\xf0\x80\x80\x80", "\xf4\x90\x80\x80",
                 "\xf5\x80\x80\x80", "\xc3\x28", "\xe2\x82", "\xff"})
    CHECK_FALSE(is_utf8(x));
}
