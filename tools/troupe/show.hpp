#pragma once

#include <string>
#include <vector>

#include "messages/timestamp.hpp"

#include "tools/troupe/fields.hpp"
#include "tools/troupe/look.hpp"

/// What the controller answers, as text for people. Nothing here asks anything.
namespace troupe::tools {

/// Where and when something is shown.
struct screen {
  look l{};
  timestamp now{};
};

/// Standard output as it is: no colour and no cutting unless it is a terminal.
[[nodiscard]] screen screen_of_stdout();
[[nodiscard]] bool stdout_is_terminal();
[[nodiscard]] bool stderr_is_terminal();

// -- lists: an array of views --------------------------------------------------

[[nodiscard]] std::string show_jobs(const json_value& items, const screen& s);
[[nodiscard]] std::string show_tasks(const json_value& items, const screen& s);
[[nodiscard]] std::string show_nodes(const json_value& items, const screen& s);
[[nodiscard]] std::string show_gangs(const json_value& items, const screen& s);
[[nodiscard]] std::string show_queue(const json_value& items, const screen& s);

// -- one in full ---------------------------------------------------------------

/// `tasks` is an array of some of its tasks.
[[nodiscard]] std::string
show_job(const json_value& job, const json_value& tasks, const screen& s);
[[nodiscard]] std::string show_task(const json_value& task, const screen& s);
[[nodiscard]] std::string
show_node(const json_value& node, const json_value& tasks, const screen& s);
[[nodiscard]] std::string show_why(const json_value& why, const screen& s);
[[nodiscard]] std::string show_plan(const json_value& plan, const screen& s);
/// Runs of one scenario beside each other.
[[nodiscard]] std::string
show_simulations(const json_value& runs, const screen& s);
/// Whether a journal was decided again as before.
[[nodiscard]] std::string show_replay(const json_value& x, const screen& s);
/// What another policy would have made of it.
[[nodiscard]] std::string show_what_if(const json_value& x, const screen& s);
[[nodiscard]] std::string
show_cluster(const json_value& cluster, const screen& s);

/// What is said about an event, for a line or a row.
struct event_parts {
  std::string time;
  std::string type;
  tone t = tone::plain;
  /// The smallest thing that it names.
  std::string subject;
  /// What the subject does not say.
  std::string detail;
};
[[nodiscard]] event_parts event_parts_of(const json_value& event);

/// One line, with its line break.
[[nodiscard]] std::string show_event(const json_value& event, const screen& s);
[[nodiscard]] std::string event_titles(const screen& s);

// -- parts ---------------------------------------------------------------------

/// `3/3 running`, `40/100 succeeded, 2 running, 1 failed`.
[[nodiscard]] std::string tasks_text(const json_value& job);
/// Reason and message of a task, gang or job, as one text; empty for none.
[[nodiscard]] std::string reason_text(const json_value& x);
/// Time since `key`, or nothing.
[[nodiscard]] std::string
age_of(const json_value& x, std::string_view key, timestamp now);
[[nodiscard]] tone tone_of_state(std::string_view state);
/// `a=b, c=d`; keys with empty values stand alone.
[[nodiscard]] std::string pairs_text(const json_value& object);

} // namespace troupe::tools
