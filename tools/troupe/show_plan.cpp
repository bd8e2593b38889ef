#include <functional>

#include <fmt/format.h>

#include "tools/troupe/figures.hpp"
#include "tools/troupe/show.hpp"

namespace troupe::tools {

namespace {

// A screenful of each; `-o wide` shows all.
constexpr size_t rows_max = 20;

/// The first rows of `items` below `title`, and how many more there are.
std::string
section(const json_value& plan, std::string_view key, std::string_view title,
        const std::vector<std::string>& titles,
        const std::function<std::vector<cell>(const json_value& item)>& row_of,
        const screen& s) {
  auto& items = elements(field(plan, key));
  if (items.empty())
    return {};
  auto shown = s.l.wide ? items.size() : std::min(items.size(), rows_max);
  sheet rows{titles};
  for (size_t i = 0; i < shown; ++i)
    rows.row(row_of(items[i]));
  auto result = painted(title, tone::strong, s.l) + ":\n" + rows.render(s.l);
  if (shown < items.size())
    result
      += fmt::format("and {} more; -o wide shows them\n", items.size() - shown);
  return result + '\n';
}

bool may_end_first(const json_value& x) {
  auto& said = field(x, "mayEndFirst");
  return said.is_bool() && said.get_bool();
}

/// How long after the plan's own time.
std::string when_text(const json_value& plan, const json_value& x) {
  auto now = moment(plan, "time");
  auto at = moment(x, "at");
  if (!now || !at)
    return {};
  auto wait = *at - *now;
  auto result
    = wait < std::chrono::seconds{1} ? "at once" : "in " + age_text(wait);
  return may_end_first(x) ? result + ", unless it ends first" : result;
}

/// When nodes would be empty, and what goes on until then.
std::string drains_text(const json_value& plan) {
  auto& moves = elements(field(plan, "moves"));
  auto late = std::any_of(moves.begin(), moves.end(), may_end_first);
  for (auto& x : elements(field(plan, "doesNotFit")))
    late = late || whole(x, "mayEndFirst") > 0;
  std::string result;
  for (auto& x : elements(field(plan, "drains")))
    if (late) {
      auto now = moment(plan, "time");
      auto at = moment(x, "deadline");
      result += fmt::format("{} would be empty by {}{} at the latest.\n",
                            inert(text(x, "node")), text(x, "deadline"),
                            now && at ? ", in " + age_text(*at - *now) : "");
    }
  if (late)
    result += "Services leave at once, each when another in its place runs; "
              "batch tasks may run until\nthen, and only those that have not "
              "ended move. `troupe drain --deadline` sets another time.\n\n";
  return result;
}

std::vector<cell> victim_row(const json_value& x) {
  return {{text(x, "task"), tone::waiting},
          text(x, "node"),
          std::to_string(whole(x, "priority"))};
}

std::vector<cell> stop_row(const json_value& x) {
  return {text(x, "task"), text(x, "node")};
}

std::vector<cell> wait_row(const json_value& x) {
  return {{text(x, "job"), tone::bad},
          std::to_string(whole(x, "tasks")),
          reason_text(x)};
}

std::string
counted(int64_t count, std::string_view one, std::string_view many) {
  return count == 1 ? fmt::format("1 task {}", one)
                    : fmt::format("{} tasks {}", count, many);
}

std::string sum_text(const json_value& plan) {
  auto& counts = field(plan, "counts");
  int64_t begun = 0;
  for (auto& x : elements(field(plan, "moves")))
    begun += text(x, "from").empty();
  std::string result;
  auto add = [&](int64_t count, std::string_view one, std::string_view many) {
    if (count > 0)
      result += (result.empty() ? "" : ", ") + counted(count, one, many);
  };
  add(begun, "would start", "would start");
  add(whole(counts, "moves") - begun, "would move", "would move");
  add(whole(counts, "victims"), "would be preempted", "would be preempted");
  add(whole(counts, "stops"), "would stop", "would stop");
  add(whole(counts, "doesNotFit"), "would not fit", "would not fit");
  return result.empty() ? "Nothing would change.\n" : result + ".\n";
}

} // namespace

std::string show_plan(const json_value& plan, const screen& s) {
  auto result = section(plan, "doesNotFit", "Does not fit",
                        {"JOB", ">TASKS", "WHY"}, wait_row, s)
                + section(plan, "victims", "Makes room",
                          {"TASK", "NODE", ">PRIORITY"}, victim_row, s)
                + section(
                  plan, "moves", "Moves", {"TASK", "FROM", "TO", "WHEN"},
                  [&](const json_value& x) -> std::vector<cell> {
                    return {text(x, "task"), text(x, "from"), text(x, "to"),
                            when_text(plan, x)};
                  },
                  s)
                + section(plan, "stops", "Stops", {"TASK", "NODE"}, stop_row, s)
                + drains_text(plan) + sum_text(plan);
  auto& complete = field(plan, "complete");
  if (complete.is_bool() && !complete.get_bool())
    result += "More would follow; only the first steps were looked at.\n";
  return result;
}

} // namespace troupe::tools
