#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "messages/expected.hpp"
#include "messages/timestamp.hpp"

#include "runtime/access/tokens.hpp"
#include "runtime/api/problem.hpp"
#include "runtime/http/message.hpp"

namespace troupe::runtime::access {

/// Decides who may ask what over HTTP. Without tokens everybody may everything:
/// that is for loopback. May be used from all threads.
class guard {
public:
  /// Open to all.
  guard() = default;

  /// From now on only holders of these are let in.
  void set(tokens x);

  /// Who asks, if `x` is allowed. A holder without a name is nobody in
  /// particular: the door is open.
  ///
  /// 401: no token, or none that is known, or one that has expired. 403: its role
  /// does not have the right, or it speaks for another node.
  [[nodiscard]] expected<holder, api::problem_response>
  admit(const http::request& x, timestamp now) const;

  /// Whose token `x` carries, for the audit log: `anybody` where nobody is asked,
  /// `unknown` if it is none of ours.
  [[nodiscard]] std::string
  name_of_caller(const http::request& x, timestamp now) const;

private:
  [[nodiscard]] std::shared_ptr<const tokens> present() const;

  mutable std::mutex mutex_;
  std::shared_ptr<const tokens> tokens_;
};

/// The token that a request carries: `Authorization: Bearer`, or the password of
/// `Basic`, which is how browsers ask for one. Empty if there is none.
[[nodiscard]] std::string token_of(const http::request& x);

} // namespace troupe::runtime::access
