#pragma once

#include <optional>
#include <string>
#include <vector>

#include "messages/timestamp.hpp"

#include "tools/troupe/fields.hpp"
#include "tools/troupe/look.hpp"
#include "tools/troupe/writing.hpp"

namespace troupe::tools::console {

/// What is looked at; one list each.
enum class tab : uint8_t { nodes, jobs, tasks, queue, events, gangs };
constexpr size_t tab_count = 6;

[[nodiscard]] std::string_view name_of(tab x);

/// Something that can be asked about or acted on.
struct subject {
  thing_kind kind = thing_kind::job;
  std::string name;
  bool operator==(const subject&) const = default;
};

/// `job web`
[[nodiscard]] std::string to_text(const subject& x);

struct row {
  /// Tells it apart from other rows of its tab, also when the list is new.
  std::string id;
  std::vector<cell> cells; // [column]
  /// [column] What numbers are sorted by; absent for text.
  std::vector<std::optional<double>> ranks;
  std::optional<subject> about;
};

struct heading {
  std::string_view title;
  side aligned = side::left;
};

/// [column]
[[nodiscard]] std::vector<heading> headings_of(tab x);

/// `item` of the list of `x`, as a row with a cell for each heading.
[[nodiscard]] row row_of(tab x, const json_value& item, timestamp now);

/// Whether `x` stands before `y`; numbers in texts count as numbers, so that
/// `web.9` stands before `web.10`.
[[nodiscard]] bool comes_before(const row& x, const row& y, size_t column);

/// Whether a cell holds `filter`, whatever the case.
[[nodiscard]] bool matches(const row& x, std::string_view filter);

/// `[####==....]`: used, reserved and free parts of a capacity.
[[nodiscard]] std::string
bar(double used, double reserved, double capacity, size_t width);

} // namespace troupe::tools::console
