#include <functional>

#include <fmt/format.h>

#include "tools/troupe/figures.hpp"
#include "tools/troupe/show.hpp"

namespace troupe::tools {

namespace {

/// What one row shows of a run.
using reader = std::function<std::string(const json_value& run)>;

std::string time_text(double seconds) {
  return age_text(
    std::chrono::milliseconds{static_cast<int64_t>(seconds * 1'000)});
}

reader count_of(std::string part, std::string key) {
  return [part, key](const json_value& run) {
    auto n = whole(part.empty() ? run : field(run, part), key);
    return n == 0 ? std::string{} : std::to_string(n);
  };
}

reader wait_of(std::string key) {
  return [key](const json_value& run) {
    return time_text(number(field(run, "waitSeconds"), key));
  };
}

/// `71.3 %`; nothing if nobody has any of the resource.
reader use_of(std::string resource, std::string key) {
  return [resource, key](const json_value& run) {
    auto& use = field(field(run, "use"), resource);
    return number(use, "max") > 0
             ? fmt::format("{:.1f} %", number(use, key) * 100)
             : std::string{};
  };
}

std::vector<std::pair<std::string, reader>> figures() {
  std::vector<std::pair<std::string, reader>> result;
  auto add
    = [&](std::string title, reader x) { result.emplace_back(title, x); };
  for (auto state : {"succeeded", "failed", "stopped", "cached", "lost"})
    add(std::string{"tasks "} + state, count_of("tasks", state));
  add("tasks still running", count_of("tasks", "running"));
  add("tasks still waiting", count_of("tasks", "pending"));
  add("placements", count_of("", "placements"));
  add("preemptions", count_of("", "preemptions"));
  add("gangs started", count_of("gangs", "committed"));
  add("gangs given up", count_of("gangs", "released"));
  add("gangs broken", count_of("gangs", "broken"));
  add("makespan", [](const json_value& run) {
    return time_text(number(run, "makespanSeconds"));
  });
  for (auto key : {"mean", "p50", "p95", "p99", "max"})
    add(std::string{"wait "} + key, wait_of(key));
  add("bounded slowdown", [](const json_value& run) {
    return has(run, "boundedSlowdown")
             ? fmt::format("{:.2f}", number(run, "boundedSlowdown"))
             : std::string{};
  });
  add("processors used", [](const json_value& run) {
    return run.is_object() && field(run, "use").is_number()
             ? fmt::format("{:.1f} %", number(run, "use") * 100)
             : std::string{};
  });
  for (auto resource : {"cpu", "memory", "gpu"})
    for (auto& [key, text] : {std::pair{"mean", " use mean"},
                              {"stddevOverNodes", " use stddev over nodes"},
                              {"stddevOverTime", " use stddev over time"},
                              {"max", " use max"}})
      add(std::string{resource} + text, use_of(resource, key));
  return result;
}

std::string waiting_table(const json_value& run, const screen& s) {
  auto& items = elements(field(run, "waiting"));
  if (items.empty())
    return {};
  sheet rows{{"JOB", ">TASKS", "WHY"}};
  for (auto& x : items)
    rows.row({{text(x, "job"), tone::waiting},
              std::to_string(whole(x, "tasks")),
              reason_text(x)});
  return '\n' + painted("Still waits", tone::strong, s.l) + ":\n"
         + rows.render(s.l);
}

std::string trace_table(const json_value& run, const screen& s) {
  auto& items = elements(field(run, "trace"));
  if (items.empty())
    return {};
  sheet rows{{">AT", "TASK", ">ATTEMPT", "NODE"}};
  for (auto& x : items)
    rows.row({fmt::format("{:.3f}", number(x, "atSeconds")), text(x, "task"),
              std::to_string(whole(x, "attempt")), text(x, "node")});
  return rows.render(s.l) + '\n';
}

} // namespace

std::string show_simulations(const json_value& runs, const screen& s) {
  auto& all = elements(runs);
  std::string result;
  std::vector<std::string> titles{"FIGURE"};
  for (auto& run : all) {
    if (all.size() == 1)
      result += trace_table(run, s);
    titles.push_back('>' + text(run, has(run, "name") ? "name" : "strategy"));
  }
  sheet rows{titles};
  for (auto& [title, read] : figures()) {
    std::vector<cell> cells{title};
    auto any = false;
    for (auto& run : all) {
      cells.emplace_back(read(run));
      any = any || !cells.back().text.empty();
    }
    if (any)
      rows.row(cells);
  }
  result += rows.render(s.l);
  for (auto& run : all) {
    if (all.size() == 1)
      result += waiting_table(run, s);
    auto& complete = field(run, "complete");
    if (complete.is_bool() && !complete.get_bool())
      result += "More would follow; it goes on without end.\n";
  }
  return result;
}

} // namespace troupe::tools
