#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/http/message.hpp"

namespace troupe::runtime::http {

/// Says which names a server answers to, and what a request must look like
/// before a handler sees it. Against pages of other sites that talk to a server
/// on the visitor's machine, with or without DNS rebinding.
class rules {
public:
  /// @param hosts  names or addresses besides loopback, without port; `*`
  ///               allows all, for servers that everybody may reach anyway.
  explicit rules(const std::vector<std::string>& hosts);

  /// Judges a head. `local` is the address the client connected to, as in
  /// `authority::host`; it is always allowed, since no page can rebind it.
  ///
  /// 400: no or several `Host`, or a malformed one. 403: `Origin` is not this
  /// server. 415: a write that is not `application/json`, or is compressed.
  /// 417: an expectation other than `100-continue`. 421: foreign `Host`.
  [[nodiscard]] std::optional<refusal>
  check(const request& x, bool has_body, std::string_view local) const;

private:
  [[nodiscard]] std::optional<refusal>
  check_host(const request& x, std::string_view local) const;

  std::vector<std::string> hosts_;
  bool any_host_ = false;
};

} // namespace troupe::runtime::http
