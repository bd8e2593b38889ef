#include <doctest/doctest.h>

#include "runtime/api/assets.hpp"

using namespace troupe::runtime;

namespace {

http::response ask(std::string_view name, http::name_values headers = {}) {
  api::assets aut{
    {{"", "text/html", "<page>", "packed page", "h1"},
     {"main-h2.js", "text/javascript", "script", "packed script", "h2"}}};
  http::request x;
  x.headers = std::move(headers);
  return aut.answer(x, name);
}

std::string header(const http::response& x, std::string_view name) {
  for (auto& [key, value] : x.headers)
    if (key == name)
      return value;
  return {};
}

} // namespace

TEST_CASE("the page is looked at anew each time, its parts never") {
  CHECK(ask("").body == "<page>");
  CHECK(ask("").content_type == "text/html");
  CHECK(header(ask(""), "Cache-Control") == "no-cache");
  CHECK(header(ask("main-h2.js"), "Cache-Control")
        == "public, max-age=31536000, immutable");
}

TEST_CASE("what the client has is not sent again") {
  auto first = ask("");
  CHECK(header(first, "ETag") == "\"h1\"");
  auto second = ask("", {{"If-None-Match", "\"h1\""}});
  CHECK(second.status == 304);
  CHECK(second.body.empty());
  // What is compressed is another representation.
  CHECK(
    ask("", {{"If-None-Match", "\"h1\""}, {"Accept-Encoding", "gzip"}}).status
    == 200);
  CHECK(ask("", {{"If-None-Match", "\"h1-gzip\""}, {"Accept-Encoding", "gzip"}})
          .status
        == 304);
}

TEST_CASE("who can read gzip gets it") {
  auto x = ask("main-h2.js", {{"Accept-Encoding", "br, gzip;q=0.8"}});
  CHECK(x.body == "packed script");
  CHECK(header(x, "Content-Encoding") == "gzip");
  CHECK(header(x, "Vary") == "Accept-Encoding");
  CHECK(ask("main-h2.js", {{"Accept-Encoding", "br"}}).body == "script");
  CHECK(ask("main-h2.js", {{"Accept-Encoding", "gzip;q=0"}}).body == "script");
}

TEST_CASE("nothing from elsewhere runs in the page, and nobody frames it") {
  auto policy = header(ask(""), "Content-Security-Policy");
  CHECK(policy.find("default-src 'none'") != policy.npos);
  CHECK(policy.find("script-src 'self';") != policy.npos);
  CHECK(policy.find("frame-ancestors 'none'") != policy.npos);
  CHECK(policy.find("unsafe") == policy.npos);
  CHECK(header(ask(""), "X-Content-Type-Options") == "nosniff");
}

TEST_CASE("a file that is not there is not found") {
  CHECK(ask("main-old.js").status == 404);
  CHECK(ask("../main-h2.js").status == 404);
}
