#include <fmt/format.h>

#include "tools/troupe/show.hpp"

namespace troupe::tools {

namespace {

std::string padded(const std::string& text, size_t width) {
  auto used = display_width(text);
  return text + std::string(width > used ? width - used : 1, ' ');
}

tone tone_of_event(std::string_view type, const json_value& event) {
  if (type == "taskEnded" || type == "taskHealthChanged")
    return tone_of_state(text(event, type == "taskEnded" ? "state" : "health"));
  for (auto x : {"nodeUnhealthy", "nodeRemoved"})
    if (type == x)
      return tone::bad;
  for (auto x : {"taskPreempted", "taskRequeued", "nodeDraining"})
    if (type == x)
      return tone::waiting;
  for (auto x : {"taskStarted", "nodeReady", "nodeJoined"})
    if (type == x)
      return tone::good;
  return tone::plain;
}

/// What the event is about: the smallest thing that it names.
std::string subject(const json_value& event) {
  for (auto key : {"task", "job", "gang", "node", "leader"})
    if (auto result = text(event, key); !result.empty())
      return result;
  return {};
}

/// What the subject does not say.
std::string detail(const json_value& event) {
  std::string result;
  auto add = [&](std::string x) {
    result += (result.empty() || x.empty() ? "" : " ") + x;
  };
  if (has(event, "task") && has(event, "node"))
    add("on " + text(event, "node"));
  for (auto key : {"state", "health"})
    add(text(event, key));
  if (has(event, "exitCode"))
    add("with exit code " + std::to_string(whole(event, "exitCode")));
  if (has(event, "outcome")) {
    add("the run of " + text(event, "at") + " is " + text(event, "outcome"));
    if (auto count = whole(event, "count"); count > 1)
      add("with " + std::to_string(count - 1) + " before it");
  } else if (has(event, "count"))
    add("to " + std::to_string(whole(event, "count")));
  if (has(event, "awaited"))
    add("waits no longer for " + text(event, "awaited"));
  // The code says what the reason would.
  auto reason
    = has(event, "exitCode") ? text(event, "message") : reason_text(event);
  if (!result.empty() && !reason.empty())
    result += ':';
  add(reason);
  return result;
}

} // namespace

std::string event_titles(const screen& s) {
  auto line = padded("VERSION", 9) + padded("TIME", 14) + padded("EVENT", 19)
              + padded("SUBJECT", 25) + "DETAIL";
  return painted(line, tone::strong, s.l) + '\n';
}

event_parts event_parts_of(const json_value& event) {
  event_parts result;
  result.type = inert(text(event, "type"));
  result.time = inert(text(event, "time"));
  // The date is in `-o json`; what people follow happens today.
  if (auto at = result.time.find('T'); at != std::string::npos)
    result.time = result.time.substr(at + 1, 12);
  result.t = tone_of_event(result.type, event);
  result.subject = inert(subject(event));
  result.detail = inert(detail(event));
  return result;
}

std::string show_event(const json_value& event, const screen& s) {
  auto parts = event_parts_of(event);
  auto line = padded(std::to_string(whole(event, "version")), 9)
              + padded(parts.time, 14)
              + painted(padded(parts.type, 19), parts.t, s.l)
              + padded(parts.subject, 25) + parts.detail;
  line.erase(line.find_last_not_of(' ') + 1);
  return line + '\n';
}

} // namespace troupe::tools
