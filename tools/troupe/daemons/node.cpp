#include <csignal>
#include <future>

#include <caf/all.hpp>
#include <caf/io/middleman.hpp>

#include "runtime/log.hpp"

#include "tools/troupe/daemons/daemon.hpp"
#include "tools/troupe/daemons/node_metrics.hpp"

namespace troupe::tools {

namespace {

struct everything {
  std::unique_ptr<system_config> config;
  std::unique_ptr<caf::actor_system> system;
  std::unique_ptr<node_host> node;
  std::unique_ptr<runtime::http::server> http;
};

/// Called back by the joining actor, perhaps more than once.
struct first_answer {
  std::promise<expected<std::string, std::string>> promise;
  std::once_flag once;
  void tell(expected<std::string, std::string> x) {
    std::call_once(once, [&] { promise.set_value(std::move(x)); });
  }
};

expected<running_daemon, std::string>
start_node(const config::daemon_options& options) {
  auto node = config::node_of(options, config::daemon::node, 0);
  if (!node)
    return make_unexpected(node.error());
  auto tls = config::tls_of(options);
  auto http = serve_node_metrics(options, node->meters);
  if (!http)
    return make_unexpected(http.error());
  auto all = std::make_shared<everything>();
  all->http = std::move(*http);
  system_options wanted{*tls};
  wanted.agents = std::make_shared<agent_directory>();
  // The controller gives up first: see system_options.
  wanted.connection_timeout += std::chrono::seconds{3};
  all->config = std::make_unique<system_config>(wanted);
  all->system = std::make_unique<caf::actor_system>(*all->config);
  auto answer = std::make_shared<first_answer>();
  auto joined = answer->promise.get_future();
  node->agents = wanted.agents;
  node->spawner = the_spawner();
  node->on_failure = fail_daemon;
  node->join.on_joined
    = [answer](const node_welcome&, const controller_address& x) {
        answer->tell(x.host + ':' + std::to_string(x.port));
      };
  node->join.on_refused = [answer](const std::string& why) {
    answer->tell(make_unexpected(why));
    fail_daemon(why);
  };
  auto name = node->profile.name;
  auto started = node_host::start(*all->system, std::move(*node));
  if (!started)
    return make_unexpected(started.error());
  all->node = std::move(*started);
  auto stop = [all] {
    all->http->stop();
    all->node->stop();
    all->node.reset();
    all->system.reset();
  };
  // Ready is who has joined. A signal ends the wait as well.
  sigset_t signals;
  sigemptyset(&signals);
  for (auto x : {SIGTERM, SIGINT, SIGQUIT})
    sigaddset(&signals, x);
  const timespec moment{0, 100'000'000};
  auto is_answered = [&] {
    return joined.wait_for(std::chrono::seconds{0})
           == std::future_status::ready;
  };
  while (!is_answered())
    // What fails ends this process by a signal as well, after it has answered.
    if (sigtimedwait(&signals, nullptr, &moment) > 0 && !is_answered()) {
      runtime::log::info("ended before it had joined a controller");
      return running_daemon{"", stop};
    }
  auto first = joined.get();
  if (!first) {
    stop();
    return make_unexpected(first.error());
  }
  return running_daemon{"name=" + name + " controller=" + *first
                          + " metrics=" + all->http->address(),
                        stop};
}

} // namespace

int run_node(int argc, char** argv) {
  return run_daemon(argc, argv, config::daemon::node,
                    "Joins this machine to a controller.", start_node);
}

} // namespace troupe::tools
