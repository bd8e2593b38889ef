#include "runtime/rehearsal/recording.hpp"

#include <algorithm>
#include <sstream>

namespace troupe::runtime::rehearsal {

std::span<const event> step_at(std::span<const event> facts, size_t i) {
  auto most = facts.size() - i;
  return facts.subspan(i, std::clamp<size_t>(facts[i].facts, 1, most));
}

expected<recording, std::string> read_recording(const journal& from) {
  recording result;
  version_number begin = 0;
  if (from.oldest_version() > 1) {
    auto snapshot = from.latest_snapshot();
    if (!snapshot)
      return make_unexpected(snapshot.error().message);
    if (!*snapshot)
      return make_unexpected(
        std::string{"the journal has neither its first facts nor a snapshot"});
    begin = (*snapshot)->version;
    std::istringstream text{(*snapshot)->state};
    for (std::string line; std::getline(text, line);)
      result.lines.push_back(line);
  }
  std::string trouble;
  auto read
    = from.read(begin + 1, [&](uint64_t version, std::string_view line) {
        auto x = read_line(version, line);
        if (x)
          result.events.push_back(std::move(*x));
        else
          trouble = x.error();
        return trouble.empty();
      });
  if (!read)
    return make_unexpected(read.error().message);
  if (!trouble.empty())
    return make_unexpected(trouble);
  return result;
}

} // namespace troupe::runtime::rehearsal
