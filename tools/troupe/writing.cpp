#include "tools/troupe/writing.hpp"

#include <fmt/format.h>

#include "messages/ids.hpp"

#include "tools/troupe/table.hpp"

namespace troupe::tools {

namespace {

bool is_missing(const failure& x) {
  return x.code == exit_code::not_found;
}

failure nothing_called(const std::string& name, search where) {
  return {
    exit_code::not_found,
    fmt::format("there is no job{} \"{}\". `troupe jobs` lists the jobs",
                where == search::jobs_and_tasks ? " or task" : ", task or node",
                inert(name))};
}

} // namespace

void writing::tell(std::string_view what) const {
  fmt::print(stderr, "{}{}\n", dry_run ? "Would do, but did not: " : "",
             inert(what));
}

void declare(command_line& line, writing& x) {
  line.flag("--dry-run", x.dry_run, "check it, but change nothing");
  declare(line, x.to);
}

int act_on_jobs_or_tasks(const writing& x,
                         const std::vector<std::string>& names,
                         std::string_view action, std::string_view past) {
  rest controller{x.to};
  int result = exit_code::done;
  for (auto& name : names) {
    auto kind = std::string_view{"job"};
    auto answer
      = controller.call("POST", x.mark(url{"/v1/jobs"} / name / action));
    if (!answer && is_missing(answer.error()) && task_ref::parse(name)) {
      kind = "task";
      answer
        = controller.call("POST", x.mark(url{"/v1/tasks"} / name / action));
    }
    if (answer) {
      x.tell(fmt::format("{} {}: {}", kind, name, past));
      continue;
    }
    auto error = is_missing(answer.error())
                   ? nothing_called(name, search::jobs_and_tasks)
                   : answer.error();
    auto code = report(error);
    if (result == exit_code::done)
      result = code;
  }
  return result;
}

int act_on_nodes(const writing& x, const std::vector<std::string>& names,
                 std::string_view action, std::string_view past) {
  rest controller{x.to};
  int result = exit_code::done;
  for (auto& name : names) {
    auto answer
      = controller.call("POST", x.mark(url{"/v1/nodes"} / name / action));
    if (answer) {
      x.tell(fmt::format("node {}: {}", name, past));
      continue;
    }
    auto code = report(answer.error());
    if (result == exit_code::done)
      result = code;
  }
  return result;
}

expected<thing, failure>
find_thing(const rest& controller, const std::string& name, search where) {
  auto found = controller.get(url{"/v1/jobs"} / name);
  if (found)
    return thing{thing_kind::job, std::move(*found)};
  if (is_missing(found.error()) && task_ref::parse(name)) {
    found = controller.get(url{"/v1/tasks"} / name);
    if (found)
      return thing{thing_kind::task, std::move(*found)};
  }
  if (is_missing(found.error()) && where == search::nodes_as_well) {
    found = controller.get(url{"/v1/nodes"} / name);
    if (found)
      return thing{thing_kind::node, std::move(*found)};
  }
  if (is_missing(found.error()))
    return make_unexpected(nothing_called(name, where));
  return make_unexpected(found.error());
}

} // namespace troupe::tools
