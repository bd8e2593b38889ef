#pragma once

/// Gangs: tasks that start together or not at all. What follows from how many
/// members there are, and how they are.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <boost/describe/enum.hpp>

#include "messages/job.hpp"

#include "runtime/placement/task_class.hpp"

namespace troupe::runtime::placement {
class table;
} // namespace troupe::runtime::placement

namespace troupe::runtime {

/// Where a gang is in its life.
///
///   waiting ---- places for all ----> reserving ---- all nodes agree ----> running
///      ^  ^                              |                                    |
///      |  +---- one refuses, or late ----+                            too few are left
///      |                                                                      v
///      +------------------------- all have stopped ----------------------- broken
///
///   waiting:   none of its members runs.
///   reserving: each has a place that is kept for it, none runs.
///   running:   at least as many run, or have succeeded, as it needs.
///   broken:    those that are left are being stopped.
enum class gang_state : uint8_t { waiting, reserving, running, broken };
BOOST_DESCRIBE_ENUM(gang_state, waiting, reserving, running, broken)

/// The name of the gang that tasks of `spec` belong to: the one that it says, or
/// the job's own, or the label `pod-group`. Empty if they belong to none.
[[nodiscard]] std::string gang_of(const job_spec& spec);

/// The members of a gang, over all its jobs.
struct gang_members {
  uint32_t all = 0;
  /// Have succeeded: they need no place any more.
  uint32_t done = 0;
  /// Failed or were stopped, and nobody starts them again.
  uint32_t lost = 0;
  /// Hold a place and are not being stopped, or have one kept.
  uint32_t able = 0;
  /// Hold a place.
  uint32_t live = 0;
  /// Wait and may be placed.
  uint32_t open = 0;
  /// What the jobs say, at most; 0 if they do not.
  uint32_t min_said = 0;
  uint32_t max_said = 0;

  /// Adds what one job says.
  void add(const job_spec& spec, uint32_t count);
  [[nodiscard]] uint32_t min() const { return min_said > 0 ? min_said : all; }
  [[nodiscard]] uint32_t max() const { return max_said > 0 ? max_said : all; }
  /// Whether all who are needed are there.
  [[nodiscard]] bool complete() const { return all >= min() && all > 0; }
  /// Whether there can never be as many as are needed.
  [[nodiscard]] bool hopeless() const {
    return complete() && lost > 0 && all - lost < min();
  }
  /// Places that a start needs, and how many it may use.
  [[nodiscard]] uint32_t places_min() const {
    return min() > done ? min() - done : 0;
  }
  [[nodiscard]] uint32_t places_max() const {
    auto taken = done + able;
    return max() > taken ? max() - taken : 0;
  }
};

/// How many tasks of `of` the nodes would hold if they were empty, at most
/// `limit`. Never less than what is true.
[[nodiscard]] uint32_t
most_that_fit(const placement::table& nodes, const placement::task_class& of,
              uint32_t limit);

} // namespace troupe::runtime
