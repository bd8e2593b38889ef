#pragma once

/// What is to be rehearsed: machines, what they lose and gain, and jobs that
/// come. Written by people as JSON:
///
///   {"nodes": [{"count": 100, "name": "n", "cpu": 8, "memory": "32GiB"}],
///    "settings": {"strategy": "binpack", "queueOrder": "priority"},
///    "jobs": [{"at": "0s", "job": {..}}, {"every": "2s", "times": 50, "job": {..}}],
///    "events": [{"at": "5m", "lose": "n-3"}, {"at": "10m", "join": "n-3"}],
///    "until": "1h"}

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include <boost/json/value.hpp>

#include "messages/command.hpp"
#include "messages/expected.hpp"
#include "messages/problem.hpp"

namespace troupe::runtime::rehearsal {

/// A machine dies with all it runs. It is noticed as in a real cluster, by its
/// silence.
struct lost_node {
  std::string node;
  bool operator==(const lost_node&) const = default;
};

/// Machines come, or come back empty.
struct joined_nodes {
  std::vector<node_profile> nodes;
  bool operator==(const joined_nodes&) const = default;
};

struct scenario_step {
  /// Since the beginning.
  milliseconds at{0};
  std::variant<command, lost_node, joined_nodes> what;
  /// Where it stands in the document.
  std::string pointer;
  bool operator==(const scenario_step&) const = default;
};

struct scenario {
  change_settings settings;
  /// By time; at the same time, nodes come before events and those before jobs.
  std::vector<scenario_step> steps;
  /// When it ends, even if things go on. Without, when nothing happens any more.
  std::optional<milliseconds> until;
  /// What the clock shows at the beginning, for schedules.
  timestamp start;
  /// As options of a controller.
  milliseconds unhealthy_after{30'000};
  milliseconds removed_after{300'000};
};

/// Errors: all that is wrong with `x`, each with its pointer; unknown keys with
/// the nearest known one.
[[nodiscard]] expected<scenario, std::vector<problem>>
read_scenario(const boost::json::value& x);

/// How long a run of `spec` goes on by itself: what the driver `simulated` would
/// do, else `expectedRuntime`; nothing if nobody says.
[[nodiscard]] std::optional<milliseconds> length_of(const job_spec& spec);

} // namespace troupe::runtime::rehearsal
