#include <charconv>
#include <cstdlib>

#include <fmt/format.h>

#include "tools/troupe/fields.hpp"
#include "tools/troupe/figures.hpp"
#include "tools/troupe/output.hpp"
#include "tools/troupe/table.hpp"
#include "tools/troupe/verbs.hpp"
#include "tools/troupe/writing.hpp"

namespace troupe::tools {

namespace {

constexpr const char* shown[]
  = {"strategy",   "queueOrder",   "fairBy",          "fairWeights",
     "overcommit", "batchSize",    "priorityClasses", "concurrency",
     "shadow",     "cacheEntries", "logLevel"};

/// NAME=NUMBER, where the name may have "=" in it; without a number, `number` is
/// null. Nothing if `text` is something else.
struct named_number {
  std::string name;
  json_value number;
};

std::optional<named_number> read_number(const std::string& text, bool whole) {
  auto at = text.rfind('=');
  if (at == 0 || at == std::string::npos)
    return std::nullopt;
  named_number result{text.substr(0, at), nullptr};
  auto from = text.data() + at + 1;
  auto end = text.data() + text.size();
  if (from == end)
    return result;
  int64_t number = 0;
  double fraction = 0;
  auto read = std::from_chars(from, end, number);
  if (read.ptr == end && read.ec == std::errc{}) {
    result.number = number;
    return result;
  }
  read = std::from_chars(from, end, fraction);
  if (whole || read.ptr != end || read.ec != std::errc{})
    return std::nullopt;
  result.number = fraction;
  return result;
}

/// What `all` becomes with `changes`; what has no number is taken away.
std::optional<std::string>
change(boost::json::object& all, const std::vector<std::string>& changes,
       bool whole, const char* example) {
  for (auto& x : changes) {
    auto read = read_number(x, whole);
    if (!read)
      return fmt::format("\"{}\" should be NAME=NUMBER, such as {}; NAME= "
                         "takes it away",
                         inert(x), example);
    if (read->number.is_null())
      all.erase(read->name);
    else
      all[read->name] = read->number;
  }
  return std::nullopt;
}

/// What a shadow would have done, of `/v1/policies`.
std::string shadow_text(const json_value& policies, const std::string& name) {
  for (auto& x : elements(field(policies, "items"))) {
    if (text(x, "name") != name)
      continue;
    auto& did = field(x, "shadow");
    auto same = number(did, "same");
    auto tasks = same + number(did, "elsewhere");
    return fmt::format("{}: would have put {} of {} tasks elsewhere, placed {} "
                       "more and {} fewer",
                       name, amount_text(tasks - same), amount_text(tasks),
                       amount_text(number(did, "onlyShadow")),
                       amount_text(number(did, "onlyDefault")));
  }
  return name;
}

std::string numbers_text(const json_value& x) {
  std::string result;
  if (auto* all = x.if_object())
    for (auto& [name, number] : *all)
      result += fmt::format("{}{}={}", result.empty() ? "" : ", ",
                            inert(std::string{name}), line_json(number));
  return result.empty() ? "-" : result;
}

} // namespace

int run_settings(int argc, char** argv) {
  writing x;
  output how;
  std::optional<std::string> strategy;
  std::optional<std::string> order;
  std::optional<std::string> fair_by;
  std::optional<std::string> overcommit;
  std::optional<std::string> shadow;
  bool promote = false;
  std::vector<std::string> weights;
  std::vector<std::string> classes;
  std::vector<std::string> limits;
  std::optional<uint64_t> cache_entries;
  std::optional<uint64_t> batch_size;
  std::optional<std::string> log_level;
  command_line line{"settings",
                    "Shows settings of the cluster, or changes them"};
  line.option("--strategy", "NAME", strategy,
              "where jobs go that do not say it: binpack, spread, ..");
  line.option("--queue-order", "NAME", order,
              "who is placed first: priority, fifo, sjf or fair");
  line.option("--fair-by", "LABEL", fair_by,
              "whom fair is fair to: values of this label of jobs; with \"\", "
              "jobs");
  line.option("--fair-weight", "NAME=N", weights,
              "whose part is not 1; NAME= makes it 1 again");
  line.option("--overcommit", "N", overcommit,
              "cpu that may be asked for on a node, in parts of what it has");
  line.option("--priority-class", "NAME=N", classes,
              "a priority that jobs may name; NAME= takes it away");
  line.option("--concurrency", "LABEL=VALUE=N", limits,
              "how many tasks of jobs with a label may run at once; "
              "LABEL=VALUE= takes the limit away");
  line.option(
    "--shadow", "NAME", shadow,
    "a policy that decides on the same without effect, to be compared "
    "here; \"\" ends it");
  line.flag("--promote", promote, "makes the shadow the default strategy");
  line.option(
    "--batch-size", "N", batch_size,
    "how many tasks are placed in one turn, first in the queue first: "
    "1 to 1024");
  line.option("--cache-entries", "N", cache_entries,
              "how many results of batch tasks are kept");
  line.option("--log-level", "LEVEL", log_level,
              "what the controller and all nodes log from now on, until they "
              "start again: trace, debug, info, warn, error or off");
  declare(line, how);
  declare(line, x);
  line.example("troupe settings --strategy spread",
               "from now on, spreads jobs that do not say how");
  line.example("troupe settings --priority-class urgent=1000",
               "lets jobs say \"priorityClass\": \"urgent\"");
  line.example("troupe settings --concurrency user=ann=20",
               "at most 20 tasks of jobs with the label user=ann at once");
  line.example("troupe settings --log-level debug",
               "says more, at once, without a restart");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  rest controller{x.to};
  auto cluster = controller.get(url{"/v1/settings"});
  if (!cluster)
    return report(cluster.error());
  boost::json::object wanted;
  if (strategy)
    wanted["strategy"] = *strategy;
  if (order)
    wanted["queueOrder"] = *order;
  if (fair_by)
    wanted["fairBy"] = *fair_by;
  if (overcommit) {
    char* end = nullptr;
    wanted["overcommit"] = std::strtod(overcommit->c_str(), &end);
    if (overcommit->empty() || *end != 0)
      return finish(line.wrong(
        fmt::format("--overcommit {}: should be a number, such as 1.5",
                    inert(*overcommit))));
  }
  if (batch_size)
    wanted["batchSize"] = *batch_size;
  if (cache_entries)
    wanted["cacheEntries"] = *cache_entries;
  if (log_level)
    wanted["logLevel"] = *log_level;
  if (shadow)
    wanted["shadow"] = *shadow;
  if (promote) {
    auto next = text(*cluster, "shadow");
    if (next.empty())
      return finish(line.wrong("no policy is a shadow: name one by --shadow "
                               "first, and see how it does"));
    wanted["strategy"] = next;
    wanted["shadow"] = "";
  }
  struct numbers {
    const char* key;
    const std::vector<std::string>& said;
    bool whole;
    const char* example;
  };
  for (auto& y : {numbers{"fairWeights", weights, false, "ann=2"},
                  numbers{"priorityClasses", classes, true, "urgent=1000"},
                  numbers{"concurrency", limits, true, "user=ann=20"}}) {
    if (y.said.empty())
      continue;
    auto all = field(*cluster, y.key);
    auto& to = wanted[y.key] = all;
    if (!to.is_object())
      to.emplace_object();
    if (auto bad = change(to.get_object(), y.said, y.whole, y.example))
      return finish(line.wrong(*bad));
  }
  if (!wanted.empty()) {
    auto answer = controller.call("PUT", x.mark(url{"/v1/settings"}), wanted);
    if (!answer)
      return report(answer.error());
    x.tell("settings: changed");
    return exit_code::done;
  }
  boost::json::object settings;
  for (auto* key : shown)
    settings[key] = field(*cluster, key);
  auto shadow_line = std::string{"-"};
  if (!text(settings, "shadow").empty()) {
    auto policies = controller.get(url{"/v1/policies"});
    if (!policies)
      return report(policies.error());
    shadow_line = shadow_text(*policies, text(settings, "shadow"));
  }
  return print_one(settings, how, "strategy", [&](const screen& s) {
    return key_lines(
      {{"Strategy", text(settings, "strategy")},
       {"Shadow", shadow_line},
       {"Queue order", text(settings, "queueOrder")},
       {"Fair by", text(settings, "fairBy")},
       {"Fair weights", numbers_text(settings["fairWeights"])},
       {"Overcommit", amount_text(number(settings, "overcommit"))},
       {"Batch size", amount_text(number(settings, "batchSize"))},
       {"Priorities", numbers_text(settings["priorityClasses"])},
       {"Concurrency", numbers_text(settings["concurrency"])},
       {"Results kept", amount_text(number(settings, "cacheEntries"))},
       {"Log level", text(settings, "logLevel")}},
      s.l);
  });
}

} // namespace troupe::tools
