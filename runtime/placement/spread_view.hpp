#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "runtime/placement/scan.hpp"
#include "runtime/placement/table.hpp"

namespace troupe::runtime::placement {

/// What one task more with the same value of key `key` of `keys` costs, in
/// points: ten for the last key, ten times that for each key before.
[[nodiscard]] int32_t spread_cost(size_t key, size_t keys);

/// Chooses evenly over the values of node labels. All nodes with the same values
/// are a cell and have the same number of points, so the best of each cell of a
/// page is remembered without them: one more task changes numbers of cells, not
/// of nodes.
class spread_view {
public:
  explicit spread_view(std::vector<std::string> keys);

  /// Takes over page `p` with the scores of its rows.
  void refresh(const table& t, uint32_t p, const known_class& c,
               const page_scores& scores);
  [[nodiscard]] choice best() const;
  /// About what a page takes.
  static constexpr size_t page_bytes = 1200;

private:
  struct entry {
    choice best = no_choice;
    uint32_t cell = 0;
  };
  struct spread_page {
    uint64_t label_stamp = 0;
    // [row]
    std::array<uint32_t, page_rows> tasks{};
    std::array<uint64_t, page_rows> held_stamps{};
    std::array<uint8_t, page_rows> entry_of{};
    std::vector<entry> entries;
  };
  struct cell {
    // [key]
    std::vector<uint32_t> values;
    units points = 0;
  };

  void relabel(const table& t, uint32_t p);
  void count(uint32_t cell, int64_t more);
  uint32_t cell_of(const label_set* labels);

  std::vector<std::string> keys_;
  // [key], the number of a value; 0 is "absent".
  std::vector<std::map<std::string, uint32_t>> values_;
  // [key][value], the cells that have it.
  std::vector<std::vector<std::vector<uint32_t>>> cells_with_;
  // [key][value], tasks of the group.
  std::vector<std::vector<int64_t>> counts_;
  std::vector<cell> cells_;
  std::map<std::vector<uint32_t>, uint32_t> cell_by_values_;
  std::vector<spread_page> pages_;
};

} // namespace troupe::runtime::placement
