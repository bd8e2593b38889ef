#pragma once

/// What the controller and a machine say to each other beside work and reports.
/// These cross process boundaries, so members are only ever added.

#include <cstdint>
#include <string>
#include <vector>

#include <boost/describe/class.hpp>

#include "messages/work.hpp"

namespace troupe {

/// Asks to join, or to join again after the connection or a process was lost.
struct node_hello {
  node_profile profile;
  /// New for each process: tells a restart from a reconnection.
  uint64_t incarnation = 0;
  /// Every allocation that the machine knows.
  std::vector<task_report> inventory;
  /// Random, and kept with what the machine knows: tells it from another of the
  /// same name. Empty: not known.
  std::string identity;
  /// Where that is kept, for people: host and directory.
  std::string place;
  bool operator==(const node_hello&) const = default;
  BOOST_DESCRIBE_CLASS(node_hello, (),
                       (profile, incarnation, inventory, identity, place), (),
                       ())
};

/// Says that the machine has joined, or why it may not.
struct node_welcome {
  /// Empty if the machine has joined; else a sentence for its operator.
  std::string refused;
  /// Whether it makes sense to ask again later.
  bool try_again = true;
  version_number term = 0;
  std::string cluster_id;
  milliseconds heartbeat_interval{10'000};
  bool operator==(const node_welcome&) const = default;
  BOOST_DESCRIBE_CLASS(node_welcome, (),
                       (refused, try_again, term, cluster_id,
                        heartbeat_interval),
                       (), ())
};

/// Gives a machine things to do, in the order of their sequence.
struct work_batch {
  std::vector<work_item> items;
  bool operator==(const work_batch&) const = default;
  BOOST_DESCRIBE_CLASS(work_batch, (), (items), (), ())
};

/// Says that all work up to `sequence` is safe with the machine.
struct work_taken {
  uint64_t sequence = 0;
  bool operator==(const work_taken&) const = default;
  BOOST_DESCRIBE_CLASS(work_taken, (), (sequence), (), ())
};

/// Says what became of tasks, in the order of the reports' sequence.
struct report_batch {
  std::vector<task_report> reports;
  bool operator==(const report_batch&) const = default;
  BOOST_DESCRIBE_CLASS(report_batch, (), (reports), (), ())
};

/// Sets what the machine's process logs.
struct set_log_level {
  /// `trace debug info warn error off`; what is none of them changes nothing.
  std::string level;
  bool operator==(const set_log_level&) const = default;
  BOOST_DESCRIBE_CLASS(set_log_level, (), (level), (), ())
};

/// Says that all reports up to `sequence` are in the journal.
struct reports_taken {
  uint64_t sequence = 0;
  bool operator==(const reports_taken&) const = default;
  BOOST_DESCRIBE_CLASS(reports_taken, (), (sequence), (), ())
};

/// Asks for the next piece of what an allocation wrote.
struct read_log {
  allocation_id allocation;
  /// `stdout` or `stderr`.
  std::string stream = "stdout";
  /// Chosen at random by who reads: the machine remembers how far it got, for a
  /// minute.
  uint64_t reader = 0;
  /// Where a new reader begins: so many lines before the end; -1 for all.
  int64_t tail_lines = -1;
  /// At most 64 KiB.
  uint32_t bytes_max = 65'536;
  /// 0: the last one there.
  uint32_t attempt = 0;
  /// The last `bytes_max` bytes, and no reader is remembered.
  bool once = false;
  bool operator==(const read_log&) const = default;
  BOOST_DESCRIBE_CLASS(read_log, (),
                       (allocation, stream, reader, tail_lines, bytes_max,
                        attempt, once),
                       (), ())
};

/// A piece of output; empty if there is none now. Nothing more will come after
/// `ended`.
struct log_chunk {
  std::string error;
  /// Base64, since output need not be UTF-8.
  std::string bytes;
  bool ended = false;
  bool operator==(const log_chunk&) const = default;
  BOOST_DESCRIBE_CLASS(log_chunk, (), (error, bytes, ended), (), ())
};

/// Runs a command inside a running allocation.
struct exec_command {
  allocation_id allocation;
  std::vector<std::string> argv;
  milliseconds timeout{60'000};
  /// 0: the one that runs.
  uint32_t attempt = 0;
  bool operator==(const exec_command&) const = default;
  BOOST_DESCRIBE_CLASS(exec_command, (), (allocation, argv, timeout, attempt),
                       (), ())
};

struct exec_result {
  std::string error;
  int32_t exit_code = 0;
  /// Base64, at most 192 KiB of output before it.
  std::string output;
  /// The command itself cannot be run: no other try helps.
  bool bad_command = false;
  bool operator==(const exec_result&) const = default;
  BOOST_DESCRIBE_CLASS(exec_result, (), (error, exit_code, output, bad_command),
                       (), ())
};

} // namespace troupe
