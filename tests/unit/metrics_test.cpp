#include <doctest/doctest.h>

#include "runtime/metrics.hpp"

using namespace troupe;

TEST_CASE("metrics name what the cluster holds, in base units") {
  cluster_view cluster;
  cluster.version = 17;
  cluster.nodes = {{"ready", 2}, {"unhealthy", 1}};
  cluster.tasks = {{"running", 3}};
  node_view node;
  node.name = "n1";
  node.capacity.cpu = 4;
  node.reserved.cpu = 0.5;
  node.capacity.memory = 1024;
  auto text = runtime::metrics_text(cluster, {node});
  auto has
    = [&](const char* line) { return text.find(line) != std::string::npos; };
  CHECK(has("# HELP troupe_nodes Nodes by state."));
  CHECK(has("# TYPE troupe_nodes gauge"));
  CHECK(has("troupe_nodes{state=\"ready\"} 2"));
  CHECK(has("troupe_tasks{state=\"running\"} 3"));
  CHECK(has("troupe_journal_version 17"));
  CHECK(has("troupe_node_cpu_cores{node=\"n1\",kind=\"capacity\"} 4"));
  CHECK(has("troupe_node_cpu_cores{node=\"n1\",kind=\"reserved\"} 0.5"));
  CHECK(has("troupe_node_memory_bytes{node=\"n1\",kind=\"capacity\"} 1024"));
}
