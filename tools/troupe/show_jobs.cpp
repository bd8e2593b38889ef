#include <fmt/format.h>

#include "tools/troupe/figures.hpp"
#include "tools/troupe/show.hpp"

namespace troupe::tools {

namespace {

/// `2 insufficientCpu, 1 noMatchingLabels`
std::string reasons_text(const json_value& job) {
  std::string result;
  for (auto& [reason, count] : members(field(job, "reasons")))
    result += fmt::format("{}{} {}", result.empty() ? "" : ", ", plain(count),
                          std::string_view{reason});
  return result;
}

std::string program_of(const json_value& job) {
  auto& spec = field(job, "spec");
  if (auto image = text(spec, "image"); !image.empty())
    return image;
  std::string result;
  for (auto& word : elements(field(spec, "command")))
    result += (result.empty() ? "" : " ") + plain(word);
  return result;
}

/// `2026-11-23T01:30:00.000Z, in 5h`, of a job with a schedule.
std::string next_run_text(const json_value& job, const screen& s) {
  auto& schedule = field(job, "schedule");
  auto next = moment(schedule, "next");
  if (!next)
    return {};
  return text(schedule, "next")
         + (*next > s.now ? ", in " + age_text(*next - s.now) : "");
}

std::string last_run_text(const json_value& job, const screen& s) {
  auto& schedule = field(job, "schedule");
  auto age = age_of(schedule, "last", s.now);
  return age.empty() ? age : text(schedule, "last") + ", " + age + " ago";
}

/// What to ask next about a job that is not as it should be.
std::string job_hint(const json_value& job) {
  auto name = inert(text(job, "name"));
  auto& counts = field(job, "tasks");
  if (whole(counts, "pending") > 0)
    return fmt::format("Why it waits: troupe why {}\n", name);
  if (whole(counts, "failed") > 0 || text(job, "state") == "degraded")
    return fmt::format("What it said: troupe logs {}\n", name);
  return {};
}

} // namespace

std::string show_jobs(const json_value& items, const screen& s) {
  std::vector<std::string> titles{"NAME",  "KIND",      "STATE",
                                  "TASKS", ">PRIORITY", "AGE"};
  if (s.l.wide)
    titles.insert(titles.end(), {">VERSION", "PROGRAM"});
  titles.emplace_back("REASONS");
  sheet result{titles};
  for (auto& x : elements(items)) {
    auto state = text(x, "state");
    std::vector<cell> row{text(x, "name"),
                          text(x, "kind"),
                          {state, tone_of_state(state)},
                          tasks_text(x),
                          std::to_string(whole(x, "priority")),
                          age_of(x, "submittedAt", s.now)};
    if (s.l.wide) {
      row.emplace_back(std::to_string(whole(x, "version")));
      row.emplace_back(program_of(x));
    }
    row.emplace_back(reasons_text(x));
    result.row(std::move(row));
  }
  return result.render(s.l);
}

std::string
show_job(const json_value& job, const json_value& tasks, const screen& s) {
  auto state = text(job, "state");
  auto& spec = field(job, "spec");
  auto result
    = key_lines({{"Job", {text(job, "name"), tone::strong}},
                 {"State", {state, tone_of_state(state)}},
                 {"Kind", text(job, "kind")},
                 {"Runs", program_of(job)},
                 {"Tasks", tasks_text(job)},
                 {"Reasons", {reasons_text(job), tone::waiting}},
                 {"Next run", next_run_text(job, s)},
                 {"Last run", last_run_text(job, s)},
                 {"Priority", std::to_string(whole(job, "priority"))},
                 {"Version", std::to_string(whole(job, "version"))},
                 {"Labels", pairs_text(field(spec, "labels"))},
                 {"Requires", pairs_text(field(spec, "requires"))},
                 {"Submitted", age_of(job, "submittedAt", s.now).empty()
                                 ? ""
                                 : age_of(job, "submittedAt", s.now) + " ago"}},
                s.l);
  if (!members(spec).empty())
    result += "\nSpec:\n" + pretty_json(spec);
  if (!elements(tasks).empty())
    result += '\n' + show_tasks(tasks, s);
  if (auto hint = job_hint(job); !hint.empty())
    result += '\n' + hint;
  return result;
}

std::string show_gangs(const json_value& items, const screen& s) {
  sheet result{
    {"NAME", "STATE", ">MEMBERS", ">PLACED", ">MIN", ">MAX", "WAITS FOR"}};
  for (auto& x : elements(items)) {
    auto state = text(x, "state");
    result.row({text(x, "name"),
                {state, tone_of_state(state)},
                std::to_string(whole(x, "members")),
                std::to_string(whole(x, "placed")),
                std::to_string(whole(x, "min")),
                std::to_string(whole(x, "max")),
                reason_text(x)});
  }
  return result.render(s.l);
}

std::string show_queue(const json_value& items, const screen& s) {
  sheet result{{"JOB", ">TASKS", ">PRIORITY", "WAITS", "NEXT TRY", "FOR"}};
  for (auto& x : elements(items)) {
    auto next = moment(x, "notBefore");
    result.row({text(x, "job"), std::to_string(whole(x, "tasks")),
                std::to_string(whole(x, "priority")),
                age_of(x, "submittedAt", s.now),
                next && *next > s.now ? "in " + age_text(*next - s.now) : "",
                reason_text(x)});
  }
  return result.render(s.l);
}

} // namespace troupe::tools
