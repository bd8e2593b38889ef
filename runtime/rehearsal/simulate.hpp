#pragma once

/// Plays a scenario on a virtual clock, as fast as it goes. The same scenario
/// gives the same placements, byte for byte.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/describe/class.hpp>
#include <boost/json/value.hpp>

#include "runtime/rehearsal/figures.hpp"
#include "runtime/rehearsal/scenario.hpp"

namespace troupe::runtime::rehearsal {

struct simulation_options {
  /// Instead of what the scenario says.
  std::optional<std::string> strategy = std::nullopt;
  std::optional<std::string> order = std::nullopt;
  /// Whether to keep every placement.
  bool trace = false;
  /// As `stage_options::one_by_one`.
  bool one_by_one = false;
  /// Steps of the stage: what goes on for ever ends some time.
  uint64_t steps_max = 100'000'000;
};

struct traced_placement {
  /// Since the beginning.
  double at_seconds = 0;
  task_ref task;
  uint32_t attempt = 0;
  std::string node;
  bool operator==(const traced_placement&) const = default;
  BOOST_DESCRIBE_CLASS(traced_placement, (), (at_seconds, task, attempt, node),
                       (), ())
};

struct played_scenario {
  std::string strategy;
  std::string order;
  uint64_t nodes = 0;
  /// How long it went on, on its own clock.
  double seconds = 0;
  figures all;
  /// What waits at the end, and why.
  std::vector<planned_wait> waiting;
  std::vector<traced_placement> placements;
  /// False if `steps_max` cut it off.
  bool complete = true;
  bool operator==(const played_scenario&) const = default;
};

/// Errors: which step of the scenario the cluster refuses, and why. What is wrong
/// with `options` has no pointer.
[[nodiscard]] expected<played_scenario, problem>
simulate(const scenario& x, const simulation_options& options = {});

[[nodiscard]] boost::json::value write_played(const played_scenario& x);

} // namespace troupe::runtime::rehearsal
