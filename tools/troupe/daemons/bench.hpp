#pragma once

namespace troupe::tools {

/// `troupe bench place|cluster|docker|trace`: the figures of the README, repeatable.
int run_bench(int argc, char** argv);

int run_bench_place(int argc, char** argv);
int run_bench_cluster(int argc, char** argv);
int run_bench_docker(int argc, char** argv);
int run_bench_trace(int argc, char** argv);

} // namespace troupe::tools
