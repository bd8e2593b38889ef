#include <cstdlib>

#include <fmt/format.h>

#include "tools/troupe/output.hpp"
#include "tools/troupe/table.hpp"
#include "tools/troupe/verbs.hpp"
#include "tools/troupe/writing.hpp"

namespace troupe::tools {

int run_settings(int argc, char** argv) {
  writing x;
  output how;
  std::optional<std::string> strategy;
  std::optional<std::string> order;
  std::optional<std::string> fair_by;
  std::vector<std::string> weights;
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
              "whose part is not 1; replaces all that were said before");
  declare(line, how);
  declare(line, x);
  line.example("troupe settings --strategy spread",
               "from now on, spreads jobs that do not say how");
  if (auto end = line.parse(argc, argv))
    return finish(*end);
  rest controller{x.to};
  boost::json::object change;
  if (strategy)
    change["strategy"] = *strategy;
  if (order)
    change["queueOrder"] = *order;
  if (fair_by)
    change["fairBy"] = *fair_by;
  if (!weights.empty()) {
    auto& to = change["fairWeights"].emplace_object();
    for (auto& x : weights) {
      auto pair = split_pair(x);
      char* end = nullptr;
      auto weight = pair ? std::strtod(pair->second.c_str(), &end) : 0.0;
      if (!pair || end == pair->second.c_str() || *end != 0)
        return finish(line.wrong(fmt::format(
          "\"{}\" should be NAME=NUMBER, such as ann=2", inert(x))));
      to[pair->first] = weight;
    }
  }
  if (!change.empty()) {
    auto answer = controller.call("PUT", x.mark(url{"/v1/settings"}), change);
    if (!answer)
      return report(answer.error());
    x.tell("settings: changed");
    return exit_code::done;
  }
  // They are a part of what the cluster says of itself.
  auto cluster = controller.get(url{"/v1/cluster"});
  if (!cluster)
    return report(cluster.error());
  json_value settings
    = boost::json::object{{"strategy", field(*cluster, "strategy")},
                          {"queueOrder", field(*cluster, "queueOrder")},
                          {"fairBy", field(*cluster, "fairBy")},
                          {"fairWeights", field(*cluster, "fairWeights")}};
  return print_one(settings, how, "strategy", [&](const screen& s) {
    return key_lines({{"Strategy", text(settings, "strategy")},
                      {"Queue order", text(settings, "queueOrder")},
                      {"Fair by", text(settings, "fairBy")}},
                     s.l);
  });
}

} // namespace troupe::tools
