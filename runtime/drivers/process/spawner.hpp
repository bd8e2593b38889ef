#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <sys/types.h>

#include "messages/expected.hpp"

#include "runtime/drivers/process/unique_fd.hpp"

namespace troupe::runtime::process {

/// What the spawner answers to one request. Two descriptors come with it: a
/// pidfd of the new process, and the reading end of a pipe to it.
struct spawn_answer {
  uint64_t token = 0;
  pid_t pid = 0;
  /// An errno; 0 if there is a process.
  int error = 0;
};

enum class spawn_kind : char { run = 'R', exec = 'X' };

/// A request holds at most this much; the kernel's default for a socket's
/// buffer is 208 KiB.
inline constexpr size_t spawn_request_bytes_max = 64 * 1024;

/// The bytes of one request. `text` is the directory of a run, or an
/// `exec_request` as JSON.
[[nodiscard]] std::string
spawn_request(spawn_kind kind, uint64_t token, std::string_view text);

/// A small process that starts the runners. It is forked off before there are
/// threads, so that it may fork safely, and while the program is small, so that
/// this is cheap; and runners hang on nothing that dies with the agent.
///
///     main --fork--> spawner --fork--> runner --fork, exec--> command
///      |                |
///      +-- socketpair --+   ends when the agent does; runners stay
class spawner {
public:
  /// REQUIRES: this process has one thread.
  /// Errors: a sentence, if the system has no process or socket to give.
  [[nodiscard]] static expected<spawner, std::string> fork();

  spawner(spawner&&) noexcept;
  spawner& operator=(spawner&&) = delete;
  /// Ends the spawner, not the runners.
  ~spawner();

  /// Opens a channel for requests: a socket that keeps messages apart.
  /// Errors: a sentence, if the spawner is gone.
  [[nodiscard]] expected<unique_fd, std::string> connect();

  [[nodiscard]] pid_t pid() const { return pid_; }

private:
  spawner(pid_t pid, unique_fd control);

  pid_t pid_;
  unique_fd control_;
};

} // namespace troupe::runtime::process
