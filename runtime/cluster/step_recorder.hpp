#pragma once

#include <cstddef>
#include <utility>
#include <vector>

#include "messages/fact.hpp"

namespace troupe::runtime {

/// Notes what the cluster was given to decide on, so that it can be decided
/// again: most of it is in the facts that came of it; the rest goes with the next
/// fact.
class step_recorder {
public:
  /// Begins a step. `before` is the time until then, and `facts_before` counts
  /// the facts that nobody has taken yet.
  void begin(step_kind kind, timestamp before, size_t facts_before);

  /// Ends it at `now`: the first of its facts, which stand behind those before
  /// it in `facts`, tells of it and of the steps before that left none. Returns
  /// what time it is: as if the step had not been, if nothing at all came of it.
  [[nodiscard]] timestamp end(std::vector<event>& facts, timestamp now);

  /// What is noted of the present step beyond its facts.
  [[nodiscard]] step& present() { return step_; }
  /// Notes that something came of it that is in no fact.
  void stir() { stirred_ = true; }
  /// Notes that something to ask a policy was looked for.
  void look() { looked_ = true; }

private:
  timestamp end_in_silence(timestamp now);

  step step_;
  timestamp before_;
  size_t first_fact_ = 0;
  bool stirred_ = false;
  /// Whether there was a look since the step before.
  bool looked_ = false;
  /// Those since the last fact that left none, and when they were.
  std::vector<std::pair<timestamp, step>> silent_;
};

} // namespace troupe::runtime
