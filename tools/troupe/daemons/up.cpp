#include <iostream>
#include <thread>

#include <caf/all.hpp>
#include <caf/io/middleman.hpp>

#include "messages/json.hpp"

#include "runtime/journal/etcd.hpp"
#include "runtime/journal/open.hpp"
#include "runtime/log.hpp"
#include "runtime/standby.hpp"

#include "tools/dashboard/files.hpp"
#include "tools/troupe/daemons/daemon.hpp"
#include "tools/troupe/daemons/node_metrics.hpp"

namespace troupe::tools {

namespace {

/// What a process of `up` holds, in the order in which it is made.
struct everything {
  std::unique_ptr<system_config> config;
  std::unique_ptr<caf::actor_system> system;
  std::unique_ptr<controller> control;
  std::vector<std::unique_ptr<node_host>> nodes;
  /// If it is wanted apart from the controller's.
  std::unique_ptr<runtime::http::server> metrics;
};

/// Each has a dozen actors and a folder of its own.
constexpr uint32_t nodes_max = 10'000;

using journal_ptr = std::unique_ptr<runtime::journal>;

/// Takes the lead of the cluster that `etcd` keeps, and ends the process with it:
/// its nodes are its own. A lead of a process that died must run out first.
expected<journal_ptr, std::string>
lead_in_etcd(const config::etcd_options& etcd, controller_options& control) {
  using clock = std::chrono::steady_clock;
  auto deadline = clock::now() + 3 * etcd.lease;
  runtime::etcd_lead_options wanted{
    .says = json::text_of(runtime::leader_note{control.scheduler.leader, ""}),
    .lease = etcd.lease,
    .on_lost = [](const std::string& why) {
      fail_daemon("the lead is lost, and another may have it: " + why);
    }};
  while (true) {
    auto won = runtime::etcd_lead::campaign(etcd.address, wanted);
    if (!won)
      return make_unexpected(
        runtime::refuse_etcd(etcd.address, won.error()).message);
    if (std::shared_ptr<runtime::etcd_lead> lead = std::move(*won)) {
      control.leads = [lead] { return lead->holds(); };
      auto journal = runtime::open_etcd_journal(etcd.address, lead);
      if (!journal)
        return make_unexpected(journal.error().message);
      return std::move(*journal);
    }
    if (clock::now() > deadline)
      return make_unexpected("another controller leads with "
                             + runtime::to_string(etcd.address)
                             + ". For several of them use `troupe controller` "
                               "and `troupe node --controller A:P,B:P`");
    std::this_thread::sleep_for(std::chrono::milliseconds{200});
  }
}

expected<journal_ptr, std::string>
open_journal(const config::daemon_options& options,
             controller_options& control) {
  auto etcd = config::etcd_of(options);
  if (!etcd)
    return make_unexpected(etcd.error());
  if (*etcd)
    return lead_in_etcd(**etcd, control);
  auto journal = runtime::open_journal(config::journal_address(options));
  if (!journal)
    return make_unexpected(journal.error().message);
  return std::move(*journal);
}

expected<running_daemon, std::string>
start_up(const config::daemon_options& options) {
  if (options.nodes > nodes_max)
    return make_unexpected("--nodes must be at most "
                           + std::to_string(nodes_max)
                           + " in one process; more of them want machines of "
                             "their own, each with `troupe node`");
  auto control = config::controller_of(options);
  if (!control)
    return make_unexpected(control.error());
  control->gateway.dashboard
    = std::make_shared<runtime::api::assets>(dashboard_files());
  auto guard = control->guard;
  auto tls = config::tls_of(options);
  auto journal = open_journal(options, *control);
  if (!journal)
    return make_unexpected(journal.error());
  auto all = std::make_shared<everything>();
  auto agents = std::make_shared<agent_directory>();
  system_options wanted{*tls};
  wanted.stealing = true;
  all->config = std::make_unique<system_config>(wanted);
  all->system = std::make_unique<caf::actor_system>(*all->config);
  control->node.local_agents = agents;
  control->on_failure = fail_daemon;
  auto meters = std::make_shared<runtime::node_meters>();
  control->node_meters = meters;
  if (!options.metrics.empty()) {
    auto served = serve_node_metrics(options, meters);
    if (!served)
      return make_unexpected(served.error());
    all->metrics = std::move(*served);
  }
  auto started = controller::start(*all->system, *control, std::move(*journal));
  if (!started)
    return make_unexpected(started.error());
  all->control = std::move(*started);
  for (uint32_t i = 0; i < options.nodes; ++i) {
    auto node = config::node_of(options, config::daemon::up, i);
    if (!node)
      return make_unexpected(node.error());
    node->agents = agents;
    node->meters = meters;
    node->spawner = the_spawner();
    node->on_failure = fail_daemon;
    node->join.local_controller
      = [door = all->control->door()] { return door; };
    auto host = node_host::start(*all->system, std::move(*node));
    if (!host)
      return make_unexpected(host.error());
    all->nodes.push_back(std::move(*host));
  }
  auto http = all->control->http_address();
  auto scheme = control->http.certificates ? "https" : "http";
  auto listen = options.listen.substr(0, options.listen.rfind(':')) + ':'
                + std::to_string(all->control->listen_port());
  std::cerr << "troupe " TROUPE_VERSION ": " << options.nodes
            << (options.nodes == 1 ? " node" : " nodes") << ", data in "
            << options.data << "\n\n"
            << "  submit    troupe run --image nginx:alpine\n"
            << "            troupe run -- sh -c 'echo hello'\n"
            << "  look      troupe tasks, troupe why TASK, troupe logs TASK\n"
            << "  dashboard " << scheme << "://" << http << "/\n"
            << "  REST      " << scheme << "://" << http << "/v1/cluster\n"
            << "  join      troupe node --controller " << listen << "\n\n";
  auto keep = options.keep_tasks;
  auto ready = "http=" + http + " listen=" + listen
               + (all->metrics ? " metrics=" + all->metrics->address() : "")
               + (control->http.certificates ? " scheme=https" : "");
  return running_daemon{ready,
                        [all, keep] {
                          if (all->metrics)
                            all->metrics->stop();
                          // The controller first: what ends now is not the
                          // tasks' doing, and is not to be told as such.
                          all->control->stop();
                          for (auto& node : all->nodes) {
                            if (!keep)
                              node->end_tasks();
                            node->stop();
                          }
                          all->nodes.clear();
                          all->control.reset();
                          all->system.reset();
                        },
                        [guard](const config::daemon_options& x) {
                          return config::read_tokens(x, *guard);
                        }};
}

} // namespace

int run_up(int argc, char** argv) {
  return run_daemon(argc, argv, config::daemon::up,
                    "Runs a controller and nodes in one process, with a "
                    "durable journal.",
                    start_up);
}

} // namespace troupe::tools
