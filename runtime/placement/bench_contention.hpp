#pragma once

#include "runtime/placement/bench.hpp"

namespace troupe::runtime::placement {

/// Measures the search for room on nodes that are full of tasks of lower
/// priority, ten on each: for one task at a time (`preemption`), or for eight that
/// start together (`gang`).
[[nodiscard]] bench_result run_contention_bench(const bench_options& options);

} // namespace troupe::runtime::placement
