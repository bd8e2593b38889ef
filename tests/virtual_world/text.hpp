#pragma once

#include <optional>
#include <string>

#include <caf/type_erased_tuple.hpp>

#include "messages/interfaces.hpp"

namespace troupe::test {

/// A message as a line of a transcript shows it: its name and what matters in
/// it, without times. Empty if it is not worth a line.
[[nodiscard]] std::optional<std::string>
text_of(const caf::type_erased_tuple& message);

/// A command: `stop_job web`.
[[nodiscard]] std::string text_of(const command& x);

/// A fact: `7 taskPlaced web.0 on a`.
[[nodiscard]] std::string text_of(const event& x);

} // namespace troupe::test
