#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <memory>

#include "messages/state.hpp"

#include "runtime/placement/holdings.hpp"

namespace troupe::runtime::placement {

/// Rows are kept, copied and scanned in pages: large enough for vectors, small
/// enough that a change costs little to copy and to score anew.
inline constexpr uint32_t page_rows = 64;

/// Rows that a table may have: a score and a row share 64 bits.
inline constexpr uint32_t node_bits = 22;
inline constexpr uint32_t most_nodes = 1u << node_bits;

/// The columns that a scan reads, of 64 nodes. What a float column holds is
/// derived from the exact columns, by the same operations everywhere.
struct alignas(64) page {
  template <class T>
  using column = std::array<T, page_rows>;

  /// Millicores; -1 where no task may come at all, whatever is free.
  column<int32_t> cpu_offered{};
  column<float> cpu_used{};
  /// What one millicore adds to `cpu_used`, and so on.
  column<float> cpu_step{};
  column<float> memory_used{};
  column<float> memory_step{};
  column<int32_t> tasks{};
  /// Reciprocal of the node's weight.
  column<float> ease{};
  /// Measured, and what was placed and what ended since.
  column<float> cpu_load{};
  column<float> memory_load{};
  column<int64_t> memory_free{};
  /// One bit for each tally of `tally_kind::having` and `grouped`, and for each
  /// of `avoiding`: most questions about who is there need no search.
  column<uint64_t> having{};
  column<uint64_t> avoiding{};

  column<int32_t> cpu_free{};
  column<int32_t> cpu_total{};
  column<int64_t> memory_total{};
  column<int64_t> cpu_since{};
  column<int64_t> memory_since{};
  column<float> cpu_measured{};
  column<float> memory_measured{};
  column<uint16_t> gpus{};
  column<uint16_t> gpus_free{};
  column<uint16_t> gpu_most_left{};
  column<float> gpu_used{};
  /// The stamp of the page when what tasks of the row hold, beyond cpu and
  /// memory, last changed: as `table::stamp`, for one row.
  column<uint64_t> held_stamp{};
  /// Why nobody may come: closed, or no such node (`no_nodes`).
  column<reason> barred{};
  /// Tasks that want the node to themselves: 1 for any.
  column<uint8_t> exclusive{};

  page() {
    cpu_offered.fill(-1);
    barred.fill(reason::no_nodes);
  }
};

} // namespace troupe::runtime::placement
