#include "tools/troupe/drain.hpp"

#include <chrono>
#include <thread>

#include <fmt/format.h>

#include "tools/troupe/persist.hpp"
#include "tools/troupe/progress_line.hpp"
#include "tools/troupe/table.hpp"

namespace troupe::tools {

namespace {

// One look at a time, and few: the controller says when something changed.
constexpr std::string_view patience = "10s";
constexpr std::chrono::milliseconds pause{200};
// What fits on a line.
constexpr std::string_view tasks_shown = "5";

expected<json_value, failure>
tasks_on(const rest& controller, const std::string& node) {
  auto target = url{"/v1/tasks"}.with("node", node).with("limit", tasks_shown);
  for (auto state : {"placed", "starting", "running"})
    target = target.with("state", state);
  auto page = controller.get(target);
  if (!page)
    return page;
  return field(*page, "items");
}

/// What a node's drain has come to, and a line about it.
struct look_at_drain {
  drain_step step = drain_step::draining;
  std::string text;
};

expected<look_at_drain, failure>
look_at(const rest& controller, const std::string& name) {
  auto node = controller.get(url{"/v1/nodes"} / name);
  if (!node)
    return make_unexpected(node.error());
  look_at_drain result{step_of(*node), {}};
  if (auto left = whole(*node, "tasks");
      result.step == drain_step::drained && left > 0)
    result.text = fmt::format("; {} task{} of system jobs stay{} there", left,
                              left == 1 ? "" : "s", left == 1 ? "s" : "");
  if (result.step != drain_step::draining)
    return result;
  auto tasks = tasks_on(controller, name);
  if (!tasks)
    return make_unexpected(tasks.error());
  result.text = drain_text(*node, *tasks);
  return result;
}

/// Says how a drain ended and answers the code for that.
int tell_end(const std::string& name, const look_at_drain& x) {
  if (x.step == drain_step::undone)
    return report({exit_code::no,
                   fmt::format("node {0}: the drain was undone; it takes work "
                               "again. See `troupe events --node {0}`",
                               inert(name))});
  fmt::print(stderr, "node {}: drained{}\n", inert(name), x.text);
  return exit_code::done;
}

int tell_failure(const std::string& name, const failure& x) {
  if (x.code != exit_code::not_found)
    return report(x);
  return report({exit_code::no, fmt::format("node {} was removed before it "
                                            "was drained",
                                            inert(name))});
}

} // namespace

drain_step step_of(const json_value& node) {
  auto eligibility = text(node, "eligibility");
  if (eligibility == "drained")
    return drain_step::drained;
  return eligibility == "draining" ? drain_step::draining : drain_step::undone;
}

std::string drain_text(const json_value& node, const json_value& tasks) {
  auto count = std::max(whole(node, "tasks"),
                        static_cast<int64_t>(elements(tasks).size()));
  auto result = fmt::format("{}: {} task{} to move", text(node, "name"), count,
                            count == 1 ? "" : "s");
  std::string_view between = ": ";
  for (auto& x : elements(tasks)) {
    result += fmt::format("{}{}", between, text(x, "id"));
    between = ", ";
  }
  if (count > static_cast<int64_t>(elements(tasks).size())
      && !elements(tasks).empty())
    result += ", ..";
  return result;
}

int wait_for_drains(const rest& controller,
                    const std::vector<std::string>& names) {
  progress_line line;
  std::string version = "0";
  auto open = names;
  int result = exit_code::done;
  for (;;) {
    std::vector<std::string> left;
    std::string shown;
    for (auto& name : open) {
      auto seen = persist([&] { return look_at(controller, name); });
      if (seen && seen->step == drain_step::draining) {
        left.push_back(name);
        shown += (shown.empty() ? "" : "; ") + seen->text;
        continue;
      }
      line.clear();
      auto code
        = seen ? tell_end(name, *seen) : tell_failure(name, seen.error());
      result = result == exit_code::done ? code : result;
    }
    open = std::move(left);
    if (open.empty())
      return result;
    line.show(shown);
    std::this_thread::sleep_for(pause);
    auto cluster = persist([&] {
      return controller.get(
        url{"/v1/cluster"}.with("wait", patience).with("version", version));
    });
    if (!cluster)
      return line.clear(), report(cluster.error());
    version = std::to_string(whole(*cluster, "version"));
  }
}

} // namespace troupe::tools
