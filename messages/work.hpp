#pragma once

/// The protocol between the controller and whoever runs tasks on a machine: the
/// agent over CAF, or a worker in any language over HTTP. Both directions are
/// idempotent: what is not acknowledged is sent again, what is heard twice
/// changes nothing.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include "messages/ids.hpp"
#include "messages/job.hpp"
#include "messages/resources.hpp"
#include "messages/state.hpp"
#include "messages/timestamp.hpp"

namespace troupe {

/// Raised when agents and controllers of different numbers cannot work together.
constexpr uint32_t protocol_version = 1;

/// A port of the task and where it is found on the machine.
struct port_binding {
  std::string name;
  uint16_t container = 0;
  uint16_t host = 0;
  bool operator==(const port_binding&) const = default;
  BOOST_DESCRIBE_CLASS(port_binding, (), (name, container, host), (), ())
};

/// `forget`: the end of this allocation is known for good; its remains may go.
/// `reserve`: a member of a gang may come here. Whoever takes it reports the
/// allocation as `placed`, or as `failed` with a reason; a `start` with another
/// allocation follows, or a `release`, or nothing until `deadline`.
enum class work_kind : uint8_t { start, stop, forget, reserve, release };
BOOST_DESCRIBE_ENUM(work_kind, start, stop, forget, reserve, release)

/// One thing for a machine to do.
struct work_item {
  /// Counts from 1 on each connection of a machine; acknowledged in order.
  uint64_t sequence = 0;
  work_kind kind = work_kind::start;
  task_ref task;
  uint32_t attempt = 0;
  allocation_id allocation;
  /// Of a `start` and a `reserve`.
  job_spec_ptr spec;
  std::vector<port_binding> ports;
  std::vector<uint16_t> gpus;
  /// Of a `stop`.
  reason why = reason::none;
  /// Of a `reserve`.
  timestamp deadline;
  bool operator==(const work_item&) const = default;
  BOOST_DESCRIBE_CLASS(work_item, (),
                       (sequence, kind, task, attempt, allocation, spec, ports,
                        gpus, why, deadline),
                       (), ())
};

/// What became of an allocation. Also an entry of an inventory.
struct task_report {
  /// Rises by one with each report of a machine; acknowledged in order.
  uint64_t sequence = 0;
  task_ref task;
  uint32_t attempt = 0;
  allocation_id allocation;
  task_state state = task_state::starting;
  task_health health = task_health::none;
  reason why = reason::none;
  /// For people, at most 1 KiB.
  std::string message;
  std::optional<int32_t> exit_code;
  timestamp at;
  /// This attempt has ended, and the machine starts the next one itself.
  bool restarts = false;
  /// Of a `succeeded`: what the machine's engine calls the image that ran.
  std::string image_digest;
  bool operator==(const task_report&) const = default;
  BOOST_DESCRIBE_CLASS(task_report, (),
                       (sequence, task, attempt, allocation, state, health, why,
                        message, exit_code, at, restarts, image_digest),
                       (), ())
};

/// What one allocation uses now.
struct task_usage {
  allocation_id allocation;
  /// Since it started.
  double cpu_seconds = 0;
  int64_t memory_bytes = 0;
  bool operator==(const task_usage&) const = default;
  BOOST_DESCRIBE_CLASS(task_usage, (), (allocation, cpu_seconds, memory_bytes),
                       (), ())
};

/// What a run may use at most. 0: no limit.
struct run_limits {
  int64_t cpu_millicores = 0;
  int64_t memory_bytes = 0;
  bool operator==(const run_limits&) const = default;
  BOOST_DESCRIBE_CLASS(run_limits, (), (cpu_millicores, memory_bytes), (), ())
};

/// What an allocation may use at most while its machine holds its burst back.
/// 0: what its job says.
struct burst_limit {
  allocation_id allocation;
  int64_t cpu_millicores = 0;
  int64_t memory_bytes = 0;
  bool operator==(const burst_limit&) const = default;
  BOOST_DESCRIBE_CLASS(burst_limit, (),
                       (allocation, cpu_millicores, memory_bytes), (), ())
};

/// What a machine brings when it joins.
struct node_profile {
  std::string name;
  resources capacity;
  label_set labels;
  std::string version;
  uint32_t protocol = protocol_version;
  /// Base address of the machine's own HTTP server: logs, exec, metrics.
  std::string http_address;
  /// Names of the drivers that work there.
  std::vector<std::string> drivers;
  bool operator==(const node_profile&) const = default;
  BOOST_DESCRIBE_CLASS(node_profile, (),
                       (name, capacity, labels, version, protocol, http_address,
                        drivers),
                       (), ())
};

/// What one check of a task found; `unknown` if it could not be made.
enum class check_result : uint8_t { passed, failed, unknown };
BOOST_DESCRIBE_ENUM(check_result, passed, failed, unknown)

/// How many checks of a kind have found that.
struct check_count {
  check_kind kind = check_kind::tcp;
  check_result result = check_result::passed;
  uint64_t count = 0;
  bool operator==(const check_count&) const = default;
  BOOST_DESCRIBE_CLASS(check_count, (), (kind, result, count), (), ())
};

/// A driver of a machine that does not work now, and why, for people.
struct driver_trouble {
  std::string driver;
  std::string message;
  bool operator==(const driver_trouble&) const = default;
  BOOST_DESCRIBE_CLASS(driver_trouble, (), (driver, message), (), ())
};

/// Says that a machine is alive, and what it and its tasks use.
struct heartbeat {
  std::string node;
  /// Use of the whole machine.
  resources used;
  std::vector<task_usage> tasks;
  /// Health checks since the last heartbeat.
  std::vector<check_count> checks{};
  std::vector<driver_trouble> troubles{};
  /// Of those whose bursts are held back.
  std::vector<burst_limit> burst_limits{};
  bool operator==(const heartbeat&) const = default;
  BOOST_DESCRIBE_CLASS(heartbeat, (),
                       (node, used, tasks, checks, troubles, burst_limits), (),
                       ())
};

} // namespace troupe
