#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <caf/actor_system.hpp>

#include "messages/expected.hpp"
#include "messages/interfaces.hpp"

#include "runtime/drivers/docker/api.hpp"
#include "runtime/drivers/process/spawner.hpp"
#include "runtime/health.hpp"
#include "runtime/metrics/node_meters.hpp"
#include "runtime/prober.hpp"

#include "actors/agent.hpp"
#include "actors/join.hpp"
#include "actors/session.hpp"

namespace troupe {

struct node_host_options {
  /// Name, capacity, labels; drivers are filled in.
  node_profile profile;
  /// Where work, runs and their output are kept: an absolute path.
  std::string data_dir;
  /// Drivers to have; empty: all that work here, `simulated` left out.
  std::vector<driver_kind> drivers;
  std::string docker_socket = "/var/run/docker.sock";
  runtime::docker::container_defaults docker_defaults{};
  /// Directories that jobs may mount from.
  std::vector<std::string> volumes{};
  /// Time without a controller after which tasks are stopped; 0: they run on.
  std::chrono::milliseconds stop_tasks_after{0};
  /// Where results of health checks are counted.
  std::shared_ptr<runtime::check_counts> check_counts
    = std::make_shared<runtime::check_counts>();
  join_options join;
  std::shared_ptr<agent_directory> agents;
  std::shared_ptr<runtime::node_meters> meters
    = std::make_shared<runtime::node_meters>();
  std::shared_ptr<runtime::process::spawner> spawner;
  /// Without: nothing is kept on disk, and nothing is adopted.
  bool durable = true;
  std::function<void(const std::string&)> on_failure;
};

/// The actors of one machine:
///
///   root (rest for one) -> drivers, agent -> tasks -> checkers, join
class node_host {
public:
  /// Errors: a sentence for the operator.
  [[nodiscard]] static expected<std::unique_ptr<node_host>, std::string>
  start(caf::actor_system& system, node_host_options options);

  /// Ends and forgets all tasks here, as a machine that is switched off.
  void end_tasks();
  /// Leaves the cluster; what runs outside of this process goes on.
  void stop();
  ~node_host();

  [[nodiscard]] const std::string& name() const { return name_; }

private:
  explicit node_host(caf::actor_system& system);

  caf::actor_system& system_;
  std::string name_;
  std::shared_ptr<agent_directory> agents_;
  /// Outlives the actors: its thread must not be the one that ends it.
  std::shared_ptr<runtime::prober> prober_;
  caf::actor root_;
};

} // namespace troupe
