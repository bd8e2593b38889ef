#include <caf/all.hpp>
#include <caf/io/middleman.hpp>

#include "runtime/journal/open.hpp"

#include "tools/dashboard/files.hpp"
#include "tools/troupe/daemons/candidate.hpp"
#include "tools/troupe/daemons/daemon.hpp"

namespace troupe::tools {

namespace {

struct everything {
  std::unique_ptr<system_config> config;
  std::unique_ptr<caf::actor_system> system;
  std::unique_ptr<controller> control;
};

std::string listen_text(const config::daemon_options& x, uint16_t port) {
  return x.listen.substr(0, x.listen.rfind(':')) + ':' + std::to_string(port);
}

/// One of several, of which one leads.
expected<running_daemon, std::string>
start_candidate(const config::daemon_options& options,
                config::etcd_options etcd, controller_options control) {
  auto guard = control.guard;
  auto scheme = control.http.certificates ? " scheme=https" : "";
  candidate_options wanted;
  wanted.etcd = std::move(etcd.address);
  wanted.lease = etcd.lease;
  wanted.advertise = std::move(etcd.advertise);
  wanted.system.tls = *config::tls_of(options);
  wanted.system.stealing = true;
  wanted.control = std::move(control);
  wanted.on_failure = fail_daemon;
  auto started = candidate::start(std::move(wanted));
  if (!started)
    return make_unexpected(started.error());
  auto one = std::shared_ptr<candidate>{std::move(*started)};
  return running_daemon{"http=" + one->http_address() + " listen="
                          + listen_text(options, one->listen_port()) + scheme,
                        [one] { one->stop(); },
                        [guard](const config::daemon_options& x) {
                          return config::read_tokens(x, *guard);
                        }};
}

expected<running_daemon, std::string>
start_controller(const config::daemon_options& options) {
  auto control = config::controller_of(options);
  if (!control)
    return make_unexpected(control.error());
  control->gateway.dashboard
    = std::make_shared<runtime::api::assets>(dashboard_files());
  auto etcd = config::etcd_of(options);
  if (!etcd)
    return make_unexpected(etcd.error());
  if (*etcd)
    return start_candidate(options, std::move(**etcd), std::move(*control));
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
  auto listen = listen_text(options, all->control->listen_port());
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
