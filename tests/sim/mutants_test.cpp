#include <string>

#include <boost/mp11/algorithm.hpp>
#include <doctest/doctest.h>

#include "tests/sim/simulation.hpp"

using namespace troupe::sim;

namespace {

/// Seeds that each mutant has to show itself: all of them find nothing in the
/// real thing.
constexpr uint64_t seeds_max = 300;

/// The first seed that catches `x`; 0 if none does.
uint64_t seed_that_catches(mutant x) {
  for (uint64_t seed = 1; seed <= seeds_max; ++seed)
    if (!run_seed(seed, x).breaches.empty())
      return seed;
  return 0;
}

} // namespace

TEST_CASE("whoever breaks a promise is caught within a few seeds") {
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<mutant>>(
    [](auto x) {
      if (x.value == mutant::none)
        return;
      auto name = std::string{x.name};
      CAPTURE(name);
      CHECK(seed_that_catches(x.value) != 0);
    });
}
