#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "runtime/placement/table.hpp"

namespace troupe::runtime::placement {

/// What the tasks of each node say to a class with rules about its company,
/// asked again only where they changed.
class company_view {
public:
  /// Whether rules that no column answers refuse a task of `c` on `n`.
  [[nodiscard]] bool
  refuses(const table& t, node_index n, const known_class& c);
  /// About what a page takes.
  static constexpr size_t page_bytes = 64 * sizeof(uint64_t) + 8;

private:
  struct company_page {
    // [row]
    std::array<uint64_t, page_rows> held_stamps{};
    uint64_t refused = 0;
  };
  std::vector<company_page> pages_;
};

} // namespace troupe::runtime::placement
