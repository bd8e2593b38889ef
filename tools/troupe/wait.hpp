#pragma once

#include <optional>
#include <string>
#include <vector>

#include "tools/troupe/rest.hpp"

namespace troupe::tools {

/// What became of a job that is waited for.
enum class job_end : uint8_t {
  /// It goes on changing.
  none,
  /// A batch job has done all, or a service is up.
  good,
  /// It will not do so any more.
  bad
};

/// Judges the view of a job. A service is waited for until all its tasks run,
/// and are healthy if it checks that; `tasks` are its tasks.
[[nodiscard]] job_end end_of(const json_value& job, const json_value& tasks);

/// The code that a failed task gives the program: its own, or 1 if it has none
/// or one that would say that all is well.
[[nodiscard]] int code_of_task(const json_value& task);

/// `web: 1/3 running, 2 pending`, or a sum if there are many.
[[nodiscard]] std::string progress_text(const std::vector<json_value>& jobs);

/// Waits for all of `names`, showing progress on stderr if that is a terminal,
/// and prints how each ended. Answers 0, or the code of the first failing task.
int wait_for_jobs(const rest& controller,
                  const std::vector<std::string>& names);

} // namespace troupe::tools
