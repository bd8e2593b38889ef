#pragma once

#include <functional>
#include <string>

#include "config/options.hpp"

namespace troupe::tools {

/// Keeps the spawner that `main` forked before there were threads.
void set_spawner(runtime::process::spawner x);
[[nodiscard]] std::shared_ptr<runtime::process::spawner> the_spawner();

/// Runs a daemon: reads the options, starts it with `start`, tells that it is
/// ready, and waits for a signal. SIGHUP reads the options again. `start` gives what the line `ready` says, and
/// how to stop. Returns the exit code.
struct running_daemon {
  /// Empty if a signal has ended it before it was ready.
  std::string ready;
  std::function<void()> stop;
  /// Takes over what can be changed of the options; may be absent.
  std::function<expected<void, std::string>(const config::daemon_options&)>
    reload{};
};
int run_daemon(int argc, char** argv, config::daemon which, const char* about,
               const std::function<expected<running_daemon, std::string>(
                 const config::daemon_options&)>& start);

/// Ends the daemon from any thread, with `why` on stderr.
void fail_daemon(const std::string& why);

int run_up(int argc, char** argv);
int run_controller(int argc, char** argv);
int run_node(int argc, char** argv);

} // namespace troupe::tools
