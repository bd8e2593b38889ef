#define DOCTEST_CONFIG_IMPLEMENT
#include <cstdlib>
#include <cstring>
#include <iostream>

#include <doctest/doctest.h>

#include "tests/sim/simulation.hpp"

namespace {

/// Tells one seed from its scenario to its verdict. Returns the exit code.
int replay(uint64_t seed) {
  auto plan = troupe::sim::draw_scenario(seed);
  std::cout << text_of(plan) << std::endl;
  auto result = troupe::sim::run_seed(seed);
  std::cout << result.history << '\n'
            << result.facts << " facts, " << result.runs << " runs, "
            << result.virtual_time.count() << " ms of virtual time, digest "
            << result.digest << '\n';
  for (auto& x : result.breaches)
    std::cout << "breach: " << x << '\n';
  return result.breaches.empty() ? 0 : 1;
}

} // namespace

// `--seed N` replays one seed with its whole history; else doctest decides.
int main(int argc, char** argv) {
  for (int i = 1; i + 1 < argc; ++i)
    if (std::strcmp(argv[i], "--seed") == 0)
      return replay(std::strtoull(argv[i + 1], nullptr, 10));
  return doctest::Context{argc, argv}.run();
}
