#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "runtime/drivers/process/unique_fd.hpp"

namespace troupe::runtime::process {

/// Says which process is meant, for good: process ids come round again, but not
/// with the same start time on the same boot.
struct process_identity {
  pid_t pid = 0;
  /// Clock ticks since boot. Source: proc(5), `stat`, field 22.
  uint64_t start_ticks = 0;
  std::string boot_id;

  friend bool operator==(const process_identity&, const process_identity&)
    = default;
};

/// What /proc says of one process. Source: proc(5), `stat`.
struct process_stat {
  char state = '?';
  pid_t parent = 0;
  pid_t session = 0;
  /// Clock ticks of itself and of its children that were waited for.
  uint64_t cpu_ticks = 0;
  uint64_t cpu_ticks_of_children = 0;
  uint64_t start_ticks = 0;
  int64_t memory_bytes = 0;
};

using process_table = std::map<pid_t, process_stat>;

/// The running kernel's boot, the same for every process on the machine.
[[nodiscard]] const std::string& boot_id();

[[nodiscard]] std::optional<process_stat> stat_of(pid_t pid);

/// Nothing if there is no such process.
[[nodiscard]] std::optional<process_identity> identify(pid_t pid);

/// Returns a pidfd of exactly that process, or nothing if it is gone. Signals
/// through it never reach a stranger.
[[nodiscard]] std::optional<unique_fd>
open_process(const process_identity& wanted);

/// Errors: the errno of pidfd_send_signal(2), else 0.
int send_signal(const unique_fd& pidfd, int signal);

/// Every process that can be seen now.
[[nodiscard]] process_table all_processes();

/// The children of `ancestor`, their children and so on, without itself.
[[nodiscard]] std::vector<pid_t>
descendants(const process_table& table, pid_t ancestor);

/// Kills what is left of the session that the dead process `leader` led. Does
/// nothing if that process id has a new owner.
void kill_session(const process_identity& leader);

} // namespace troupe::runtime::process
