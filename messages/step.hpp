#pragma once

/// What was given to a controller to decide on. The facts that came of it are in
/// the journal; what left none, and what facts alone do not tell, stands with the
/// next fact, so that all of it can be decided again.

#include <cstdint>
#include <string>
#include <vector>

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include "messages/ids.hpp"
#include "messages/timestamp.hpp"

namespace troupe {

enum class step_kind : uint8_t {
  /// Somebody said something.
  command,
  /// Time passed.
  time,
  /// A policy answered.
  proposal,
  /// It did not.
  no_proposal,
  /// A policy offered its service.
  policies,
  /// More than is kept: what it was is not known.
  untold
};
BOOST_DESCRIBE_ENUM(step_kind, command, time, proposal, no_proposal, policies,
                    untold)

struct step {
  step_kind kind = step_kind::command;
  /// How long before the fact that it stands with.
  std::chrono::milliseconds ago{0};
  /// Whether nobody looked for something to ask a policy since the step before.
  bool at_once = false;
  /// Of a command: the node that told something of which no fact speaks.
  std::string node;
  /// That is: all that it has.
  bool inventory = false;
  /// Or that it is silent for so long that it is to be removed.
  bool leaving = false;
  /// Or what runs there that is not to, and what has ended of it.
  std::vector<allocation_id> strays;
  std::vector<allocation_id> gone;
  /// Those that were not there before.
  std::vector<std::string> policies;
  bool operator==(const step&) const = default;
  BOOST_DESCRIBE_CLASS(step, (),
                       (kind, ago, at_once, node, inventory, leaving, strays,
                        gone, policies),
                       (), ())
};

} // namespace troupe
