#pragma once

/// A scenario: a cluster, what users ask of it, and what goes wrong. Pure data,
/// drawn from one seed, and printed before anything happens.

#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include <boost/describe/enum.hpp>

#include "messages/command.hpp"

#include "tests/virtual_world/cable.hpp"

namespace troupe::sim {

/// What may go wrong. Each seed has some of it switched off, so that rare kinds
/// are not always hidden behind frequent ones.
enum class trouble : uint8_t {
  cable_cut,
  cable_cut_one_way,
  cable_stalled,
  controller_killed,
  machine_killed,
  power_cut,
  switched_off,
  actor_killed,
  disk_full,
  disk_broken,
  slow_preparing,
  slow_stop,
  late_events,
  refused_start,
  unknown_end,
  driver_hangs,
  node_cordoned,
  sickness
};
BOOST_DESCRIBE_ENUM(trouble, cable_cut, cable_cut_one_way, cable_stalled,
                    controller_killed, machine_killed, power_cut, switched_off,
                    actor_killed, disk_full, disk_broken, slow_preparing,
                    slow_stop, late_events, refused_start, unknown_end,
                    driver_hangs, node_cordoned, sickness)

/// How drivers behave. Chances are per thousand runs.
struct driver_habits {
  uint32_t slow_preparing = 0;
  uint32_t refused_start = 0;
  uint32_t unknown_end = 0;
  uint32_t late_events = 0;
  /// Of runs that are looked after.
  uint32_t sick = 0;
  milliseconds stop_takes_max{0};
};

struct machine_plan {
  std::string name;
  resources capacity;
  label_set labels;
  milliseconds joins_at{0};
};

// -- what happens ------------------------------------------------------------

/// A user asks, `times` times: whoever gets no answer asks again.
struct ask {
  command what;
  uint32_t times = 1;
};

enum class cable_fault : uint8_t { cut, to_machine, to_controller, stall };
BOOST_DESCRIBE_ENUM(cable_fault, cut, to_machine, to_controller, stall)

struct break_cable {
  std::string machine;
  cable_fault how = cable_fault::cut;
  milliseconds lasts{0};
  /// Whether both ends notice at last. What was cut is always noticed.
  bool noticed = true;
};

struct kill_controller {
  milliseconds lasts{0};
  /// Between the journal's next append and its answer.
  bool in_append = false;
};

enum class machine_fault : uint8_t { killed, power_cut, switched_off };
BOOST_DESCRIBE_ENUM(machine_fault, killed, power_cut, switched_off)

struct kill_machine {
  std::string machine;
  machine_fault how = machine_fault::killed;
  milliseconds lasts{0};
};

/// Ends one actor: its supervisor starts it again.
struct kill_actor {
  /// Of the controller if `machine` is empty.
  std::string role;
  std::string machine;
};

enum class disk_fault : uint8_t { full, broken, broken_after_write };
BOOST_DESCRIBE_ENUM(disk_fault, full, broken, broken_after_write)

struct spoil_disk {
  disk_fault how = disk_fault::full;
  milliseconds lasts{0};
};

struct hang_driver {
  std::string machine;
  milliseconds lasts{0};
};

using happening = std::variant<ask, break_cable, kill_controller, kill_machine,
                               kill_actor, spoil_disk, hang_driver>;

/// Something that happens at a time, after so many further deliveries: faults
/// shall also hit the middle of a conversation.
struct moment {
  milliseconds at{0};
  uint32_t deliveries = 0;
  happening what;
};

struct scenario {
  uint64_t seed = 0;
  std::set<trouble> troubles;
  /// How long users ask and things go wrong.
  milliseconds length{0};
  std::string strategy;
  std::string queue_order;
  /// Facts after which the journal writes a snapshot.
  version_number snapshot_after = 0;
  driver_habits habits;
  std::vector<machine_plan> machines;
  /// In order of time.
  std::vector<moment> moments;
};

/// The same seed gives the same scenario.
[[nodiscard]] scenario draw_scenario(uint64_t seed);

/// One line for the options, one for each machine and each moment.
[[nodiscard]] std::string text_of(const scenario& x);
[[nodiscard]] std::string text_of(const happening& x);

} // namespace troupe::sim
