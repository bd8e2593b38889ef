#include "runtime/http/target.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include <arpa/inet.h>

namespace troupe::runtime::http {

namespace {

// More than any caller needs; keeps lookups in a row cheap.
constexpr auto parameters_max = std::size_t{256};

int unhex(char c) {
  if (c >= '0' && c <= '9')
    return c - '0';
  if (c >= 'a' && c <= 'f')
    return c - 'a' + 10;
  if (c >= 'A' && c <= 'F')
    return c - 'A' + 10;
  return -1;
}

bool is_control(char c) {
  return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

expected<std::string, std::string> decode_segment(std::string_view x) {
  auto result = percent_decode(x);
  if (!result)
    return result;
  if (std::any_of(result->begin(), result->end(), is_control))
    return make_unexpected(std::string{"control character in the path"});
  if (*result == "." || *result == "..")
    return make_unexpected(std::string{"'.' or '..' in the path"});
  if (!is_utf8(*result))
    return make_unexpected(std::string{"the path is not UTF-8"});
  return result;
}

expected<std::string, std::string> decode_parameter(std::string_view x) {
  auto text = std::string{x};
  std::replace(text.begin(), text.end(), '+', ' ');
  auto result = percent_decode(text);
  if (!result)
    return result;
  if (result->find('\0') != std::string::npos)
    return make_unexpected(std::string{"NUL in the query"});
  if (!is_utf8(*result))
    return make_unexpected(std::string{"the query is not UTF-8"});
  return result;
}

/// Calls `f` for each part of `x` between separators until it returns an error.
template <class F>
expected<void, std::string> split(std::string_view x, char separator, F f) {
  for (;;) {
    auto end = x.find(separator);
    if (auto ok = f(x.substr(0, end)); !ok)
      return ok;
    if (end == std::string_view::npos)
      return {};
    x.remove_prefix(end + 1);
  }
}

expected<void, std::string> parse_path(std::string_view x, target& result) {
  if (x == "/") {
    result.path = "/";
    return {};
  }
  return split(x.substr(1), '/',
               [&](std::string_view part) -> expected<void, std::string> {
                 auto segment = decode_segment(part);
                 if (!segment)
                   return make_unexpected(std::move(segment.error()));
                 result.path += '/';
                 result.path += *segment;
                 result.segments.push_back(std::move(*segment));
                 return {};
               });
}

expected<void, std::string> parse_query(std::string_view x, target& result) {
  return split(x, '&',
               [&](std::string_view part) -> expected<void, std::string> {
                 if (part.empty())
                   return {};
                 if (result.query.size() == parameters_max)
                   return make_unexpected(std::string{"too many parameters"});
                 auto equals = part.find('=');
                 auto key = decode_parameter(part.substr(0, equals));
                 if (!key)
                   return make_unexpected(std::move(key.error()));
                 auto value = std::string{};
                 if (equals != std::string_view::npos) {
                   auto text = decode_parameter(part.substr(equals + 1));
                   if (!text)
                     return make_unexpected(std::move(text.error()));
                   value = std::move(*text);
                 }
                 result.query.emplace_back(std::move(*key), std::move(value));
                 return {};
               });
}

std::optional<std::string> canonical_ipv6(const std::string& x) {
  auto bytes = in6_addr{};
  auto text = std::array<char, INET6_ADDRSTRLEN>{};
  if (inet_pton(AF_INET6, x.c_str(), &bytes) != 1)
    return std::nullopt;
  inet_ntop(AF_INET6, &bytes, text.data(), text.size());
  return "[" + std::string{text.data()} + "]";
}

bool is_host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'
         || c == '.' || c == '_';
}

std::optional<std::string> canonical_host(std::string_view x) {
  if (x.size() > 2 && x.front() == '[' && x.back() == ']')
    return canonical_ipv6(std::string{x.substr(1, x.size() - 2)});
  auto host = lower(x);
  if (!host.empty() && host.back() == '.')
    host.pop_back();
  if (host.empty() || host.size() > 255
      || !std::all_of(host.begin(), host.end(), is_host_char))
    return std::nullopt;
  return host;
}

/// Length of the UTF-8 sequence at the front of `x`, or 0 if it is malformed.
std::size_t utf8_length(std::string_view x) {
  auto at = [&](std::size_t i) { return static_cast<unsigned char>(x[i]); };
  auto first = at(0);
  if (first < 0x80)
    return 1;
  auto length = std::size_t{first >= 0xf0 ? 4u : first >= 0xe0 ? 3u : 2u};
  if (first < 0xc2 || first > 0xf4 || x.size() < length)
    return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((at(i) & 0xc0) != 0x80)
      return 0;
  // Overlong forms, surrogates, and what lies above U+10FFFF.
  auto bad = (first == 0xe0 && at(1) < 0xa0) || (first == 0xed && at(1) > 0x9f)
             || (first == 0xf0 && at(1) < 0x90)
             || (first == 0xf4 && at(1) > 0x8f);
  return bad ? 0 : length;
}

} // namespace

expected<std::string, std::string> percent_decode(std::string_view x) {
  auto result = std::string{};
  result.reserve(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] != '%') {
      result += x[i];
      continue;
    }
    auto high = i + 2 < x.size() ? unhex(x[i + 1]) : -1;
    auto low = i + 2 < x.size() ? unhex(x[i + 2]) : -1;
    if (high < 0 || low < 0)
      return make_unexpected(std::string{"broken percent escape"});
    result += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return result;
}

std::string percent_encode(std::string_view x) {
  constexpr auto digits = std::string_view{"0123456789ABCDEF"};
  auto result = std::string{};
  for (auto c : x) {
    auto byte = static_cast<unsigned char>(c);
    auto plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
                 || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'
                 || c == '~';
    if (plain)
      result += c;
    else
      (((result += '%') += digits[byte >> 4]) += digits[byte & 15]);
  }
  return result;
}

expected<target, std::string> parse_target(std::string_view x) {
  if (x.empty() || x.front() != '/')
    return make_unexpected(std::string{"the target must start with '/'"});
  if (x.find('#') != std::string_view::npos)
    return make_unexpected(std::string{"fragment in the target"});
  auto result = target{};
  auto mark = x.find('?');
  auto ok = parse_path(x.substr(0, mark), result);
  if (ok && mark != std::string_view::npos)
    ok = parse_query(x.substr(mark + 1), result);
  if (!ok)
    return make_unexpected(std::move(ok.error()));
  return result;
}

std::optional<authority> parse_authority(std::string_view x) {
  auto result = authority{};
  auto colon = x.rfind(':');
  auto bracket = x.rfind(']');
  if (colon != std::string_view::npos
      && (bracket == std::string_view::npos || bracket < colon)) {
    auto digits = x.substr(colon + 1);
    auto port = std::uint16_t{0};
    auto end = digits.data() + digits.size();
    auto [last, error] = std::from_chars(digits.data(), end, port);
    if (error != std::errc{} || last != end)
      return std::nullopt;
    result.port = port;
    x = x.substr(0, colon);
  }
  auto host = canonical_host(x);
  if (!host)
    return std::nullopt;
  result.host = std::move(*host);
  return result;
}

bool is_loopback(std::string_view host) {
  auto address = in_addr{};
  // `127.evil.example` is a name like any other, hence the parse.
  if (inet_pton(AF_INET, std::string{host}.c_str(), &address) == 1)
    return (ntohl(address.s_addr) >> 24) == 127;
  return host == "localhost" || host == "[::1]" || host.ends_with(".localhost");
}

bool is_utf8(std::string_view x) {
  while (!x.empty()) {
    auto length = utf8_length(x);
    if (length == 0)
      return false;
    x.remove_prefix(length);
  }
  return true;
}

} // namespace troupe::runtime::http
