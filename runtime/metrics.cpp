#include "runtime/metrics.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace troupe::runtime {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

using labels = std::vector<ClientMetric::Label>;

/// One gauge with its values.
class gauge {
public:
  gauge(std::string name, std::string help) {
    family_.name = std::move(name);
    family_.help = std::move(help);
    family_.type = MetricType::Gauge;
  }

  gauge& add(labels by, double value) {
    ClientMetric x;
    x.label = std::move(by);
    x.gauge.value = value;
    family_.metric.push_back(std::move(x));
    return *this;
  }

  template <class Counts>
  gauge& add_states(const Counts& counts) {
    for (auto& [state, count] : counts)
      add({{"state", state}}, static_cast<double>(count));
    return *this;
  }

  [[nodiscard]] MetricFamily family() && { return std::move(family_); }

private:
  MetricFamily family_;
};

template <class Amount>
MetricFamily of_nodes(std::string name, std::string help,
                      const std::vector<node_view>& nodes, Amount amount) {
  gauge result{std::move(name), std::move(help)};
  for (auto& x : nodes) {
    result.add({{"node", x.name}, {"kind", "capacity"}}, amount(x.capacity));
    result.add({{"node", x.name}, {"kind", "reserved"}}, amount(x.reserved));
    result.add({{"node", x.name}, {"kind", "used"}}, amount(x.used));
  }
  return std::move(result).family();
}

} // namespace

std::string node_metrics_text() {
  std::vector<MetricFamily> all;
  all.push_back(
    std::move(
      gauge{"troupe_build_info", "The version that runs; always 1."}.add(
        {{"version", TROUPE_VERSION}}, 1))
      .family());
  return prometheus::TextSerializer{}.Serialize(all);
}

std::string
metrics_text(const cluster_view& cluster, const std::vector<node_view>& nodes) {
  std::vector<MetricFamily> all;
  auto put = [&](gauge& x) { all.push_back(std::move(x).family()); };
  put(gauge{"troupe_build_info", "The version that runs; always 1."}.add(
    {{"version", TROUPE_VERSION}}, 1));
  put(gauge{"troupe_leader", "Whether this controller leads."}.add({}, 1));
  put(gauge{"troupe_journal_version", "Facts in the journal."}.add(
    {}, static_cast<double>(cluster.version)));
  put(gauge{"troupe_nodes", "Nodes by state."}.add_states(cluster.nodes));
  put(gauge{"troupe_jobs", "Jobs by state."}.add_states(cluster.jobs));
  put(gauge{"troupe_tasks", "Tasks by state."}.add_states(cluster.tasks));
  all.push_back(of_nodes("troupe_node_cpu_cores", "Cores of each node.", nodes,
                         [](const amounts_view& x) { return x.cpu; }));
  all.push_back(of_nodes(
    "troupe_node_memory_bytes", "Memory of each node.", nodes,
    [](const amounts_view& x) { return static_cast<double>(x.memory); }));
  all.push_back(of_nodes("troupe_node_gpu_devices", "GPUs of each node.", nodes,
                         [](const amounts_view& x) { return x.gpu; }));
  return prometheus::TextSerializer{}.Serialize(all);
}

} // namespace troupe::runtime
