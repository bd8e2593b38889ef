#include "runtime/placement/company_view.hpp"

namespace troupe::runtime::placement {

bool company_view::refuses(const table& t, node_index n, const known_class& c) {
  if (pages_.size() < t.pages())
    pages_.resize(t.pages());
  auto i = n % page_rows;
  auto& known = pages_[n / page_rows];
  auto now = t.page_at(n / page_rows).held_stamp[i];
  auto bit = uint64_t{1} << i;
  if (known.held_stamps[i] != now) {
    known.held_stamps[i] = now;
    known.refused &= ~bit;
    if (t.refuses_company(n, c) != reason::none)
      known.refused |= bit;
  }
  return (known.refused & bit) != 0;
}

} // namespace troupe::runtime::placement
