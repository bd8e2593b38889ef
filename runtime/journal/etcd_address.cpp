#include "runtime/journal/etcd_address.hpp"

#include <algorithm>
#include <charconv>

namespace troupe::runtime {

namespace {

constexpr auto scheme = std::string_view{"etcd://"};
constexpr auto default_prefix = std::string_view{"/troupe"};

/// Empty, or what is wrong with `text` as `HOST:PORT`.
std::string fault_of(std::string_view text) {
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon == 0)
    return "HOST:PORT of a member of etcd is wanted, such as 127.0.0.1:2379";
  auto host = text.substr(0, colon);
  if (host.find_first_of("@ \t\"'?#") != std::string_view::npos)
    return "there is something in it that no host is called by; a user and a "
           "password cannot be given";
  if (host.find(':') != std::string_view::npos
      && !(host.starts_with('[') && host.ends_with(']')))
    return "an IPv6 address is written in brackets";
  auto port = text.substr(colon + 1);
  auto number = 0u;
  auto [end, error]
    = std::from_chars(port.data(), port.data() + port.size(), number);
  if (error != std::errc{} || end != port.data() + port.size() || number == 0
      || number > 65'535)
    return "a port is a number from 1 to 65535";
  return {};
}

bool is_prefix_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')
         || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.'
         || c == '/';
}

} // namespace

bool is_etcd_address(std::string_view text) {
  return text.starts_with("etcd:");
}

expected<etcd_address, std::string> read_etcd_address(std::string_view text) {
  auto refuse = [text](std::string_view what) {
    return make_unexpected(std::string{text} + ": " + std::string{what});
  };
  if (!text.starts_with(scheme))
    return refuse("a journal in etcd is written etcd://HOST:PORT,HOST:PORT"
                  "/prefix");
  auto rest = text.substr(scheme.size());
  auto slash = std::min(rest.find('/'), rest.size());
  auto result = etcd_address{};
  result.prefix = rest.substr(slash);
  while (result.prefix.ends_with('/'))
    result.prefix.pop_back();
  if (result.prefix.empty())
    result.prefix = default_prefix;
  if (!std::ranges::all_of(result.prefix, is_prefix_character))
    return refuse("a prefix is made of letters, digits, \"-\", \"_\", \".\" "
                  "and \"/\"");
  auto hosts = rest.substr(0, slash);
  while (true) {
    auto comma = std::min(hosts.find(','), hosts.size());
    auto host = hosts.substr(0, comma);
    if (auto fault = fault_of(host); !fault.empty())
      return refuse('"' + std::string{host} + "\": " + fault);
    result.endpoints.emplace_back(host);
    if (comma == hosts.size())
      return result;
    hosts.remove_prefix(comma + 1);
  }
}

std::string to_string(const etcd_address& x) {
  auto result = std::string{scheme};
  for (auto& endpoint : x.endpoints) {
    if (&endpoint != &x.endpoints.front())
      result += ',';
    result += endpoint;
  }
  return result + x.prefix;
}

} // namespace troupe::runtime
