#include <fmt/format.h>

#include "tools/troupe/output.hpp"
#include "tools/troupe/verbs.hpp"
#include "tools/troupe/writing.hpp"

namespace troupe::tools {

int run_settings(int argc, char** argv) {
  writing x;
  output how;
  std::optional<std::string> strategy;
  std::optional<std::string> order;
  command_line line{"settings",
                    "Shows settings of the cluster, or changes them"};
  line.option("--strategy", "NAME", strategy,
              "where jobs go that do not say it: binpack, spread, ..");
  line.option("--queue-order", "NAME", order, "who is placed first");
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
                          {"queueOrder", field(*cluster, "queueOrder")}};
  return print_one(settings, how, "strategy", [&](const screen& s) {
    return key_lines({{"Strategy", text(settings, "strategy")},
                      {"Queue order", text(settings, "queueOrder")}},
                     s.l);
  });
}

} // namespace troupe::tools
