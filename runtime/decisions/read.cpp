#include <algorithm>
#include <fstream>

#include "runtime/decisions/file.hpp"
#include "runtime/decisions/lines.hpp"
#include "runtime/log.hpp"

namespace troupe::runtime {

namespace {

namespace fs = std::filesystem;

/// Facts that are looked through for what the file does not know of yet: what a
/// controller of before had no time to write.
constexpr uint64_t missed_max = 10'000;

std::string text_of(const fs::path& path) {
  std::error_code error;
  auto size = fs::file_size(path, error);
  if (error)
    return {};
  // More than ever was written, and than memory should be given for.
  if (size > 4 * decision_file::whole_bytes_max) {
    log::warn("{} is too long to be what was kept of decisions: it is ignored",
              path.string());
    return {};
  }
  std::string result(size, '\0');
  std::ifstream in{path, std::ios::binary};
  in.read(result.data(), static_cast<std::streamsize>(size));
  result.resize(static_cast<size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  return result;
}

bool has(const journal& from, const fact_mark& x) {
  if (x.version == 0 || x.version > from.version()
      || x.version < from.oldest_version())
    return false;
  auto found = false;
  auto read = from.read(x.version, [&](uint64_t version, std::string_view y) {
    auto fact = read_line(version, y);
    found = fact && mark_of(*fact) == x;
    return false;
  });
  return read && found;
}

/// The last mark of which `from` has the fact. Of two histories that part, the
/// marks before that are in both.
const decision_lines::mark*
last_common(const std::vector<decision_lines::mark>& marks,
            const journal& from) {
  if (marks.empty())
    return nullptr;
  if (has(from, marks.back().until))
    return &marks.back();
  auto first
    = std::lower_bound(marks.begin(), marks.end(), from.oldest_version(),
                       [](auto& x, auto y) { return x.until.version < y; });
  auto parted = std::partition_point(
    first, marks.end(), [&](auto& x) { return has(from, x.until); });
  return parted == first ? nullptr : &*std::prev(parted);
}

/// Hears the facts after `version`.
void catch_up(decisions& to, const journal& from, version_number version) {
  auto complete = from.version() - version <= missed_max;
  if (complete && from.version() > version) {
    auto read = from.read(version + 1, [&](uint64_t at, std::string_view line) {
      auto fact = read_line(at, line);
      complete = fact.has_value();
      if (complete)
        to.take(*fact);
      return complete;
    });
    complete = complete && read;
  }
  if (!complete)
    to.forget_places();
}

} // namespace

decisions read_decisions(const fs::path& path, const journal& from) {
  decisions result;
  auto text = text_of(path);
  if (text.empty())
    return result;
  auto lines = read_lines(text);
  if (lines.damaged > 0)
    log::warn("{}, line {}: damaged, or of another version; of decisions, only "
              "what is told before it is known",
              path.string(), lines.damaged);
  if (lines.cluster_id.empty())
    return result;
  if (lines.cluster_id != from.cluster_id()) {
    log::info("{} tells of decisions in another cluster: it is ignored",
              path.string());
    return result;
  }
  auto* last = last_common(lines.marks, from);
  if (last == nullptr || last != &lines.marks.back())
    log::info("{} tells of decisions that the journal does not know of, as "
              "after a backup was restored: they are ignored",
              path.string());
  if (last == nullptr)
    return result;
  for (size_t i = 0; i < last->notes; ++i)
    result.note(std::move(lines.notes[i]));
  catch_up(result, from, last->until.version);
  return result;
}

} // namespace troupe::runtime
