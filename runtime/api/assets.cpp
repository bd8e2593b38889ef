#include "runtime/api/assets.hpp"

#include <algorithm>

namespace troupe::runtime::api {

namespace {

/// Whether `x` accepts gzip. Nobody refuses it by `q=0` and is right to.
bool takes_gzip(const http::request& x) {
  auto accepted = x.header("Accept-Encoding");
  if (!accepted)
    return false;
  auto text = http::lower(*accepted);
  auto at = text.find("gzip");
  return at != text.npos && !text.substr(at + 4).starts_with(";q=0,")
         && text.substr(at + 4) != ";q=0";
}

/// What keeps a name that somebody chose, or a page that somebody built around
/// this one, from doing anything.
http::name_values protection() {
  return {{"Content-Security-Policy",
           "default-src 'none'; script-src 'self'; style-src 'self'; img-src "
           "'self' data:; connect-src 'self'; base-uri 'none'; form-action "
           "'none'; frame-ancestors 'none'; require-trusted-types-for "
           "'script'; trusted-types 'none'"},
          {"X-Content-Type-Options", "nosniff"},
          {"X-Frame-Options", "DENY"},
          {"Referrer-Policy", "no-referrer"},
          {"Cross-Origin-Opener-Policy", "same-origin"},
          {"Cross-Origin-Resource-Policy", "same-origin"}};
}

} // namespace

http::response
assets::answer(const http::request& x, std::string_view name) const {
  auto at = std::find_if(files_.begin(), files_.end(),
                         [&](const asset& y) { return y.name == name; });
  if (at == files_.end())
    return http::problem(404, "the dashboard has no such file");
  auto packed = takes_gzip(x);
  // What is compressed is another representation. RFC 9110, section 8.8.3.
  auto tag = '"' + std::string{at->hash} + (packed ? "-gzip\"" : "\"");
  http::response result;
  result.content_type = at->content_type;
  result.headers = protection();
  result.headers.emplace_back("ETag", tag);
  result.headers.emplace_back("Vary", "Accept-Encoding");
  result.headers.emplace_back(
    "Cache-Control",
    name.empty() ? "no-cache" : "public, max-age=31536000, immutable");
  auto known = x.header("If-None-Match");
  if (known && known->find(tag) != known->npos) {
    result.status = 304;
    return result;
  }
  if (packed)
    result.headers.emplace_back("Content-Encoding", "gzip");
  result.body = packed ? at->gzip : at->bytes;
  return result;
}

} // namespace troupe::runtime::api
