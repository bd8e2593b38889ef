#include "runtime/live/recent_events.hpp"

#include <algorithm>

namespace troupe::runtime {

bool matches(const event_filter& filter, const event& x) {
  auto& types = filter.types;
  if (!types.empty()
      && std::find(types.begin(), types.end(), type_of(x.what)) == types.end())
    return false;
  return std::visit(
    [&](const auto& y) {
      if (!filter.job.empty()) {
        if constexpr (requires { y.task; }) {
          if (y.task.job != filter.job)
            return false;
        } else if constexpr (requires { y.job; }) {
          if (y.job != filter.job)
            return false;
        } else {
          return false;
        }
      }
      if (!filter.node.empty()) {
        if constexpr (requires { y.node; })
          return y.node == filter.node;
        else
          return false;
      }
      return true;
    },
    x.what);
}

void recent_events::add(const std::vector<event>& xs) {
  auto from
    = xs.size() > most_ ? xs.end() - static_cast<ptrdiff_t>(most_) : xs.begin();
  for (; from != xs.end(); ++from)
    if (from->version > last())
      events_.push_back(*from);
  while (events_.size() > most_)
    events_.pop_front();
}

void recent_events::add_older(const std::vector<event>& xs) {
  for (auto at = xs.rbegin(); at != xs.rend() && events_.size() < most_; ++at)
    if (events_.empty() || at->version < first())
      events_.push_front(*at);
}

version_number recent_events::last() const {
  return events_.empty() ? 0 : events_.back().version;
}

version_number recent_events::first() const {
  return events_.empty() ? 0 : events_.front().version;
}

std::vector<const event*>
recent_events::after(version_number since, const event_filter& filter,
                     size_t limit) const {
  std::vector<const event*> result;
  for (auto at = events_.rbegin();
       at != events_.rend() && at->version > since && result.size() < limit;
       ++at)
    if (matches(filter, *at))
      result.push_back(&*at);
  std::reverse(result.begin(), result.end());
  return result;
}

} // namespace troupe::runtime
