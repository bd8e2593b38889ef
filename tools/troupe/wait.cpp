#include "tools/troupe/wait.hpp"

#include <chrono>
#include <map>
#include <thread>

#include <fmt/format.h>

#include "tools/troupe/output.hpp"
#include "tools/troupe/persist.hpp"
#include "tools/troupe/progress_line.hpp"
#include "tools/troupe/show.hpp"

namespace troupe::tools {

namespace {

// One look at a time, and few: the controller says when something changed.
constexpr std::string_view patience = "10s";
constexpr std::chrono::milliseconds pause{200};

/// The first task of `job` in `state`, or null.
json_value first_task(const rest& controller, const std::string& job,
                      std::string_view state) {
  auto page = controller.get(
    url{"/v1/tasks"}.with("job", job).with("state", state).with("limit", "1"));
  if (!page || elements(field(*page, "items")).empty())
    return {};
  return elements(field(*page, "items"))[0];
}

/// Tells how `job` ended and answers the code for that.
int tell_end(const rest& controller, const json_value& job, job_end end) {
  auto name = text(job, "name");
  print(
    inert(fmt::format("{} {}: {}", name, text(job, "state"), tasks_text(job)))
    + '\n');
  std::fflush(stdout);
  if (end == job_end::good)
    return exit_code::done;
  auto task = first_task(controller, name, "failed");
  if (task.is_null())
    return exit_code::no;
  fmt::print(
    stderr, "{}\n",
    inert(fmt::format("{} failed: {}. See `troupe logs {}`", text(task, "id"),
                      reason_text(task), text(task, "id"))));
  return code_of_task(task);
}

/// What a task of `job` that does not run yet is at, such as an image that is
/// pulled, or what it waits for.
std::string what_is_missing(const rest& controller, const std::string& job) {
  for (auto state : {"starting", "pending"})
    if (auto task = first_task(controller, job, state); !task.is_null())
      return fmt::format("; {}: {}", text(task, "id"), text(task, "message"));
  return {};
}

/// Looks at `name`; with its tasks if a service may be up.
expected<std::pair<json_value, job_end>, failure>
look_at(const rest& controller, const std::string& name) {
  auto job = controller.get(url{"/v1/jobs"} / name);
  if (!job)
    return make_unexpected(job.error());
  json_value tasks;
  if (text(*job, "state") == "running" && has(field(*job, "spec"), "health")) {
    auto list = fetch_list(controller, url{"/v1/tasks"}.with("job", name), {});
    if (!list)
      return make_unexpected(list.error());
    tasks = field(*list, "items");
  }
  auto end = end_of(*job, tasks);
  return std::pair{std::move(*job), end};
}

} // namespace

job_end end_of(const json_value& job, const json_value& tasks) {
  auto state = text(job, "state");
  if (state == "succeeded")
    return job_end::good;
  if (state == "failed" || state == "stopped")
    return job_end::bad;
  if (text(job, "kind") == "batch")
    // One that runs at set times never ends.
    return has(field(job, "spec"), "schedule") ? job_end::good : job_end::none;
  if (state != "running")
    return job_end::none;
  auto& counts = field(job, "tasks");
  if (text(job, "kind") == "service"
      && whole(counts, "running") < whole(job, "count"))
    return job_end::none;
  for (auto& x : elements(tasks))
    if (auto health = text(x, "health");
        health == "unknown" || health == "unhealthy")
      return job_end::none;
  return job_end::good;
}

int code_of_task(const json_value& task) {
  auto code = static_cast<int>(whole(task, "exitCode") & 0xff);
  return code == 0 ? exit_code::no : code;
}

std::string progress_text(const std::vector<json_value>& jobs) {
  constexpr size_t named_max = 3;
  std::string result;
  if (jobs.size() <= named_max) {
    for (auto& x : jobs)
      result += fmt::format("{}{}: {}", result.empty() ? "" : "; ",
                            text(x, "name"), tasks_text(x));
    return result;
  }
  std::map<std::string, int64_t> sums;
  for (auto& x : jobs)
    for (auto& [state, count] : members(field(x, "tasks")))
      sums[state] += whole(field(x, "tasks"), state);
  result = fmt::format("{} jobs", jobs.size());
  for (auto& [state, count] : sums)
    if (count > 0)
      result += fmt::format(", {} {}", count, state);
  return result;
}

int wait_for_jobs(const rest& controller,
                  const std::vector<std::string>& names) {
  progress_line line;
  std::string version = "0";
  auto open = names;
  int result = exit_code::done;
  while (!open.empty()) {
    auto cluster = persist([&] {
      return controller.get(
        url{"/v1/cluster"}.with("wait", patience).with("version", version));
    });
    if (!cluster)
      return line.clear(), report(cluster.error());
    version = std::to_string(whole(*cluster, "version"));
    std::vector<std::string> left;
    std::vector<json_value> views;
    for (auto& name : open) {
      auto seen = persist([&] { return look_at(controller, name); });
      if (!seen)
        return line.clear(), report(seen.error());
      auto& [job, end] = *seen;
      views.push_back(job);
      if (end == job_end::none) {
        left.push_back(name);
        continue;
      }
      line.clear();
      auto code = tell_end(controller, job, end);
      if (result == exit_code::done)
        result = code;
    }
    open = std::move(left);
    if (open.empty())
      break;
    auto says_more = line.is_on() && open.size() == 1;
    line.show(progress_text(views)
              + (says_more ? what_is_missing(controller, open.front()) : ""));
    std::this_thread::sleep_for(pause);
  }
  line.clear();
  return result;
}

} // namespace troupe::tools
