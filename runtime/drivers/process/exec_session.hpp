#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "messages/expected.hpp"

#include "runtime/drivers/process/unique_fd.hpp"

namespace troupe::runtime::process {

/// Asks for a command beside a running task.
struct exec_request {
  /// Directory of the run.
  std::string run;
  std::vector<std::string> argv;
  std::chrono::milliseconds timeout = std::chrono::seconds{30};
};

/// How such a command ended.
struct exec_result {
  /// As of a shell: 128 + signal, if a signal ended it.
  int exit_code = 0;
  bool timed_out = false;
  /// What came after the first `exec_output_bytes_max` is missing.
  bool truncated = false;
  /// Standard output and error as they came.
  std::string output = {};
  /// A sentence, if it never ran; else empty.
  std::string error = {};
  /// It never ran because of what it is: nothing is wrong with the task.
  bool bad_command = false;
};

inline constexpr size_t exec_output_bytes_max = size_t{1} << 20;

[[nodiscard]] std::string to_json(const exec_request& x);
[[nodiscard]] expected<exec_request, std::string>
exec_request_from_json(std::string_view text);

/// One line of JSON, then the output as it is.
[[nodiscard]] std::string to_bytes(const exec_result& x);
[[nodiscard]] exec_result exec_result_from_bytes(std::string_view bytes);

/// The whole life of a process that runs one such command: with user,
/// environment, directory and control group of the task, and ends with it.
/// REQUIRES: as `run_task`.
void run_exec(const exec_request& request, unique_fd answer);

} // namespace troupe::runtime::process
