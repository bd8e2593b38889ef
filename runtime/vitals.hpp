#pragma once

#include <functional>
#include <map>
#include <string>

#include "messages/timestamp.hpp"
#include "messages/work.hpp"

namespace troupe::runtime {

/// What a node last said of itself. Not a fact: it is true for seconds, and
/// nothing is decided from it that must be the same when the journal is read.
struct node_vitals {
  timestamp last_heard;
  /// Use of the whole machine.
  resources used;
  std::map<allocation_id, task_usage> tasks;
  /// Of those whose bursts are held back there.
  std::map<allocation_id, burst_limit> burst_limits;
  /// The most that each allocation was seen to use, also after its end; those
  /// of the newest `peaks_max`.
  std::map<allocation_id, task_usage> peaks;
};

/// Allocations of one node whose peaks are remembered.
inline constexpr size_t peaks_max = 1'000;

/// Notes that a node has said `x` at `now`.
void note_heartbeat(node_vitals& to, const heartbeat& x, timestamp now);

/// By name of the node.
using vitals = std::map<std::string, node_vitals, std::less<>>;

} // namespace troupe::runtime
