#pragma once

#include <cstdint>

#include <boost/describe/enum.hpp>

namespace troupe::sim {

/// A fault that is built into what stands in for a part of Troupe or of the
/// machine below it: the checks must find each.
enum class mutant : uint8_t {
  none,
  /// The journal answers before it has written.
  answers_before_append,
  /// The journal that is opened again lacks its last facts.
  loses_facts,
  /// A run whose end nobody knows is reported as exit code 0.
  invents_exit_code,
  /// A run counts as ended once it is asked to stop.
  ends_at_stop_request,
  /// A run that is adopted is started again.
  starts_when_adopting,
  /// A run of an earlier attempt is taken for one of the next.
  adopts_other_attempt,
  /// An agent that starts again knows nothing of what it had accepted.
  forgets_accepted,
  /// The key of a submission that is sent again is not looked at.
  ignores_keys,
  /// Stops do not reach the machine.
  loses_stops,
  /// Whoever is sick looks well to its health check.
  sick_looks_well
};
BOOST_DESCRIBE_ENUM(mutant, none, answers_before_append, loses_facts,
                    invents_exit_code, ends_at_stop_request,
                    starts_when_adopting, adopts_other_attempt,
                    forgets_accepted, ignores_keys, loses_stops,
                    sick_looks_well)

} // namespace troupe::sim
