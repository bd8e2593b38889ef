#include <fmt/format.h>

#include "tools/troupe/show.hpp"

namespace troupe::tools {

namespace {

// A screenful; `-o wide` shows all.
constexpr size_t rows_max = 20;

/// `3 facts`
std::string
counted(const json_value& x, std::string_view key, std::string_view what) {
  auto n = whole(x, key);
  auto plural
    = what == "passing of time" ? "passings of time" : fmt::format("{}s", what);
  return n == 1 ? fmt::format("1 {}", what) : fmt::format("{} {}", n, plural);
}

std::string decided_text(const json_value& event, const screen& s) {
  return event.is_null() ? "nothing at that time\n" : show_event(event, s);
}

/// `spread, fifo`
std::string policy_text(const json_value& run) {
  return inert(text(run, "strategy")) + ", " + inert(text(run, "order"));
}

} // namespace

std::string show_replay(const json_value& x, const screen& s) {
  auto& different = field(x, "difference");
  auto& same = field(x, "same");
  std::string result;
  if (same.is_null())
    result = painted("Nothing could be compared.", tone::waiting, s.l);
  else if (different.is_null())
    result = painted("The same.", tone::good, s.l);
  else
    result = painted(
      fmt::format("Differs at version {}.", whole(different, "version")),
      tone::bad, s.l);
  result += fmt::format(" {}: {} decided again, from {}, {} and {}",
                        counted(x, "facts", "fact"), whole(x, "decided"),
                        counted(x, "commands", "command"),
                        counted(x, "proposals", "proposal"),
                        counted(x, "times", "passing of time"));
  if (whole(x, "unknowable") > 0)
    result += "; " + counted(x, "unknowable", "place")
              + " taken for right, which measured loads or turns decided";
  result += '\n';
  for (auto& y : elements(field(x, "untried")))
    result += fmt::format("Not compared from version {} to {}: {}.\n",
                          whole(y, "from"), whole(y, "to"),
                          inert(text(y, "message")));
  if (different.is_null())
    return result;
  return result + "  recorded: " + decided_text(field(different, "recorded"), s)
         + "  decided:  " + decided_text(field(different, "decided"), s);
}

std::string show_what_if(const json_value& x, const screen& s) {
  boost::json::array runs{field(x, "recorded"), field(x, "imagined")};
  auto result = fmt::format(
    "Recorded with {}; imagined with {}, as if users and machines "
    "had done the same at the same times, and every run had taken "
    "as long.\n\n",
    policy_text(runs[0]), policy_text(runs[1]));
  result += show_simulations(json_value(runs), s);
  result += fmt::format("\n{} of {} tasks would have begun elsewhere.\n",
                        whole(x, "tasksChanged"), whole(x, "tasks"));
  auto& items = elements(field(x, "changed"));
  auto shown = s.l.wide ? items.size() : std::min(items.size(), rows_max);
  sheet rows{{"TASK", "RECORDED", "IMAGINED"}};
  for (size_t i = 0; i < shown; ++i)
    rows.row({text(items[i], "task"), text(items[i], "recorded"),
              text(items[i], "imagined")});
  if (shown > 0)
    result += rows.render(s.l);
  if (shown < items.size())
    result
      += fmt::format("and {} more; -o wide shows them\n", items.size() - shown);
  auto& complete = field(x, "complete");
  if (complete.is_bool() && !complete.get_bool())
    result += "More would follow; it goes on without end.\n";
  return result;
}

} // namespace troupe::tools
