#pragma once

#include <deque>
#include <string>
#include <vector>

#include <boost/json/array.hpp>

#include "messages/fact.hpp"

namespace troupe::runtime {

/// Which facts somebody wants to hear of; what is empty does not filter.
struct event_filter {
  std::vector<std::string> types;
  std::string job;
  std::string node;
};

[[nodiscard]] bool matches(const event_filter& filter, const event& x);

/// The facts of late, for pages that show them.
class recent_events {
public:
  explicit recent_events(size_t most) : most_{most} {}

  /// Takes facts that follow those it has; of a long row only the last ones.
  void add(const std::vector<event>& xs);
  /// Takes facts that come before those it has.
  void add_older(const std::vector<event>& xs);

  /// The version of the last fact, 0 if there is none.
  [[nodiscard]] version_number last() const;
  /// The version of the first fact at hand, 0 if there is none.
  [[nodiscard]] version_number first() const;

  /// The last ones of those after `since` that match, at most `limit`, oldest
  /// first.
  [[nodiscard]] std::vector<const event*>
  after(version_number since, const event_filter& filter, size_t limit) const;

private:
  size_t most_;
  std::deque<event> events_;
};

} // namespace troupe::runtime
