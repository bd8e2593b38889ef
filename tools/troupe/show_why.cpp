#include <fmt/format.h>

#include "tools/troupe/figures.hpp"
#include "tools/troupe/show.hpp"

namespace troupe::tools {

namespace {

std::string parts_text(const json_value& parts) {
  std::string result;
  for (auto& [name, score] : members(parts))
    result += fmt::format(
      "{}{} {}", result.empty() ? "" : ", ", std::string_view{name},
      score.is_number() ? amount_text(score.to_number<double>())
                        : plain(score));
  return result;
}

tone tone_of_verdict(std::string_view verdict) {
  if (verdict == "chosen")
    return tone::good;
  return verdict == "feasible" ? tone::plain : tone::waiting;
}

std::string nodes_table(const json_value& why, const screen& s) {
  sheet result{{"NODE", "VERDICT", ">SCORE", "DETAIL"}};
  for (auto& x : elements(field(why, "nodes"))) {
    auto node = text(x, "node");
    // A class of nodes alike has no name of its own, or that of one of them.
    auto count = has(x, "nodes") ? whole(x, "nodes") : 1;
    if (node.empty())
      node = fmt::format("{} node{}", count, count == 1 ? "" : "s alike");
    else if (count > 1)
      node += fmt::format(" and {} alike", count - 1);
    auto verdict = text(x, "verdict");
    auto detail = text(x, "message");
    if (auto parts = parts_text(field(x, "parts")); !parts.empty())
      detail += detail.empty() ? parts : " (" + parts + ')';
    result.row({node,
                {verdict, tone_of_verdict(verdict)},
                has(x, "score") ? amount_text(number(x, "score")) : "",
                detail});
  }
  return result.empty() ? "" : result.render(s.l);
}

/// When something was decided and what came of it; empty if nobody remembers.
std::string decision_text(const json_value& x) {
  if (!has(x, "time"))
    return "";
  auto placed = whole(x, "placed");
  auto result = fmt::format("{} by {}, version {}", text(x, "time"),
                            text(x, "policy"), whole(x, "version"));
  if (auto asked = whole(x, "asked"); asked > 1)
    result += fmt::format(", {} of {} tasks placed at once", placed, asked);
  std::string gone;
  for (auto& y : elements(field(x, "preempted")))
    gone += (gone.empty() ? "" : ", ") + text(y, "task");
  return gone.empty() ? result : result + ", instead of " + gone;
}

/// What a node says to jobs that wait.
std::string waiting_table(const json_value& why, const screen& s) {
  sheet result{{"WAITING JOB", ">TASKS", "VERDICT", "DETAIL"}};
  for (auto& x : elements(field(why, "waiting"))) {
    auto verdict = text(x, "verdict");
    result.row({text(x, "job"),
                std::to_string(whole(x, "tasks")),
                {verdict, tone_of_verdict(verdict)},
                text(x, "message")});
  }
  return result.empty() ? "" : result.render(s.l);
}

} // namespace

std::string show_why(const json_value& why, const screen& s) {
  auto state = text(why, "state");
  auto ahead = whole(why, "ahead");
  auto job_state = text(why, "jobState");
  auto result = key_lines(
    {{"Job", {text(why, "job"), tone::strong}},
     {"Job's state", {job_state, tone_of_state(job_state)}},
     {"Task", {text(why, "task"), tone::strong}},
     {"Node", {text(why, "node"), tone::strong}},
     {"State", {state, tone_of_state(state)}},
     {"Eligibility", text(why, "eligibility")},
     {"Reason", reason_text(why)},
     {"Strategy", text(why, "strategy")},
     {"Decided", decision_text(field(why, "decision"))},
     {"Last try", decision_text(field(why, "lastTry"))},
     {"Ahead in the queue", ahead > 0 ? std::to_string(ahead) : ""}},
    s.l);
  if (auto nodes = nodes_table(why, s); !nodes.empty())
    result += '\n' + nodes;
  if (auto waiting = waiting_table(why, s); !waiting.empty())
    result += '\n' + waiting;
  auto& suggestions = elements(field(why, "suggestions"));
  if (!suggestions.empty())
    result += "\nWhat would help:\n";
  for (auto& x : suggestions) {
    auto message = text(x, "message");
    auto all = inert(message.empty() ? plain(field(x, "change")) : message);
    std::string_view before = "  - ";
    auto room = s.l.wide || s.l.width < 24 ? 0 : s.l.width - before.size();
    for (auto& part : wrapped(all, room)) {
      result += fmt::format("{}{}\n", before, part);
      before = "    ";
    }
  }
  return result;
}

} // namespace troupe::tools
