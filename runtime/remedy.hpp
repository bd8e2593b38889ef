#pragma once

/// What would help a task that waits for a place: single changes, each of which
/// alone would give it one as things stand.

#include <optional>
#include <string>
#include <vector>

#include "messages/command.hpp"

namespace troupe::runtime {

class cluster;
struct job_record;

struct remedy {
  /// In short, such as `cpu=1.5` or `uncordon n1`.
  std::string change;
  /// What to do, and what follows, in words.
  std::string message;
  /// Carries it out; nothing if all that it takes is time.
  std::optional<command> how;
};

/// The remedies for the next task of `job`, the smallest first: a node that was
/// closed, less of one resource, one rule less, a label on a node, a higher
/// priority, patience, one more node. Each was tried on a copy of the table.
/// REQUIRES: tasks of `job` wait, and not for a time or for other jobs.
[[nodiscard]] std::vector<remedy>
remedies_for(const cluster& c, const job_record& job, timestamp now);

} // namespace troupe::runtime
