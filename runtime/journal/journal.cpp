#include "runtime/journal/journal.hpp"

#include <array>

#include <sys/random.h>

#include "messages/contract.hpp"

namespace troupe::runtime {

journal::~journal() = default;

std::string_view to_string(journal_ec code) {
  switch (code) {
  case journal_ec::conflict:
    return "conflict";
  case journal_ec::full:
    return "full";
  case journal_ec::unavailable:
    return "unavailable";
  case journal_ec::truncated:
    return "truncated";
  case journal_ec::corrupt:
    return "corrupt";
  case journal_ec::newer_version:
    return "newer_version";
  case journal_ec::foreign_cluster:
    return "foreign_cluster";
  case journal_ec::in_use:
    return "in_use";
  }
  return "unknown";
}

std::string random_cluster_id() {
  auto bytes = std::array<unsigned char, 16>{};
  // Up to 256 bytes never come in part and never fail once the pool is ready.
  auto got = getrandom(bytes.data(), bytes.size(), 0);
  TROUPE_ASSERT(got == static_cast<ssize_t>(bytes.size()));
  constexpr auto digits = std::string_view{"0123456789abcdef"};
  auto result = std::string{};
  for (auto byte : bytes) {
    result += digits[byte >> 4];
    result += digits[byte & 15];
  }
  return result;
}

} // namespace troupe::runtime
