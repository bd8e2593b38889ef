#include <array>

#include <fmt/format.h>

#include "tools/troupe/line_prefix.hpp"
#include "tools/troupe/output.hpp"
#include "tools/troupe/verbs.hpp"
#include "tools/troupe/writing.hpp"

namespace troupe::tools {

namespace {

// Each is a connection, and nobody reads more at once.
constexpr size_t followed_max = 200;

struct logs_options {
  connection to;
  std::string name;
  std::string stream = "both";
  std::optional<uint64_t> tail;
  std::optional<uint64_t> attempt;
  bool follow = false;
};

std::string number_text(std::optional<uint64_t> x) {
  return x ? std::to_string(*x) : "";
}

rest_stream stream_of(const logs_options& x, const std::string& task,
                      line_prefix& prefix, bool on_terminal) {
  auto target = (url{"/v1/tasks"} / task / "logs")
                  .with("stream", x.stream == "both" ? "" : x.stream)
                  .with("follow", x.follow ? "true" : "")
                  .with("tail", number_text(x.tail))
                  .with("attempt", number_text(x.attempt));
  rest_request request{.target = target, .accept = "text/plain"};
  if (x.follow)
    request.timeout = std::chrono::milliseconds{0};
  return {request, [&prefix, on_terminal](std::string_view piece) {
            auto text = prefix.feed(piece);
            print(on_terminal ? inert_output(text) : text);
            std::fflush(stdout);
            return true;
          }};
}

/// Names of the tasks whose logs are meant. One that was never placed has written
/// nothing; whoever follows waits with those that may still be, if there is room.
expected<std::vector<std::string>, failure>
tasks_of(const rest& controller, const std::string& name, bool follow) {
  auto found = find_thing(controller, name, search::jobs_and_tasks);
  if (!found)
    return make_unexpected(found.error());
  if (found->kind == thing_kind::task)
    return std::vector{name};
  std::vector<std::string> started;
  std::vector<std::string> open;
  auto take = [&](const json_value& items) {
    for (auto& x : elements(items)) {
      // A cached task has what the first one wrote.
      auto ran = whole(x, "attempt") > 0 || text(x, "state") == "cached";
      if (ran)
        started.push_back(text(x, "id"));
      if (ran || text(x, "state") == "pending" || text(x, "state") == "placed")
        open.push_back(text(x, "id"));
    }
  };
  auto all = fetch_list(controller, url{"/v1/tasks"}.with("job", name),
                        std::nullopt, take);
  if (!all)
    return make_unexpected(all.error());
  return follow && open.size() <= followed_max ? open : started;
}

int read_all(const logs_options& x, const rest& controller,
             const std::vector<std::string>& tasks) {
  size_t width = 0;
  for (auto& task : tasks)
    width = std::max(width, task.size());
  std::vector<line_prefix> prefixes;
  for (auto& task : tasks)
    prefixes.emplace_back(
      tasks.size() < 2 ? "" : fmt::format("{:<{}} | ", inert(task), width));
  auto on_terminal = stdout_is_terminal();
  std::vector<std::optional<failure>> ends;
  if (x.follow) {
    std::vector<rest_stream> streams;
    for (size_t i = 0; i < tasks.size(); ++i)
      streams.push_back(stream_of(x, tasks[i], prefixes[i], on_terminal));
    ends = controller.read(std::move(streams));
  } else {
    // One after another, so that the lines of a task stay together.
    for (size_t i = 0; i < tasks.size(); ++i) {
      ends.push_back(
        controller.read({stream_of(x, tasks[i], prefixes[i], on_terminal)})
          .front());
      print(prefixes[i].end());
    }
  }
  int result = exit_code::done;
  for (size_t i = 0; i < tasks.size(); ++i) {
    print(prefixes[i].end());
    if (!ends[i])
      continue;
    auto code = report({ends[i]->code, tasks.size() < 2
                                         ? ends[i]->text
                                         : tasks[i] + ": " + ends[i]->text});
    if (result == exit_code::done)
      result = code;
  }
  return result;
}

} // namespace

int run_logs(int argc, char** argv) {
  constexpr auto streams
    = std::to_array<std::string_view>({"both", "stdout", "stderr"});
  logs_options x;
  command_line line{"logs", "Shows what tasks wrote, also after they ended"};
  line.word("NAME", x.name, "a job (all its tasks) or a task such as web.0");
  line.flag("-f,--follow", x.follow,
            "go on, over restarts, until all have ended");
  line.option("-n,--tail", "N", x.tail,
              "the last N lines only, of each of the two streams");
  line.choice("--stream", streams, x.stream, "which of the two [both]");
  line.option("--attempt", "N", x.attempt, "of an earlier attempt");
  declare(line, x.to);
  line.example("troupe logs -f --tail 10 web", "follows all tasks of a job");
  line.example("troupe logs --attempt 1 web.0", "why the first attempt failed");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  rest controller{x.to};
  auto tasks = tasks_of(controller, x.name, x.follow);
  if (!tasks)
    return report(tasks.error());
  if (tasks->empty()) {
    fmt::print(stderr, "No task of {0} has started yet. Why: troupe why {0}\n",
               inert(x.name));
    return exit_code::done;
  }
  if (x.follow && tasks->size() > followed_max)
    return report({exit_code::bad_input,
                   fmt::format("{} has {} tasks; at most {} can be followed at "
                               "once. Follow some of them by name",
                               inert(x.name), tasks->size(), followed_max)});
  return read_all(x, controller, *tasks);
}

} // namespace troupe::tools
