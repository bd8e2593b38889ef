#include "runtime/http/rules.hpp"

#include <algorithm>

#include "runtime/http/target.hpp"

namespace troupe::runtime::http {

namespace {

std::string_view trim(std::string_view x) {
  constexpr auto blanks = std::string_view{" \t"};
  auto first = x.find_first_not_of(blanks);
  if (first == std::string_view::npos)
    return {};
  return x.substr(first, x.find_last_not_of(blanks) - first + 1);
}

bool is_json(std::string_view content_type) {
  auto type = trim(content_type.substr(0, content_type.find(';')));
  return same_name(type, "application/json");
}

/// A page of this server has the origin that the browser asked for in `Host`,
/// which was found to be ours. `https` for a proxy that ends TLS.
std::optional<refusal> check_origin(const request& x) {
  auto origin = x.header("Origin");
  if (!origin)
    return std::nullopt;
  auto host = x.header("Host");
  for (auto scheme : {"http://", "https://"})
    if (host && same_name(*origin, scheme + std::string{*host}))
      return std::nullopt;
  return refusal{403, "requests from pages of other origins are refused"};
}

/// Forms of other sites can only send types that need no leave of ours, and
/// JSON is not among them.
std::optional<refusal> check_content(const request& x, bool has_body) {
  if (!is_write(x.method))
    return std::nullopt;
  auto type = x.header("Content-Type");
  if ((has_body || type) && !(type && is_json(*type)))
    return refusal{415, "send Content-Type: application/json"};
  auto encoding = x.header("Content-Encoding");
  if (encoding && !same_name(*encoding, "identity"))
    return refusal{415, "compressed requests are not understood"};
  return std::nullopt;
}

std::optional<refusal> check_expect(const request& x) {
  auto expect = x.header("Expect");
  if (expect && !same_name(*expect, "100-continue"))
    return refusal{417, "only 100-continue can be expected"};
  return std::nullopt;
}

} // namespace

rules::rules(const std::vector<std::string>& hosts) {
  for (const auto& host : hosts) {
    any_host_ = any_host_ || host == "*";
    auto bare_ipv6
      = std::count(host.begin(), host.end(), ':') > 1 && !host.starts_with('[');
    auto name = parse_authority(bare_ipv6 ? "[" + host + "]" : host);
    if (name)
      hosts_.push_back(std::move(name->host));
  }
}

std::optional<refusal>
rules::check_host(const request& x, std::string_view local) const {
  auto count
    = std::count_if(x.headers.begin(), x.headers.end(), [](const auto& header) {
        return same_name(header.first, "Host");
      });
  if (count == 0 && x.version_minor == 0)
    return std::nullopt;
  if (count != 1)
    return refusal{400, "exactly one Host is needed"};
  auto name = parse_authority(*x.header("Host"));
  if (!name)
    return refusal{400, "malformed Host"};
  if (any_host_ || is_loopback(name->host) || name->host == local
      || std::find(hosts_.begin(), hosts_.end(), name->host) != hosts_.end())
    return std::nullopt;
  return refusal{421, "this server does not answer to '" + name->host + "'"};
}

std::optional<refusal>
rules::check(const request& x, bool has_body, std::string_view local) const {
  if (auto no = check_host(x, local))
    return no;
  if (auto no = check_origin(x))
    return no;
  if (auto no = check_content(x, has_body))
    return no;
  return check_expect(x);
}

} // namespace troupe::runtime::http
