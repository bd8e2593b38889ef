#include <fmt/format.h>

#include "tools/troupe/figures.hpp"
#include "tools/troupe/show.hpp"

namespace troupe::tools {

namespace {

/// `http:31000, tls:31001`
std::string ports_text(const json_value& task) {
  std::string result;
  for (auto& [name, port] : members(field(task, "ports")))
    result += fmt::format("{}{}:{}", result.empty() ? "" : ", ",
                          std::string_view{name}, plain(port));
  return result;
}

std::string exit_text(const json_value& x) {
  return has(x, "exitCode") ? std::to_string(whole(x, "exitCode")) : "";
}

std::string state_text(const json_value& task) {
  auto& stopping = field(task, "stopping");
  auto result = text(task, "state");
  return stopping.is_bool() && stopping.get_bool() ? result + ", stopping"
                                                   : result;
}

std::string health_text(const json_value& task) {
  auto result = text(task, "health");
  return result == "none" ? "" : result;
}

/// How long an attempt ran or runs.
std::string span_text(const json_value& attempt, timestamp now) {
  auto from = moment(attempt, "startedAt");
  if (!from)
    return {};
  auto to = moment(attempt, "endedAt");
  return age_text(to.value_or(now) - *from);
}

std::string attempts_text(const json_value& task, const screen& s) {
  sheet result{
    {">ATTEMPT", "NODE", "STATE", ">EXIT", "STARTED", "RAN", "REASON"}};
  for (auto& x : elements(field(task, "attempts"))) {
    auto state = text(x, "state");
    auto started = age_of(x, "startedAt", s.now);
    result.row({std::to_string(whole(x, "attempt")),
                text(x, "node"),
                {state, tone_of_state(state)},
                exit_text(x),
                started.empty() ? "" : started + " ago",
                span_text(x, s.now),
                reason_text(x)});
  }
  return result.empty() ? "" : result.render(s.l);
}

std::string task_hint(const json_value& task) {
  auto id = inert(text(task, "id"));
  auto state = text(task, "state");
  if (state == "pending")
    return fmt::format("Why it waits: troupe why {}\n", id);
  if (state == "failed" || text(task, "health") == "unhealthy")
    return fmt::format("What it said: troupe logs {}\n", id);
  if (state == "lost")
    return fmt::format("Its node: troupe node {}\n", inert(text(task, "node")));
  return {};
}

std::string since(const json_value& x, std::string_view key, const screen& s) {
  auto age = age_of(x, key, s.now);
  return age.empty() ? "" : fmt::format("{} ago ({})", age, text(x, key));
}

/// What it is held to while its node has little left; empty if it is not.
std::string burst_text(const json_value& task) {
  auto limit = field(task, "burstLimit");
  std::string result;
  if (has(limit, "cpu"))
    result = "cpu " + amount_text(number(limit, "cpu"));
  if (has(limit, "memory"))
    result += (result.empty() ? "memory " : ", memory ")
              + memory_text(whole(limit, "memory"));
  if (result.empty())
    return {};
  return "held back to " + result + " while its node has little left";
}

} // namespace

std::string show_tasks(const json_value& items, const screen& s) {
  std::vector<std::string> titles{"TASK",     "STATE", "HEALTH", "NODE",
                                  ">ATTEMPT", "PORTS", "AGE"};
  if (s.l.wide)
    titles.insert(titles.end(),
                  {">PRIORITY", ">EXIT", "RAN", ">CPU", ">MEMORY", "GPUS"});
  titles.emplace_back("REASON");
  sheet result{titles};
  for (auto& x : elements(items)) {
    auto state = text(x, "state");
    auto health = health_text(x);
    std::vector<cell> row{
      text(x, "id"),
      {state_text(x), tone_of_state(state)},
      {health, tone_of_state(health)},
      text(x, "node"),
      std::to_string(whole(x, "attempt")),
      ports_text(x),
      age_of(x, has(x, "startedAt") ? "startedAt" : "submittedAt", s.now)};
    if (s.l.wide) {
      std::string gpus;
      for (auto& gpu : elements(field(x, "gpus")))
        gpus += (gpus.empty() ? "" : ",") + plain(gpu);
      row.emplace_back(std::to_string(whole(x, "priority")));
      row.emplace_back(exit_text(x));
      row.emplace_back(span_text(x, s.now));
      row.emplace_back(
        has(x, "cpuSeconds") ? amount_text(number(x, "cpuSeconds")) + "s" : "");
      row.emplace_back(
        has(x, "memoryBytes") ? memory_text(whole(x, "memoryBytes")) : "");
      row.emplace_back(gpus);
    }
    row.emplace_back(reason_text(x));
    result.row(std::move(row));
  }
  return result.render(s.l);
}

std::string show_task(const json_value& task, const screen& s) {
  auto state = text(task, "state");
  auto health = health_text(task);
  auto result = key_lines(
    {{"Task", {text(task, "id"), tone::strong}},
     {"Job", text(task, "job")},
     {"State", {state_text(task), tone_of_state(state)}},
     {"Health", {health, tone_of_state(health)}},
     {"Reason", reason_text(task)},
     {"Exit code", exit_text(task)},
     {"Node", text(task, "node")},
     {"Driver", text(task, "driver")},
     {"Ports", ports_text(task)},
     {"Priority", std::to_string(whole(task, "priority"))},
     {"CPU time", has(task, "cpuSeconds")
                    ? amount_text(number(task, "cpuSeconds")) + "s"
                    : ""},
     {"Memory",
      has(task, "memoryBytes") ? memory_text(whole(task, "memoryBytes")) : ""},
     {"Burst", burst_text(task)},
     {"Submitted", since(task, "submittedAt", s)},
     {"Started", since(task, "startedAt", s)},
     {"Ended", since(task, "endedAt", s)}},
    s.l);
  if (auto attempts = attempts_text(task, s); !attempts.empty())
    result += '\n' + attempts;
  if (auto hint = task_hint(task); !hint.empty())
    result += '\n' + hint;
  return result;
}

} // namespace troupe::tools
