// The product with mutants in it, one planted at a time: the simulation must find
// out that something is wrong, and nothing is with the original.

#include <algorithm>
#include <atomic>
#include <iostream>
#include <mutex>
#include <optional>
#include <thread>

#include "tests/sim/simulation.hpp"

namespace troupe::sim {

/// Which of `product_mutants` decides, counted from 1; 0: the original.
extern unsigned planted;
extern const std::vector<std::string> product_mutants;

namespace {

/// Those that are known to be well with the original: see `seeds_test.cpp`.
constexpr uint64_t seeds_max = 500;

struct finding {
  uint64_t seed;
  std::string breach;
};

/// The first of seeds 1 to `last` that finds something wrong.
std::optional<finding> first_finding(uint64_t last) {
  std::atomic<uint64_t> next = 1;
  std::atomic<uint64_t> found = last + 1;
  std::mutex mutex;
  std::optional<finding> result;
  auto work = [&] {
    for (auto seed = next++; seed < found; seed = next++) {
      auto told = run_seed(seed);
      std::lock_guard guard{mutex};
      if (told.breaches.empty() || seed >= found)
        continue;
      found = seed;
      result = finding{seed, told.breaches.front()};
    }
  };
  std::vector<std::thread> threads;
  for (auto n = std::max(1U, std::thread::hardware_concurrency()); n > 0; --n)
    threads.emplace_back(work);
  for (auto& x : threads)
    x.join();
  return result;
}

int catch_all() {
  auto wrong = 0;
  uint64_t last = 0;
  for (planted = 1; planted <= product_mutants.size(); ++planted) {
    auto found = first_finding(seeds_max);
    std::cout << product_mutants[planted - 1] << ": ";
    if (found)
      std::cout << "caught by seed " << found->seed << ": " << found->breach
                << std::endl;
    else
      std::cout << "NOT CAUGHT by " << seeds_max
                << " seeds: the simulation lacks what would provoke it, or its "
                   "ledger what would see it"
                << std::endl;
    wrong += found ? 0 : 1;
    last = std::max(last, found ? found->seed : 0);
  }
  planted = 0;
  if (auto found = first_finding(last)) {
    std::cout << "the original: seed " << found->seed << ": " << found->breach
              << std::endl;
    ++wrong;
  }
  return wrong == 0 ? 0 : 1;
}

} // namespace
} // namespace troupe::sim

int main() {
  return troupe::sim::catch_all();
}
