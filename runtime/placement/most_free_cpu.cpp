#include "runtime/placement/scorer.hpp"

namespace troupe::runtime::placement {

namespace {

/// Prefers the node with most cores free after placement: a sample of a
/// strategy of one's own.
class most_free_cpu final : public scorer {
public:
  std::string_view name() const override { return "mostFreeCpu"; }

  double
  score(const table& t, node_index n, const known_class& c) const override {
    auto free = t.page_at(n / page_rows).cpu_free[n % page_rows];
    // One unit per millicore: a thousand cores are about one point.
    return to_points(free - c.cpu);
  }
};

} // namespace

scorer_ptr make_most_free_cpu() {
  return std::make_unique<most_free_cpu>();
}

} // namespace troupe::runtime::placement
