#include "runtime/cluster/node_rows.hpp"

#include <algorithm>

#include "messages/json.hpp"

namespace troupe::runtime {

std::string driver_label(std::string_view driver) {
  return "troupe.driver." + std::string{driver};
}

placement::node_row row_of(const node_record& node, double overcommit) {
  placement::node_row result{node.profile.name, node.profile.capacity,
                             node.labels,       node.weight,
                             overcommit,        reason::none};
  // Nobody else says which drivers work there.
  std::erase_if(result.labels, [](const label& x) {
    return x.name.starts_with(driver_label(""));
  });
  // A worker that names no drivers takes whatever it is given.
  auto drivers = node.profile.drivers.empty() ? json::names_of<driver_kind>()
                                              : node.profile.drivers;
  for (auto& driver : drivers) {
    auto works = std::find(node.troubled.begin(), node.troubled.end(), driver)
                 == node.troubled.end();
    result.labels.push_back({driver_label(driver), works ? "true" : "away"});
  }
  std::sort(result.labels.begin(), result.labels.end());
  return result;
}

label_set
labels_when_well(const placement::table& nodes, const node_record& node) {
  auto result = nodes.row(node.row).labels;
  for (auto& driver : node.troubled)
    for (auto& x : result)
      if (x.name == driver_label(driver))
        x.value = "true";
  return result;
}

std::string driver_trouble(const node_record& node, const job_spec& spec) {
  auto driver = json::name_of(spec.driver);
  if (std::find(node.troubled.begin(), node.troubled.end(), driver)
      == node.troubled.end())
    return {};
  return "driver " + driver + " of node " + node.profile.name
         + " does not work now";
}

} // namespace troupe::runtime
