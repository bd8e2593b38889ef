#pragma once

#include <memory>
#include <string>

#include "messages/expected.hpp"

struct ssl_ctx_st;

namespace troupe {

/// Files of mutual TLS, as PEM. All or none.
struct tls_files {
  std::string ca;
  std::string certificate;
  std::string key;
  [[nodiscard]] bool complete() const {
    return !ca.empty() && !certificate.empty() && !key.empty();
  }
  bool operator==(const tls_files&) const = default;
};

using tls_context = std::shared_ptr<ssl_ctx_st>;

/// Reads `x`. Errors: a sentence that names the file.
[[nodiscard]] expected<tls_context, std::string>
read_certificates(const tls_files& x);

/// Checks that TLS can begin with `x`, or that there is to be none.
/// Errors: a sentence that names the file.
[[nodiscard]] expected<void, std::string> check(const tls_files& x);

/// Whether it names hosts, in `subjectAltName`: clients of HTTPS want that, nodes
/// do not.
[[nodiscard]] bool names_hosts(const tls_context& x);

/// Takes care of `x` for the connections of this process, for as long as it
/// lives: CAF reads the files anew for each of them, and ends the process if they
/// are of no use at that moment, as when they are being replaced.
void keep_certificates(const tls_files& x);

/// The certificates whose first file is `certificate`: as the files are now, or as
/// they last were of use. Null if nobody keeps them.
[[nodiscard]] tls_context kept_certificates(const std::string& certificate);

} // namespace troupe
