#include <caf/all.hpp>
#include <caf/io/middleman.hpp>

#include "runtime/journal/open.hpp"

#include "tools/dashboard/files.hpp"
#include "tools/troupe/daemons/daemon.hpp"

namespace troupe::tools {

namespace {

struct everything {
  std::unique_ptr<system_config> config;
  std::unique_ptr<caf::actor_system> system;
  std::unique_ptr<controller> control;
};

expected<running_daemon, std::string>
start_controller(const config::daemon_options& options) {
  auto control = config::controller_of(options);
  if (!control)
    return make_unexpected(control.error());
  control->gateway.dashboard
    = std::make_shared<runtime::api::assets>(dashboard_files());
  auto guard = control->guard;
  auto tls = config::tls_of(options);
  auto journal = runtime::open_journal(config::journal_address(options));
  if (!journal)
    return make_unexpected(journal.error().message);
  auto all = std::make_shared<everything>();
  system_options wanted{*tls};
  wanted.stealing = true;
  all->config = std::make_unique<system_config>(wanted);
  all->system = std::make_unique<caf::actor_system>(*all->config);
  control->node.local_agents = std::make_shared<agent_directory>();
  control->on_failure = fail_daemon;
  auto started = controller::start(*all->system, *control, std::move(*journal));
  if (!started)
    return make_unexpected(started.error());
  all->control = std::move(*started);
  auto listen = options.listen.substr(0, options.listen.rfind(':')) + ':'
                + std::to_string(all->control->listen_port());
  return running_daemon{"http=" + all->control->http_address()
                          + " listen=" + listen
                          + (control->http.certificates ? " scheme=https" : ""),
                        [all] {
                          all->control->stop();
                          all->control.reset();
                          all->system.reset();
                        },
                        [guard](const config::daemon_options& x) {
                          return config::read_tokens(x, *guard);
                        }};
}

} // namespace

int run_controller(int argc, char** argv) {
  return run_daemon(argc, argv, config::daemon::controller,
                    "Runs a controller that nodes on other machines join.",
                    start_controller);
}

} // namespace troupe::tools
