#include <fmt/format.h>

#include "tools/troupe/figures.hpp"
#include "tools/troupe/show.hpp"

namespace troupe::tools {

namespace {

/// `ready`, `ready, cordoned`, or `ready, impaired` if it takes not all tasks for
/// a reason that its message tells.
cell state_cell(const json_value& node) {
  auto state = text(node, "state");
  auto eligibility = text(node, "eligibility");
  if (state != "ready" || eligibility.empty() || eligibility == "eligible") {
    if (state == "ready" && !text(node, "message").empty())
      return {state + ", impaired", tone::waiting};
    return {state, tone_of_state(state)};
  }
  return {state + ", " + eligibility, tone::waiting};
}

/// `1.5/4`: reserved of the capacity.
std::string share(const json_value& x, std::string_view key) {
  auto& capacity = field(x, "capacity");
  auto& reserved = field(x, "reserved");
  if (!has(capacity, key))
    return {};
  if (key == "memory")
    return memory_text(whole(reserved, key)) + '/'
           + memory_text(whole(capacity, key));
  return amount_text(number(reserved, key)) + '/'
         + amount_text(number(capacity, key));
}

std::string gpu_share(const json_value& x) {
  return number(field(x, "capacity"), "gpu") > 0 ? share(x, "gpu") : "";
}

std::string heartbeat_text(const json_value& node) {
  if (!has(node, "heartbeatAgeSeconds"))
    return {};
  auto ms = static_cast<int64_t>(number(node, "heartbeatAgeSeconds") * 1000);
  return age_text(std::chrono::milliseconds{ms}) + " ago";
}

std::string amount_of(const json_value& amounts, std::string_view key) {
  return key == "memory" ? memory_text(whole(amounts, key))
                         : amount_text(number(amounts, key));
}

/// Capacity, reserved and used, a row for each resource.
std::string amounts_table(const json_value& x, const screen& s) {
  auto& capacity = field(x, "capacity");
  auto& reserved = field(x, "reserved");
  auto& used = field(x, "used");
  sheet result{{"RESOURCE", ">CAPACITY", ">RESERVED", ">USED", ">FREE"}};
  auto add
    = [&](const std::string& name, const json_value& all,
          const json_value& held, const json_value& now, std::string_view key) {
        auto free = number(all, key) - number(held, key);
        result.row(
          {name,
           amount_of(all, key),
           amount_of(held, key),
           has(now, key) ? amount_of(now, key) : "",
           {key == "memory" ? memory_text(static_cast<int64_t>(free))
                            : amount_text(free),
            free <= 0 && number(all, key) > 0 ? tone::waiting : tone::plain}});
      };
  for (auto key : {"cpu", "memory", "gpu"})
    if (has(capacity, key) && (key[0] != 'g' || number(capacity, key) > 0))
      add(key, capacity, reserved, used, key);
  for (auto& [name, amount] : members(field(capacity, "resources")))
    add(std::string{name}, field(capacity, "resources"),
        field(reserved, "resources"), field(used, "resources"), name);
  return result.empty() ? "" : result.render(s.l);
}

std::string node_hint(const json_value& node) {
  auto name = inert(text(node, "name"));
  auto state = text(node, "state");
  auto eligibility = text(node, "eligibility");
  if (state == "unhealthy")
    return "It is silent: is `troupe node` still running there, and can it "
           "reach the controller?\n";
  if (eligibility == "cordoned" || eligibility == "drained")
    return fmt::format("To let it take work again: troupe uncordon {}\n", name);
  if (eligibility == "draining")
    return fmt::format("It is being emptied. To undo that: troupe uncordon "
                       "{}\n",
                       name);
  return {};
}

/// `2 running, 1 pending`, leaving out what there is none of.
std::string counts_text(const json_value& counts) {
  std::string result;
  for (auto& [state, count] : members(counts))
    if (whole(counts, state) > 0)
      result += fmt::format("{}{} {}", result.empty() ? "" : ", ", plain(count),
                            std::string_view{state});
  return result.empty() ? "none" : result;
}

} // namespace

std::string show_nodes(const json_value& items, const screen& s) {
  std::vector<std::string> titles{"NAME",    "STATE", ">TASKS",   ">CPU",
                                  ">MEMORY", ">GPU",  "HEARTBEAT"};
  if (s.l.wide)
    titles.insert(titles.end(), {"AGE", "VERSION", "DRIVERS"});
  titles.emplace_back("LABELS");
  if (s.l.wide)
    titles.emplace_back("MESSAGE");
  sheet result{titles};
  for (auto& x : elements(items)) {
    std::vector<cell> row{
      text(x, "name"),  state_cell(x),      std::to_string(whole(x, "tasks")),
      share(x, "cpu"),  share(x, "memory"), gpu_share(x),
      heartbeat_text(x)};
    if (s.l.wide) {
      std::string drivers;
      for (auto& driver : elements(field(x, "drivers")))
        drivers += (drivers.empty() ? "" : ",") + plain(driver);
      row.emplace_back(age_of(x, "joinedAt", s.now));
      row.emplace_back(text(x, "version"));
      row.emplace_back(drivers);
    }
    row.emplace_back(pairs_text(field(x, "labels")));
    if (s.l.wide)
      row.emplace_back(text(x, "message"));
    result.row(std::move(row));
  }
  return result.render(s.l);
}

std::string
show_node(const json_value& node, const json_value& tasks, const screen& s) {
  std::string drivers;
  for (auto& driver : elements(field(node, "drivers")))
    drivers += (drivers.empty() ? "" : ", ") + plain(driver);
  auto joined = age_of(node, "joinedAt", s.now);
  auto result = key_lines(
    {{"Node", {text(node, "name"), tone::strong}},
     {"State", state_cell(node)},
     {"Message", {text(node, "message"), tone::waiting}},
     {"Heartbeat", heartbeat_text(node)},
     {"Labels", pairs_text(field(node, "labels"))},
     {"Drivers", drivers},
     {"Tasks", std::to_string(whole(node, "tasks"))},
     {"Weight", has(node, "weight") ? amount_text(number(node, "weight")) : ""},
     {"Overcommit",
      has(node, "overcommit") ? amount_text(number(node, "overcommit")) : ""},
     {"Version", text(node, "version")},
     {"Joined", joined.empty() ? "" : joined + " ago"}},
    s.l);
  if (auto amounts = amounts_table(node, s); !amounts.empty())
    result += '\n' + amounts;
  if (!elements(tasks).empty())
    result += '\n' + show_tasks(tasks, s);
  if (auto hint = node_hint(node); !hint.empty())
    result += '\n' + hint;
  return result;
}

std::string show_cluster(const json_value& cluster, const screen& s) {
  auto result
    = key_lines({{"Cluster", {text(cluster, "id"), tone::strong}},
                 {"Nodes", counts_text(field(cluster, "nodes"))},
                 {"Jobs", counts_text(field(cluster, "jobs"))},
                 {"Tasks", counts_text(field(cluster, "tasks"))},
                 {"Strategy", text(cluster, "strategy")},
                 {"Queue order", text(cluster, "queueOrder")},
                 {"Version", std::to_string(whole(cluster, "version"))}},
                s.l);
  if (auto amounts = amounts_table(cluster, s); !amounts.empty())
    result += '\n' + amounts;
  if (members(field(cluster, "nodes")).empty()
      || whole(field(cluster, "nodes"), "ready") == 0)
    result += "\nNo node is ready. Join one: troupe node --controller "
              "HOST:4641\n";
  else if (whole(field(cluster, "tasks"), "pending") > 0)
    result += "\nWhat waits, and why: troupe queue\n";
  return result;
}

} // namespace troupe::tools
