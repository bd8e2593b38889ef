#include <array>
#include <clocale>
#include <cstdio>
#include <iostream>
#include <string_view>

#include <curl/curl.h>

#include "tools/troupe/daemons/bench.hpp"
#include "tools/troupe/daemons/daemon.hpp"
#include "tools/troupe/exit_code.hpp"
#include "tools/troupe/verbs.hpp"

namespace {

namespace tools = troupe::tools;

/// `troupe node N` shows a node, `troupe node --controller ..` is one.
int run_node(int argc, char** argv) {
  auto asks_for_help
    = [](std::string_view x) { return x == "-h" || x == "--help"; };
  if (argc == 2 && asks_for_help(argv[1])) {
    static_cast<void>(tools::run_node_shown(argc, argv));
    std::fputs("\nWith --controller it is what nodes are:\n\n", stdout);
    std::fflush(stdout);
    return tools::run_node(argc, argv);
  }
  return tools::is_node_daemon(argc, argv) ? tools::run_node(argc, argv)
                                           : tools::run_node_shown(argc, argv);
}

constexpr auto daemons = std::to_array<tools::verb>({
  {"up", "run a controller and nodes in one process", tools::run_up},
  {"controller", "run a controller that other machines join",
   tools::run_controller},
  {"node", "join this machine to a controller, or show a node", run_node},
  {"bench", "measure this program on this machine", tools::run_bench},
});

/// Whether this process will run tasks, and so needs its spawner.
bool runs_tasks(int argc, char** argv) {
  std::string_view verb{argc > 1 ? argv[1] : ""};
  return verb == "up"
         || (verb == "node" && tools::is_node_daemon(argc - 1, argv + 1));
}

} // namespace

int main(int argc, char** argv) {
  // Before there is a thread: the spawner is forked off, and forks on its own.
  if (runs_tasks(argc, argv)) {
    auto spawner = troupe::runtime::process::spawner::fork();
    if (!spawner) {
      std::cerr << "troupe: " << spawner.error() << '\n';
      return 1;
    }
    tools::set_spawner(std::move(*spawner));
  }
  std::setlocale(LC_CTYPE, "C.UTF-8");
  // Not safe once there are threads.
  curl_global_init(CURL_GLOBAL_DEFAULT);
  tools::set_daemon_verbs(daemons);
  return tools::run_command_line(argc, argv);
}
