#pragma once

#include <optional>

#include <CLI/App.hpp>

namespace troupe::tools {

/// Reads the flags of a benchmark. A value is the exit code to end with at once:
/// its help was asked for and shown, or they were wrong, which was said.
[[nodiscard]] std::optional<int>
read_flags(CLI::App& app, int argc, char** argv);

/// `troupe bench place|cluster|docker|trace`: the figures of the README, repeatable.
int run_bench(int argc, char** argv);

int run_bench_place(int argc, char** argv);
int run_bench_cluster(int argc, char** argv);
int run_bench_docker(int argc, char** argv);
int run_bench_trace(int argc, char** argv);

} // namespace troupe::tools
