#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "messages/expected.hpp"

namespace troupe::runtime {

/// Files in PEM for an etcd that wants TLS. All empty: it is asked in the clear.
struct etcd_tls {
  std::string ca;
  std::string cert;
  std::string key;

  [[nodiscard]] bool wanted() const { return !ca.empty(); }
};

/// Which etcd keeps a journal, and where in it.
struct etcd_address {
  /// `HOST:PORT` of each member, tried in turn; never empty.
  std::vector<std::string> endpoints;
  /// Begins with `/` and does not end with one: `/troupe`.
  std::string prefix;
  etcd_tls tls = {};
};

/// Whether `text` means to name a journal in etcd.
[[nodiscard]] bool is_etcd_address(std::string_view text);

/// Reads `etcd://HOST:PORT,HOST:PORT/prefix`; the prefix may be left out.
/// Errors: a sentence that says which part is wrong.
[[nodiscard]] expected<etcd_address, std::string>
read_etcd_address(std::string_view text);

/// As it was written.
[[nodiscard]] std::string to_string(const etcd_address& x);

} // namespace troupe::runtime
