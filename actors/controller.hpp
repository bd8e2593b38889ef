#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <caf/actor_system.hpp>

#include "messages/expected.hpp"
#include "messages/interfaces.hpp"

#include "runtime/audit.hpp"
#include "runtime/http/server.hpp"
#include "runtime/journal/journal.hpp"

#include "actors/black_box.hpp"
#include "actors/decisions.hpp"
#include "actors/gateway.hpp"
#include "actors/journal.hpp"
#include "actors/live.hpp"
#include "actors/node.hpp"
#include "actors/scheduler.hpp"
#include "actors/watch.hpp"

namespace troupe {

struct controller_options {
  runtime::http::server_options http;
  /// Where machines join.
  std::string listen_host = "127.0.0.1";
  uint16_t listen_port = 0;
  bool listen = true;
  bool tls = false;
  /// The cluster's default strategy; empty: as it was.
  std::string strategy;
  /// Tasks placed in one turn; nothing: as it was.
  std::optional<uint32_t> batch_size;
  /// Threads with which each policy thinks over big batches.
  uint32_t placement_threads = 1;
  scheduler_options scheduler;
  journal_actor_options journal;
  decisions_options decisions;
  watch_options watch;
  node_actor_options node;
  live_actor_options live;
  black_box_options black_box;
  gateway_options gateway;
  /// What all of these count with, and what nodes of this process count with.
  std::shared_ptr<runtime::controller_meters> meters
    = std::make_shared<runtime::controller_meters>();
  std::shared_ptr<const runtime::node_meters> node_meters{};
  /// Who may use REST. The gateway has it to read, and who made it to change.
  std::shared_ptr<runtime::access::guard> guard
    = std::make_shared<runtime::access::guard>();
  /// Where it is written down who changed what; null: nowhere.
  std::shared_ptr<runtime::audit> audit{};
  /// How long reading the journal may take.
  std::chrono::milliseconds start_timeout{600'000};
  /// Whether it leads, by its own clock. One that does not answers nobody.
  std::function<bool()> leads = [] { return true; };
  /// Called when all is ready but the ports, which another may have until then.
  std::function<void()> before_ports = [] {};
  /// Called when the controller can no longer go on; the process must end.
  std::function<void(const std::string&)> on_failure;
};

/// The control plane of one process:
///
///   root (rest for one) -> journal, watch, decisions, scheduler, policies,
///                          nodes, live, black box, gateway
///
/// Whoever starts again takes with it all that hold its handle.
class controller {
public:
  /// Folds `journal`, takes the lead, and opens the ports.
  /// Errors: a sentence for the operator.
  [[nodiscard]] static expected<std::unique_ptr<controller>, std::string>
  start(caf::actor_system& system, controller_options options,
        std::shared_ptr<runtime::journal> journal);

  /// Closes the ports and stops the actors in reverse order.
  void stop();
  ~controller();

  [[nodiscard]] std::string http_address() const;
  [[nodiscard]] uint16_t listen_port() const { return listen_port_; }

  /// Where machines of this process join: stays the same over restarts.
  [[nodiscard]] nodes_actor door() const { return door_; }
  /// The present scheduler.
  [[nodiscard]] scheduler_actor scheduler() const;

private:
  struct handles;
  explicit controller(caf::actor_system& system);

  caf::actor_system& system_;
  std::shared_ptr<handles> handles_;
  caf::actor root_;
  nodes_actor door_;
  std::unique_ptr<runtime::http::server> http_;
  uint16_t listen_port_ = 0;
  bool stopped_ = false;
};

} // namespace troupe
