#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "runtime/decisions/decisions.hpp"

namespace troupe::runtime {

/// Notes that are not kept on disk yet: they wait for the facts that they tell of,
/// and for the batch before them. If they become too many all of them are given
/// up, and the next batch tells everything.
class unkept_decisions {
public:
  /// Asks and other notes: twice what is known at most.
  static constexpr size_t usual_most = 2 * decisions::usual_most;

  explicit unkept_decisions(size_t most = usual_most) : most_(most) {}

  /// Adds a note about facts up to `version`.
  void add(version_number version, decision_note x);
  /// Says that the next batch must tell everything, as the first one must.
  void begin_anew();

  /// What is ready now that facts up to `durable` are. `all` holds every note so
  /// far, and is about facts up to `version`.
  [[nodiscard]] std::optional<decision_batch>
  next(const fact_mark& durable, version_number version, const decisions& all);

private:
  size_t most_;
  size_t size_ = 0;
  std::deque<std::pair<version_number, decision_note>> waiting_;
  bool anew_ = true;
  /// `waiting_` begins with all that was known, about facts up to this.
  std::optional<version_number> whole_;
};

} // namespace troupe::runtime
