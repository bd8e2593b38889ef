#include "tools/troupe/daemons/bench.hpp"

#include <cstdio>
#include <iostream>
#include <string_view>

#include <CLI/CLI.hpp>

#include "runtime/placement/bench.hpp"

namespace troupe::tools {

namespace {

constexpr auto usage
  = "Measures this program on this machine.\n\n"
    "  troupe bench place     places tasks on nodes, in memory\n"
    "  troupe bench cluster   runs tasks from submission to exit on simulated\n"
    "                         nodes, with real actors and the real journal\n"
    "  troupe bench docker    runs containers by an engine alone, and by "
    "troupe\n"
    "  troupe bench trace     plays recorded tasks with GPUs, and says how "
    "much\n"
    "                         of the GPUs gets used\n\n"
    "Each has --help.\n"
    "\n"
    "Example:\n"
    "  troupe bench place --nodes 10000 --tasks 100000\n"
    "      the figure of the README\n";

void print(const runtime::placement::bench_result& x) {
  std::printf("%-14s %-12s %6u nodes  %9.0f placements/s  (%9.0f per cpu "
              "second)  one: p50 %6.1f us  p99 %6.1f us  placed %llu  "
              "refused %llu\n",
              x.scenario.c_str(), x.strategy.c_str(), x.nodes,
              x.decisions_per_second, x.decisions_per_cpu_second, x.p50_us,
              x.p99_us, static_cast<unsigned long long>(x.placed),
              static_cast<unsigned long long>(x.refused));
  std::fflush(stdout);
}

/// Says what several threads bring, once with one and once with all of them.
void compare(const runtime::placement::bench_result& one,
             const runtime::placement::bench_result& all, uint32_t threads) {
  auto same = one.placed == all.placed && one.refused == all.refused;
  std::printf("%-14s %u threads: %.2f times the speed of one, %s\n",
              one.scenario.c_str(), threads, one.seconds / all.seconds,
              same ? "and the same placed and refused"
                   : "AND NOT THE SAME: this is a bug");
  std::fflush(stdout);
}

} // namespace

std::optional<int> read_flags(CLI::App& app, int argc, char** argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    std::cout << app.help();
    return 0;
  } catch (const CLI::ParseError& x) {
    std::cerr << "troupe: " << x.what() << '\n';
    return 2;
  }
  return std::nullopt;
}

int run_bench_place(int argc, char** argv) {
  CLI::App app{
    "Places generated tasks on generated nodes, all nodes scored for "
    "each, committed one after the other on one core.",
    "troupe bench place"};
  runtime::placement::bench_options options;
  std::string scenario = "mixed";
  app.add_option("--nodes", options.nodes, "Nodes")->capture_default_str();
  app.add_option("--tasks", options.tasks, "Tasks")->capture_default_str();
  app.add_option("--strategy", options.strategy, "Strategy")
    ->capture_default_str();
  app.add_option("--seed", options.seed, "Seed")->capture_default_str();
  uint32_t threads = 1;
  app
    .add_option(
      "--threads", threads,
      "Threads that look at nodes side by side, 1 to 4; with several, "
      "what one does is measured first")
    ->capture_default_str();
  app.add_option("--batch", options.batch, "Tasks in one proposal")
    ->capture_default_str();
  app
    .add_option("--scenario", scenario,
                "all, or one of mixed singles unique basic nodeAffinity "
                "affinity antiAffinity spread churn unschedulable "
                "preemption gang")
    ->capture_default_str();
  if (auto code = read_flags(app, argc, argv))
    return *code;
  auto scenarios = scenario == "all" ? runtime::placement::bench_scenarios()
                                     : std::vector<std::string>{scenario};
  for (auto& x : scenarios) {
    options.scenario = x;
    std::optional<runtime::placement::bench_result> one;
    for (auto n :
         threads > 1 ? std::vector{1U, threads} : std::vector{threads}) {
      options.threads = n;
      auto result = runtime::placement::run_placement_bench(options);
      if (!result) {
        std::cerr << "troupe: " << result.error() << '\n';
        return 2;
      }
      print(*result);
      if (one)
        compare(*one, *result, n);
      one = *result;
    }
  }
  return 0;
}

int run_bench(int argc, char** argv) {
  std::string_view what{argc > 1 ? argv[1] : ""};
  if (what == "place")
    return run_bench_place(argc - 1, argv + 1);
  if (what == "cluster")
    return run_bench_cluster(argc - 1, argv + 1);
  if (what == "docker")
    return run_bench_docker(argc - 1, argv + 1);
  if (what == "trace")
    return run_bench_trace(argc - 1, argv + 1);
  auto helped = what == "--help" || what == "-h";
  (helped ? std::cout : std::cerr) << usage;
  return helped ? 0 : 2;
}

} // namespace troupe::tools
