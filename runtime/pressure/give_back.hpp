#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace troupe::runtime {

/// Raises ceilings of `runs` by `amount` in pieces of `grain`: of the highest
/// priority first, and among equals of who is held back most. Stops at the first
/// that `may_have` refuses.
template <class Run, class MayHave>
void give_back(std::vector<Run>& runs, int64_t amount, int64_t grain,
               int64_t capacity, MayHave may_have) {
  while (amount > 0) {
    Run* first = nullptr;
    for (auto& x : runs)
      if (x.movable && x.ceiling < x.limit
          && (!first || x.priority > first->priority
              || (x.priority == first->priority
                  && x.ceiling - x.request < first->ceiling - first->request)))
        first = &x;
    if (!first || !may_have(*first))
      return;
    auto piece = std::min(grain, amount);
    first->ceiling += piece;
    amount -= piece;
    // As much as there is, is no ceiling.
    if (first->ceiling >= std::min(first->limit, capacity))
      first->ceiling = first->limit;
  }
}

} // namespace troupe::runtime
