#pragma once

/// How decisions stand in a file:
///
///   CHECKSUM {"decisions":1,"cluster":"4fa1.."}
///   CHECKSUM {"round":{"policy":"binpack",..},"asks":[..]}
///   CHECKSUM {"until":{"version":17,"time":"..","type":"taskPlaced"}}
///   ..

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "runtime/decisions/note.hpp"

namespace troupe::runtime {

[[nodiscard]] std::string head_line(std::string_view cluster_id);
[[nodiscard]] std::string note_line(const decision_note& x);
[[nodiscard]] std::string mark_line(const fact_mark& x);

/// What can be read of such a file, from its beginning.
struct decision_lines {
  /// Empty if it is none of these files.
  std::string cluster_id;
  std::vector<decision_note> notes;
  struct mark {
    fact_mark until;
    /// So many of `notes` come before.
    size_t notes = 0;
  };
  /// In order of their versions.
  std::vector<mark> marks;
  /// The first line that is damaged, from 1; 0 if all is well.
  size_t damaged = 0;
};

[[nodiscard]] decision_lines read_lines(std::string_view text);

} // namespace troupe::runtime
