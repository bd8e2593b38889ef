#pragma once

#include <span>
#include <string>
#include <vector>

#include "messages/expected.hpp"
#include "messages/fact.hpp"

#include "runtime/journal/journal.hpp"

namespace troupe::runtime::rehearsal {

/// What a journal holds: a state, and the facts after it.
struct recording {
  /// As `cluster::save` writes them; none if it begins with nothing.
  std::vector<std::string> lines;
  std::vector<event> events;
};

/// The facts that came of the step whose first one is at `i`.
[[nodiscard]] std::span<const event>
step_at(std::span<const event> facts, size_t i);

/// All facts if they are all there, else those after the latest snapshot.
/// Errors: a sentence that says what cannot be read.
[[nodiscard]] expected<recording, std::string>
read_recording(const journal& from);

} // namespace troupe::runtime::rehearsal
