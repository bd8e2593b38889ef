#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "runtime/http/message.hpp"

namespace troupe::runtime::access {

/// What somebody may do. Each is a set of rights.
enum class role : uint8_t { admin, operator_, submitter, viewer, node };

inline constexpr auto all_roles = std::array{
  role::admin, role::operator_, role::submitter, role::viewer, role::node};

/// `admin operator submitter viewer node`.
[[nodiscard]] std::string_view name_of(role x);
[[nodiscard]] std::optional<role> role_called(std::string_view name);

/// What a request needs.
enum class right : uint8_t {
  /// Nothing, not even a token.
  none,
  /// To see the cluster, output of tasks included.
  view,
  /// To change jobs and tasks.
  submit,
  /// To change nodes.
  operate,
  /// To change the cluster itself.
  administer,
  /// To speak for a node.
  serve
};

[[nodiscard]] bool has(role who, right what);

/// What a route needs; absent for one that the table does not know, which nobody
/// but an admin may use.
[[nodiscard]] std::optional<right>
right_of(http::method method, std::string_view pattern);

} // namespace troupe::runtime::access
