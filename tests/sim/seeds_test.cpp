#include <atomic>
#include <cstdlib>
#include <mutex>
#include <thread>

#include <doctest/doctest.h>

#include "tests/sim/simulation.hpp"

using namespace troupe::sim;

namespace {

/// How many seeds; more by hand: `TROUPE_SIM_SEEDS=100000`.
uint64_t count_of_seeds() {
  auto* text = std::getenv("TROUPE_SIM_SEEDS");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 500;
}

uint64_t first_seed() {
  auto* text = std::getenv("TROUPE_SIM_FIRST");
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 1;
}

/// Runs seeds on all cores. Every 50th is run twice and must be the same.
void run_seeds(uint64_t first, uint64_t count) {
  std::atomic<uint64_t> next = first;
  std::mutex mutex;
  auto work = [&] {
    for (auto seed = next++; seed < first + count; seed = next++) {
      auto result = run_seed(seed);
      if (result.breaches.empty() && seed % 50 == 0
          && run_seed(seed).digest != result.digest)
        result.breaches.emplace_back("it is not the same the second time");
      std::lock_guard guard{mutex};
      CAPTURE(seed);
      for (auto& x : result.breaches)
        FAIL_CHECK("seed " << seed << ": " << x << "\nreplay: sim_tests --seed "
                           << seed);
    }
  };
  std::vector<std::thread> threads;
  for (auto n = std::max(1U, std::thread::hardware_concurrency()); n > 0; --n)
    threads.emplace_back(work);
  for (auto& x : threads)
    x.join();
}

} // namespace

TEST_CASE("whatever goes wrong, what must never happen does not, and in the "
          "end all is well") {
  run_seeds(first_seed(), count_of_seeds());
}

TEST_CASE("the same seed gives the same story, word for word, and another seed "
          "another") {
  auto first = run_seed(7);
  auto again = run_seed(7);
  CHECK(first.digest == again.digest);
  CHECK(first.facts == again.facts);
  CHECK(first.runs == again.runs);
  CHECK(first.digest != run_seed(8).digest);
}
