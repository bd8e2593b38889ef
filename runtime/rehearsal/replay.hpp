#pragma once

/// Decides again what a journal holds: what a controller was given to decide on
/// is given to the same code once more, in the same order and at the same times,
/// and what comes of it must be what the journal says that came of it.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/json/value.hpp>

#include "messages/expected.hpp"

#include "runtime/rehearsal/recording.hpp"

namespace troupe::runtime::rehearsal {

struct replay_options {
  /// As in a controller.
  uint32_t batch_tasks_max = 1'024;
};

/// Where what was decided now is not what was decided then.
struct difference {
  version_number version = 0;
  timestamp time;
  /// As events.
  boost::json::value recorded;
  /// Null if nothing was decided.
  boost::json::value decided;
};

/// Facts that could not be decided again, from one version to another. They are
/// taken as they are, and so is all up to where the next controller begins.
struct untried_facts {
  version_number from = 0;
  version_number to = 0;
  std::string why;
  bool operator==(const untried_facts&) const = default;
};

struct replayed {
  uint64_t facts = 0;
  /// Of them, what came out the same, and how often somebody said something, a
  /// policy proposed something and time brought something to that end.
  uint64_t same = 0;
  uint64_t commands = 0;
  uint64_t proposals = 0;
  uint64_t times = 0;
  /// Placements among them that follow from what no journal holds: measured
  /// loads, turns. Whatever node it was is taken for right.
  uint64_t unknowable = 0;
  std::vector<untried_facts> untried;
  std::optional<difference> first;
};

/// Errors: a sentence that says why the recording cannot be begun with.
[[nodiscard]] expected<replayed, std::string>
replay(const recording& x, const replay_options& options = {});

[[nodiscard]] boost::json::value write_replayed(const replayed& x);

} // namespace troupe::runtime::rehearsal
