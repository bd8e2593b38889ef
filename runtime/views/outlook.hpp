#pragma once

/// When what waits could start, where nobody has said how long those run who have
/// the places: going by how long they ran before. Only told; what is decided goes
/// by what jobs say of themselves.

#include <cstdint>
#include <optional>
#include <string>

#include "messages/timestamp.hpp"

#include "runtime/cluster/cluster.hpp"

namespace troupe::runtime::views {

/// What the tasks of a job that ended well say of those that run.
struct past_runs {
  /// So long took the middle one of them.
  milliseconds usual{0};
  uint32_t count = 0;
};

/// Looks at no more than `past_runs_max` tasks.
[[nodiscard]] past_runs past_runs_of(const job_record& job);
inline constexpr uint32_t past_runs_max = 10'000;

struct outlook {
  timestamp at;
  /// Whether somebody who has to leave before has run for longer than usual.
  bool overdue = false;
  /// How many ends this goes by.
  uint32_t runs = 0;
};

/// When the first task of `job` could start. Nothing unless it is first in the
/// queue, waits for room, and earlier runs say something that jobs do not; nor of
/// a cluster with more than `running_max` tasks, which would take long.
[[nodiscard]] std::optional<outlook>
outlook_of(const cluster& c, const job_record& job, timestamp now);
inline constexpr uint32_t running_max = 10'000;

/// The same as the rest of a sentence; empty for nothing.
[[nodiscard]] std::string
outlook_text(const cluster& c, const job_record& job, timestamp now);

/// When it could start by what jobs say, else by earlier runs, as the rest of a
/// sentence; empty for nothing.
[[nodiscard]] std::string
start_text(const cluster& c, const job_record& job, timestamp now);

} // namespace troupe::runtime::views
