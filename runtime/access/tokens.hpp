#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "messages/expected.hpp"
#include "messages/timestamp.hpp"

#include "runtime/access/role.hpp"

namespace troupe::runtime::access {

using digest = std::array<unsigned char, 32>;

[[nodiscard]] digest sha256(std::string_view text);

/// Somebody who has shown a token.
struct holder {
  std::string name;
  access::role role = role::viewer;
  /// Of role `node`: the only node that it may speak for; empty for any.
  std::string node;
  bool operator==(const holder&) const = default;
};

/// The tokens that open the door, as digests: who reads their file has none.
class tokens {
public:
  /// Reads `{"tokens": [{"name", "role", "sha256", "node"?, "expires"?}]}`, in
  /// which comments are allowed. Errors: a sentence that names what is wrong.
  [[nodiscard]] static expected<tokens, std::string>
  read(std::string_view text);

  void add(holder who, std::string_view token);

  /// Looks at all of them, however early one fits, and compares in constant
  /// time: how long it takes says nothing about them.
  [[nodiscard]] std::optional<holder>
  find(std::string_view token, timestamp now) const;

  [[nodiscard]] size_t size() const { return all_.size(); }

private:
  struct entry {
    holder who;
    digest hash{};
    std::optional<timestamp> expires;
  };
  std::vector<entry> all_;
};

/// Finds the token that was made when this controller first served beyond its
/// machine, or makes it: in `file`, which nobody else may read.
/// Errors: a sentence for the operator.
[[nodiscard]] expected<std::string, std::string>
find_or_make_token(const std::string& file);

} // namespace troupe::runtime::access
