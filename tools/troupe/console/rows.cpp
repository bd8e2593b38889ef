#include "tools/troupe/console/rows.hpp"

#include <algorithm>
#include <cctype>

#include <fmt/format.h>

#include "tools/troupe/figures.hpp"
#include "tools/troupe/show.hpp"

namespace troupe::tools::console {

namespace {

constexpr size_t bar_width = 8;

/// Gathers the cells of a row with what they are sorted by.
class row_builder {
public:
  explicit row_builder(std::string id) { result_.id = std::move(id); }

  row_builder& text(cell x) {
    result_.cells.push_back(std::move(x));
    result_.ranks.emplace_back();
    return *this;
  }
  row_builder& number(cell x, double rank) {
    result_.cells.push_back(std::move(x));
    result_.ranks.emplace_back(rank);
    return *this;
  }
  row_builder& number(int64_t x) {
    return number(std::to_string(x), static_cast<double>(x));
  }
  row_builder& age(const json_value& x, std::string_view key, timestamp now) {
    auto then = moment(x, key);
    return number(age_of(x, key, now),
                  then ? static_cast<double>((now - *then).count()) : -1);
  }
  row about(thing_kind kind, std::string name) && {
    if (!name.empty())
      result_.about = subject{kind, std::move(name)};
    return std::move(result_);
  }

private:
  row result_;
};

/// A state that stands for itself, such as `running`.
cell state_cell(const std::string& state) {
  return {state, tone_of_state(state)};
}

cell node_state(const json_value& x) {
  auto eligibility = text(x, "eligibility");
  if (text(x, "state") != "ready" || eligibility == "eligible"
      || eligibility.empty())
    return state_cell(text(x, "state"));
  return {eligibility, tone::waiting};
}

/// A bar with what is reserved and what there is.
void add_share(row_builder& to, const json_value& x, std::string_view key) {
  auto capacity = number(field(x, "capacity"), key);
  auto reserved = number(field(x, "reserved"), key);
  auto used = number(field(x, "used"), key);
  auto part = capacity > 0 ? reserved / capacity : 0;
  auto amounts = key == "memory"
                   ? memory_text(static_cast<int64_t>(reserved)) + '/'
                       + memory_text(static_cast<int64_t>(capacity))
                   : amount_text(reserved) + '/' + amount_text(capacity);
  to.number({bar(used, reserved, capacity, bar_width) + ' ' + amounts,
             part > 0.9 ? tone::waiting : tone::plain},
            part);
}

row node_row(const json_value& x, timestamp) {
  row_builder result{text(x, "name")};
  result.text({text(x, "name"), tone::strong}).text(node_state(x));
  add_share(result, x, "cpu");
  add_share(result, x, "memory");
  auto gpus = number(field(x, "capacity"), "gpu");
  auto held = number(field(x, "reserved"), "gpu");
  auto beat = number(x, "heartbeatAgeSeconds");
  result
    .number(gpus > 0 ? amount_text(held) + '/' + amount_text(gpus) : "", gpus)
    .number(whole(x, "tasks"))
    .number(has(x, "heartbeatAgeSeconds") ? fmt::format("{:.0f}s", beat) : "",
            beat)
    .text(pairs_text(field(x, "labels")));
  return std::move(result).about(thing_kind::node, text(x, "name"));
}

row job_row(const json_value& x, timestamp now) {
  row_builder result{text(x, "name")};
  std::string reasons;
  for (auto& [reason, count] : members(field(x, "reasons")))
    reasons += fmt::format("{}{} {}", reasons.empty() ? "" : ", ", plain(count),
                           std::string_view{reason});
  result.text({text(x, "name"), tone::strong})
    .text(text(x, "kind"))
    .text(state_cell(text(x, "state")))
    .text(tasks_text(x))
    .number(whole(x, "priority"))
    .age(x, "submittedAt", now)
    .text(reasons);
  return std::move(result).about(thing_kind::job, text(x, "name"));
}

row task_row(const json_value& x, timestamp now) {
  row_builder result{text(x, "id")};
  auto state = text(x, "state");
  auto health = text(x, "health");
  auto& stopping = field(x, "stopping");
  auto ending = stopping.is_bool() && stopping.get_bool();
  result.text({text(x, "id"), tone::strong})
    .text({ending ? "stopping" : state,
           ending ? tone::waiting : tone_of_state(state)})
    .text({health == "none" ? "" : health, tone_of_state(health)})
    .text(text(x, "node"))
    .number(whole(x, "attempt"))
    .number(has(x, "memoryBytes") ? memory_text(whole(x, "memoryBytes")) : "",
            static_cast<double>(whole(x, "memoryBytes")))
    .age(x, has(x, "startedAt") ? "startedAt" : "submittedAt", now)
    .text(reason_text(x));
  return std::move(result).about(thing_kind::task, text(x, "id"));
}

row queue_row(const json_value& x, timestamp now) {
  row_builder result{text(x, "job")};
  result.text({text(x, "job"), tone::strong})
    .number(whole(x, "tasks"))
    .number(whole(x, "priority"))
    .age(x, "submittedAt", now)
    .text({text(x, "reason"), tone::waiting})
    .text(text(x, "message"));
  return std::move(result).about(thing_kind::job, text(x, "job"));
}

row gang_row(const json_value& x, timestamp) {
  row_builder result{text(x, "name")};
  result.text({text(x, "name"), tone::strong})
    .text(state_cell(text(x, "state")))
    .number(whole(x, "placed"))
    .number(whole(x, "members"))
    .number(whole(x, "min"))
    .number(whole(x, "max"))
    .text(reason_text(x));
  auto job = text(x, "job");
  return std::move(result).about(thing_kind::job,
                                 job.empty() ? text(x, "name") : job);
}

row event_row(const json_value& x, timestamp) {
  row_builder result{std::to_string(whole(x, "version"))};
  auto parts = event_parts_of(x);
  result.number(whole(x, "version"))
    .text(parts.time)
    .text({parts.type, parts.t})
    .text(parts.subject)
    .text(parts.detail);
  constexpr std::pair<const char*, thing_kind> keys[]
    = {{"task", thing_kind::task},
       {"job", thing_kind::job},
       {"node", thing_kind::node}};
  for (auto& [key, kind] : keys)
    if (auto name = text(x, key); !name.empty())
      return std::move(result).about(kind, name);
  return std::move(result).about(thing_kind::job, "");
}

bool is_digit(char x) {
  return x >= '0' && x <= '9';
}

/// The digits at the front of `x` without zeros, which are taken off.
std::string_view take_number(std::string_view& x) {
  while (x.size() > 1 && x.front() == '0' && is_digit(x[1]))
    x.remove_prefix(1);
  size_t size = 0;
  while (size < x.size() && is_digit(x[size]))
    ++size;
  auto result = x.substr(0, size);
  x.remove_prefix(size);
  return result;
}

/// -1, 0 or 1, where numbers count as numbers.
int compare(std::string_view x, std::string_view y) {
  while (!x.empty() && !y.empty()) {
    if (is_digit(x.front()) && is_digit(y.front())) {
      auto a = take_number(x);
      auto b = take_number(y);
      if (a.size() != b.size())
        return a.size() < b.size() ? -1 : 1;
      if (a != b)
        return a < b ? -1 : 1;
      continue;
    }
    if (x.front() != y.front())
      return static_cast<unsigned char>(x.front())
                 < static_cast<unsigned char>(y.front())
               ? -1
               : 1;
    x.remove_prefix(1);
    y.remove_prefix(1);
  }
  return x.empty() && y.empty() ? 0 : x.empty() ? -1 : 1;
}

std::string lowered(std::string_view text) {
  std::string result{text};
  for (auto& x : result)
    x = static_cast<char>(std::tolower(static_cast<unsigned char>(x)));
  return result;
}

} // namespace

std::string_view name_of(tab x) {
  switch (x) {
  case tab::nodes:
    return "Nodes";
  case tab::jobs:
    return "Jobs";
  case tab::tasks:
    return "Tasks";
  case tab::queue:
    return "Queue";
  case tab::events:
    return "Events";
  case tab::gangs:
    return "Gangs";
  }
  return "";
}

std::string to_text(const subject& x) {
  switch (x.kind) {
  case thing_kind::job:
    return "job " + x.name;
  case thing_kind::task:
    return "task " + x.name;
  case thing_kind::node:
    return "node " + x.name;
  }
  return x.name;
}

std::vector<heading> headings_of(tab x) {
  switch (x) {
  case tab::nodes:
    return {{"NAME"},
            {"STATE"},
            {"CPU"},
            {"MEMORY"},
            {"GPU"},
            {"TASKS", side::right},
            {"BEAT", side::right},
            {"LABELS"}};
  case tab::jobs:
    return {{"NAME"},
            {"KIND"},
            {"STATE"},
            {"TASKS"},
            {"PRIORITY", side::right},
            {"AGE", side::right},
            {"REASONS"}};
  case tab::tasks:
    return {{"TASK"},
            {"STATE"},
            {"HEALTH"},
            {"NODE"},
            {"TRY", side::right},
            {"MEMORY", side::right},
            {"AGE", side::right},
            {"REASON"}};
  case tab::queue:
    return {{"JOB"},
            {"TASKS", side::right},
            {"PRIORITY", side::right},
            {"WAITS", side::right},
            {"REASON"},
            {"FOR"}};
  case tab::events:
    return {
      {"VERSION", side::right}, {"TIME"}, {"EVENT"}, {"SUBJECT"}, {"DETAIL"}};
  case tab::gangs:
    return {{"NAME"},
            {"STATE"},
            {"PLACED", side::right},
            {"MEMBERS", side::right},
            {"MIN", side::right},
            {"MAX", side::right},
            {"WAITS FOR"}};
  }
  return {};
}

row row_of(tab x, const json_value& item, timestamp now) {
  switch (x) {
  case tab::nodes:
    return node_row(item, now);
  case tab::jobs:
    return job_row(item, now);
  case tab::tasks:
    return task_row(item, now);
  case tab::queue:
    return queue_row(item, now);
  case tab::events:
    return event_row(item, now);
  case tab::gangs:
    return gang_row(item, now);
  }
  return {};
}

bool comes_before(const row& x, const row& y, size_t column) {
  auto& a = x.ranks[column];
  auto& b = y.ranks[column];
  if (a && b)
    return *a < *b;
  return compare(x.cells[column].text, y.cells[column].text) < 0;
}

bool matches(const row& x, std::string_view filter) {
  if (filter.empty())
    return true;
  auto wanted = lowered(filter);
  return std::any_of(x.cells.begin(), x.cells.end(), [&](const cell& y) {
    return lowered(y.text).find(wanted) != std::string::npos;
  });
}

std::string bar(double used, double reserved, double capacity, size_t width) {
  auto part = [&](double x) {
    if (capacity <= 0 || x <= 0)
      return size_t{0};
    auto cells = x / capacity * static_cast<double>(width);
    // What is there is seen, however little.
    auto rounded = std::max(1.0, cells + 0.5);
    return static_cast<size_t>(std::min(rounded, static_cast<double>(width)));
  };
  auto solid = part(used);
  auto held = std::max(part(reserved), solid);
  std::string result;
  for (size_t i = 0; i < width; ++i)
    result += i < solid  ? "\xe2\x96\x88"
              : i < held ? "\xe2\x96\x92"
                         : "\xc2\xb7";
  return result;
}

} // namespace troupe::tools::console
