#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <caf/actor_system_config.hpp>

#include "messages/expected.hpp"

#include "actors/certificates.hpp"

namespace troupe {

class agent_directory;

struct system_options {
  tls_files tls;
  /// Agents that controllers may spawn sessions for; null on a controller that
  /// has none, which then lets nobody spawn anything.
  std::shared_ptr<agent_directory> agents;
  /// Silence after which a connection is dead. A machine waits longer than a
  /// controller, so that the controller always gives up first.
  std::chrono::milliseconds connection_timeout{8'000};
  size_t threads = 2;
  /// Whether idle threads look for work in turn, which is faster under load and
  /// costs a little when idle.
  bool stealing = false;
};

/// Configuration of CAF for a process of troupe.
class system_config : public caf::actor_system_config {
public:
  explicit system_config(const system_options& options);
};

} // namespace troupe
