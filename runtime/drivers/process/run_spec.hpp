#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "messages/expected.hpp"
#include "messages/ids.hpp"

namespace troupe::runtime::process {

/// Time of day, as it is written to files and told to people.
using wall_time = std::chrono::sys_time<std::chrono::milliseconds>;

[[nodiscard]] wall_time wall_now();

/// How much of what a task says is kept: at most
/// `bytes_per_file * files_per_stream` for each of its two streams.
struct log_limits {
  int64_t bytes_per_file = int64_t{10} << 20;
  int files_per_stream = 2;

  friend bool operator==(const log_limits&, const log_limits&) = default;
};

/// What a file survives: the end of this program, or also a power cut.
enum class durability { process, power_cut };

/// Everything that is needed to run one task once.
struct run_spec {
  /// With the attempt, the name of the run on this machine: it is run once, for
  /// ever.
  allocation_id allocation;
  std::string task;
  uint32_t attempt = 1;
  std::vector<std::string> argv;
  /// The complete environment; nothing is added to it.
  std::vector<std::pair<std::string, std::string>> env;
  /// Empty: an own directory below that of the run.
  std::string workdir;
  /// `name`, `uid`, `name:group` or `uid:gid`. Empty: as the agent.
  std::string user;
  /// Weight when cpu is scarce. 0: the kernel's default.
  int64_t cpu_millicores_reserved = 0;
  /// 0: no limit.
  int64_t cpu_millicores_limit = 0;
  /// 0: no limit.
  int64_t memory_bytes_limit = 0;
  log_limits logs;
  int stop_signal = SIGTERM;
  std::chrono::milliseconds stop_grace = std::chrono::seconds{10};
  /// What the record of its ending survives. A synced one costs a write of the
  /// disk's journal; without, an ending that nobody acknowledged before a power
  /// cut is `lost`, like all that ran then. It never turns into another one.
  durability ending_survives = durability::process;
  /// Name of the control group below that of the agent; the engine sets it.
  std::string control_group;

  [[nodiscard]] run_id run() const { return {allocation, attempt}; }
  friend bool operator==(const run_spec&, const run_spec&) = default;
};

enum class run_ending {
  /// By itself, with an exit code.
  exited,
  /// By a signal.
  signaled,
  /// It never ran; `run_exit::message` says why.
  start_failed,
  /// It never ran, since the agent that was asked for it ended first: nothing is
  /// wrong with it.
  withdrawn,
  /// Its runner died first: nobody knows how it ended.
  lost,
};

/// How one run ended.
struct run_exit {
  run_ending ending = run_ending::lost;
  /// The exit code of `exited`, the signal of `signaled`, else 0.
  int code = 0;
  /// The kernel killed a process of the run for want of memory. Known only
  /// where the memory limit is enforced; the exit code may be anything, even 0.
  bool out_of_memory = false;
  /// A sentence for `start_failed`, `withdrawn` and `lost`, else empty.
  std::string message = {};
  /// Process id of the command; 0 if it never ran or is not known.
  int pid = 0;
  wall_time started_at = {};
  wall_time ended_at = {};
  /// Of the whole group where limits are enforced, else of its largest process.
  int64_t memory_bytes_peak = 0;
  double cpu_seconds = 0;

  friend bool operator==(const run_exit&, const run_exit&) = default;
};

/// The readers ignore what they do not know and have a default for what is
/// missing, so that a new agent reads the runs of an old one.
/// Errors: a sentence, if the text is not a JSON object.
[[nodiscard]] std::string to_json(const run_spec& x);
[[nodiscard]] expected<run_spec, std::string>
run_spec_from_json(std::string_view text);
[[nodiscard]] std::string to_json(const run_exit& x);
[[nodiscard]] expected<run_exit, std::string>
run_exit_from_json(std::string_view text);

} // namespace troupe::runtime::process
