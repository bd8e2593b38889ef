#include <doctest/doctest.h>

#include "runtime/cluster/fair_shares.hpp"
#include "runtime/cluster/quotas.hpp"

#include "tests/builders.hpp"

namespace troupe {

using runtime::fair_shares;
using runtime::quotas;

namespace {

job_spec job_of(const std::string& user) {
  job_spec result = *job_spec_ptr{a_job("a")};
  result.labels = {{"user", user}};
  return result;
}

} // namespace

TEST_CASE("a limit holds for jobs with its label, and not for system jobs") {
  quotas aut;
  CHECK(aut.of(job_of("ann")).empty());
  aut.limit({{"user=ann", 3}});
  auto names = aut.of(job_of("ann"));
  CHECK(names == std::vector<std::string>{"user=ann"});
  CHECK(aut.of(job_of("bob")).empty());
  auto system = job_of("ann");
  system.kind = job_kind::system;
  CHECK(aut.of(system).empty());
  CHECK(aut.left(names) == 3);
  aut.count(job_of("ann"), 2);
  CHECK(aut.left(names) == 1);
  aut.count(job_of("ann"), 5);
  CHECK(aut.left(names) == 0);
}

TEST_CASE("a limit that has room again is told once") {
  quotas aut;
  aut.limit({{"user=ann", 2}});
  // Who waited for the limits before may go on under these.
  CHECK(aut.take_freed() == quotas::names{"user=ann"});
  aut.count(job_of("ann"), 1);
  aut.count(job_of("ann"), -1);
  CHECK(aut.take_freed().empty());
  aut.count(job_of("ann"), 2);
  aut.count(job_of("ann"), -1);
  CHECK(aut.take_freed() == quotas::names{"user=ann"});
  CHECK(aut.take_freed().empty());
}

TEST_CASE("a group counts by what it holds, and hardly by what it had") {
  resources whole{10'000, 1'000, 0, {}};
  resources half{1'000, 500, 0, {}};
  fair_shares aut;
  CHECK(aut.of("a", whole) == 0);
  aut.enter("a", half);
  // Half of the memory is more than a tenth of the cpus.
  CHECK(aut.of("a", whole) == doctest::Approx(0.5));
  aut.leave("a", half, milliseconds{60'000}, whole, {1});
  aut.leave("b", half, milliseconds{30'000}, whole, {1});
  CHECK(aut.of("a", whole) > aut.of("b", whole));
  CHECK(aut.of("a", whole) < 1e-6);
  CHECK(aut.of("c", whole) == 0);
}

TEST_CASE("what a group had is halved every ten minutes") {
  resources whole{1'000, 0, 0, {}};
  fair_shares aut;
  aut.enter("a", whole);
  aut.leave("a", whole, milliseconds{1'000}, whole, {1});
  auto before = aut.past().at("a");
  constexpr int64_t half_life = 600'000;
  aut.enter("b", whole);
  aut.leave("b", whole, milliseconds{1'000}, whole, {2 * half_life});
  CHECK(aut.past().at("a") == before / 4);
  CHECK(aut.halved() == 2);
}

} // namespace troupe
