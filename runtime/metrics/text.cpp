#include "runtime/metrics/text.hpp"

#include <iterator>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace troupe::runtime {

namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;

using labels = std::vector<ClientMetric::Label>;
using families = std::vector<MetricFamily>;

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
  gauge& add_all(const char* label, const Counts& counts) {
    for (auto& [name, count] : counts)
      add({{label, name}}, static_cast<double>(count));
    return *this;
  }

  [[nodiscard]] MetricFamily family() && { return std::move(family_); }

private:
  MetricFamily family_;
};

template <class Amount>
MetricFamily of_nodes(std::string name, std::string help,
                      const std::vector<node_figures>& nodes, Amount amount) {
  gauge result{std::move(name), std::move(help)};
  for (auto& x : nodes) {
    result.add({{"node", x.name}, {"kind", "capacity"}}, amount(x.capacity));
    result.add({{"node", x.name}, {"kind", "reserved"}}, amount(x.reserved));
    result.add({{"node", x.name}, {"kind", "used"}}, amount(x.used));
  }
  return std::move(result).family();
}

double from_thousandths(int64_t x) {
  return static_cast<double>(x) / 1000;
}

void put(families& to, gauge& x) {
  to.push_back(std::move(x).family());
}

void put(families& to, families x) {
  to.insert(to.end(), std::make_move_iterator(x.begin()),
            std::make_move_iterator(x.end()));
}

void put_build(families& to) {
  put(to, gauge{"troupe_build_info", "The version that runs; always 1."}.add(
            {{"version", TROUPE_VERSION}}, 1));
}

/// Facts count them, so that a restart does not begin at zero.
MetricFamily removals_of(const cache_statistics& x) {
  MetricFamily result;
  result.name = "troupe_cache_removals_total";
  result.help = "Results that are not kept any more, by what became of them.";
  result.type = MetricType::Counter;
  auto add = [&](const char* why, uint64_t count) {
    ClientMetric y;
    y.label = {{"reason", why}};
    y.counter.value = static_cast<double>(count);
    result.metric.push_back(std::move(y));
  };
  add("evicted", x.evictions);
  add("expired", x.expirations);
  add("invalidated", x.invalidations);
  return result;
}

void put_lead(families& to, double leads) {
  put(to,
      gauge{"troupe_leader", "Whether this controller leads."}.add({}, leads));
}

void put_totals(families& to, const cluster_figures& x) {
  put_lead(to, 1);
  put(to, gauge{"troupe_journal_version", "Facts in the journal."}.add(
            {}, static_cast<double>(x.totals.version)));
  put(to, gauge{"troupe_nodes", "Nodes by state."}.add_all("state",
                                                           x.totals.nodes));
  put(to,
      gauge{"troupe_jobs", "Jobs by state."}.add_all("state", x.totals.jobs));
  put(to, gauge{"troupe_tasks", "Tasks by state."}.add_all("state",
                                                           x.totals.tasks));
  put(to,
      gauge{"troupe_queue_tasks",
            "Tasks that wait for a place, by the main reason; none: they are "
            "next to be looked at."}
        .add_all("reason", x.queue));
  put(to, gauge{"troupe_scheduler_retries_slowed",
                "Whether tries by time alone are rare, since the cluster stays "
                "full."}
            .add({}, x.totals.retries_slowed ? 1 : 0));
  put(to, gauge{"troupe_cache_entries", "Results that are kept."}.add(
            {}, static_cast<double>(x.kept_results)));
  to.push_back(removals_of(x.results));
}

void put_nodes(families& to, const std::vector<node_figures>& nodes) {
  to.push_back(of_nodes("troupe_node_cpu_cores",
                        "Cores of each node; reserved counts whole requests, "
                        "used is measured on the machine.",
                        nodes, [](const resources& x) {
                          return from_thousandths(x.cpu_millicores);
                        }));
  to.push_back(of_nodes(
    "troupe_node_memory_bytes", "Memory of each node, as with cores.", nodes,
    [](const resources& x) { return static_cast<double>(x.memory_bytes); }));
  to.push_back(of_nodes(
    "troupe_node_gpu_devices", "GPUs of each node, shares of one as parts.",
    nodes, [](const resources& x) { return from_thousandths(x.gpu_millis); }));
}

} // namespace

std::string metrics_text(const controller_scrape& x) {
  families all;
  put_build(all);
  put_totals(all, x.figures);
  put_nodes(all, x.figures.nodes);
  put(all, gauge{"troupe_actor_mailbox_messages",
                 "Messages that waited when actors of this type last looked."}
             .add_all("actor", x.mailboxes));
  put(all, x.meters.collect());
  if (x.nodes != nullptr)
    put(all, x.nodes->collect());
  return prometheus::TextSerializer{}.Serialize(all);
}

std::string metrics_text(const node_meters& x) {
  families all;
  put_build(all);
  put(all, x.collect());
  return prometheus::TextSerializer{}.Serialize(all);
}

std::string standby_metrics_text() {
  families all;
  put_build(all);
  put_lead(all, 0);
  return prometheus::TextSerializer{}.Serialize(all);
}

} // namespace troupe::runtime
