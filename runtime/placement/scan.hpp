#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <vector>

#include "runtime/placement/page.hpp"

namespace troupe::runtime::placement {

/// Scores are whole numbers of 2^-20 points, so that sums are exact and the
/// same in whichever order.
using units = int64_t;
inline constexpr units units_per_point = 1 << 20;
/// The score of a node where the task must not come: below every other.
inline constexpr units refused = -(units{1} << (63 - node_bits));
/// What preferences, or a strategy, may add up to in points, either way.
inline constexpr int32_t most_points = 1 << 19;

/// A score and its node in one number, so that the greatest number is the best
/// score and among equals the lowest node.
using choice = int64_t;

[[nodiscard]] constexpr choice choice_of(units score, uint32_t node) {
  return (score * most_nodes) | (most_nodes - 1 - node);
}

[[nodiscard]] constexpr units score_of(choice x) {
  return x >> node_bits;
}

[[nodiscard]] constexpr uint32_t node_of(choice x) {
  return most_nodes - 1 - static_cast<uint32_t>(x & (most_nodes - 1));
}

/// Below every choice.
inline constexpr choice no_choice = std::numeric_limits<choice>::min();

/// The strategies that scan a page with vectors.
enum class formula : uint8_t { nothing, fullness, emptiness, load };
inline constexpr size_t formulas = 4;

/// What a scan needs of a class.
struct scan_request {
  int32_t cpu = 0;
  int64_t memory = 0;
};

using page_scores = std::array<units, page_rows>;

using score_function = void (*)(const page&, const scan_request&, page_scores&);

/// A way to scan. All ways give the same results, bit by bit.
struct scanner {
  /// [formula]: scores every row of a page, `refused` where cpu, memory or a
  /// closed node refuse.
  std::array<score_function, formulas> score;
  /// Adds points to what is not refused; `INT32_MIN` refuses.
  void (*add_points)(const int32_t* points, page_scores&);
  /// Refuses where a bit of `needed` is not in the filter `having`.
  void (*keep)(const page&, uint64_t needed, page_scores&);
  /// The best of a page whose first row is `first`; its score may be `refused`.
  choice (*best_row)(const page_scores&, uint32_t first);
  /// The highest of `count` choices, a multiple of 8.
  choice (*best)(const choice*, size_t count);
};

enum class instructions : uint8_t { portable, avx2, avx512 };

/// What this machine has, the portable way among it, slowest first.
[[nodiscard]] std::vector<instructions> available_instructions();

/// REQUIRES: `x` is available.
[[nodiscard]] const scanner& scanner_for(instructions x);
[[nodiscard]] const scanner& fastest_scanner();

/// The score of row `i` by `x` with the share of gpu after placement, where that
/// counts (`gpu` below 0: not).
[[nodiscard]] units score_row(formula x, const page& p, uint32_t i,
                              const scan_request& request, float gpu = -1);

/// What `fullness` gives a node where something runs already: more than any
/// empty node can get, so that as few nodes as possible are in use.
inline constexpr int32_t in_use_bonus = units_per_point;

} // namespace troupe::runtime::placement
