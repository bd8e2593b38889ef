#pragma once

#include <string>

namespace troupe::tools {

/// What the program ends with. `run --wait` ends with the task's own code.
namespace exit_code {
inline constexpr int done = 0;
/// The answer is no, or it cannot be done as things stand.
inline constexpr int no = 1;
inline constexpr int bad_input = 2;
inline constexpr int not_found = 3;
inline constexpr int unreachable = 4;
inline constexpr int refused = 5;
} // namespace exit_code

/// Why a verb did not do what it was asked.
struct failure {
  int code = exit_code::no;
  /// For people: a sentence, then perhaps indented lines. No line break at the
  /// end.
  std::string text;
  bool operator==(const failure&) const = default;
};

/// Tells `x` on stderr and returns its code.
int report(const failure& x);

} // namespace troupe::tools
