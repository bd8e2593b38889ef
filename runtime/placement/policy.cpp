#include "runtime/placement/policy.hpp"

#include "runtime/placement/scored_policy.hpp"
#include "runtime/placement/scorer.hpp"

namespace troupe::runtime::placement {

policy::~policy() = default;

explanation policy::explain(const table& snapshot, const task_class& x) const {
  // A policy that says nothing about scores still tells what fits.
  return explain_by(*make_scorer("firstFit"), snapshot, x);
}

std::unique_ptr<policy>
make_policy(std::string_view strategy, uint32_t threads) {
  auto by = make_scorer(strategy);
  if (by == nullptr)
    return nullptr;
  return std::make_unique<scored_policy>(std::move(by), fastest_scanner(),
                                         threads);
}

std::vector<std::string> policy_names() {
  return scorer_names();
}

} // namespace troupe::runtime::placement
