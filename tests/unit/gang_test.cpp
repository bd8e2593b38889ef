#include <doctest/doctest.h>

#include "runtime/gang.hpp"
#include "runtime/placement/table.hpp"

#include "tests/builders.hpp"

namespace troupe {

TEST_CASE("a gang is named by the job, by what it says, or by a label") {
  CHECK(runtime::gang_of(*job_spec_ptr{a_job("a")}).empty());
  CHECK(runtime::gang_of(*job_spec_ptr{a_job("a").gang()}) == "a");
  CHECK(runtime::gang_of(*job_spec_ptr{a_job("a").gang("g")}) == "g");
  CHECK(runtime::gang_of(*job_spec_ptr{a_job("a").label_of("pod-group", "g")})
        == "g");
}

TEST_CASE("a gang needs what its jobs say, or all") {
  runtime::gang_members x;
  CHECK_FALSE(x.complete());
  x.add(*job_spec_ptr{a_job("a").gang("g")}, 2);
  x.add(*job_spec_ptr{a_job("b").gang("g")}, 3);
  CHECK(x.min() == 5);
  CHECK(x.max() == 5);
  CHECK(x.complete());
  x.add(*job_spec_ptr{a_job("c").gang("g", 7, 8)}, 1);
  CHECK(x.min() == 7);
  CHECK(x.max() == 8);
  CHECK_FALSE(x.complete());
  x.all = 9;
  x.done = 2;
  x.able = 1;
  CHECK(x.places_min() == 5);
  CHECK(x.places_max() == 5);
  CHECK_FALSE(x.hopeless());
  x.lost = 2;
  CHECK_FALSE(x.hopeless());
  x.lost = 3;
  CHECK(x.hopeless());
}

TEST_CASE("what empty nodes would hold is an upper bound") {
  runtime::placement::table t;
  t.add({"n1", {4'000, int64_t{8} << 30, 2'000, {}}, {{"zone", "a"}}});
  t.add({"n2", {3'000, int64_t{1} << 30, 0, {{"license", 1}}}, {}});
  runtime::placement::task_class c;
  c.request = {1'500, int64_t{1} << 30, 0, {}};
  // 2 by cpu on the first; 2 by cpu and 1 by memory on the second.
  CHECK(runtime::most_that_fit(t, c, 100) == 3);
  CHECK(runtime::most_that_fit(t, c, 2) == 2);
  auto labelled = c;
  labelled.requirements = {{"zone", {"a"}}};
  CHECK(runtime::most_that_fit(t, labelled, 100) == 2);
  auto alone = c;
  alone.exclusive = true;
  CHECK(runtime::most_that_fit(t, alone, 100) == 2);
  auto on_gpus = c;
  on_gpus.request = {100, 1, 500, {}};
  CHECK(runtime::most_that_fit(t, on_gpus, 100) == 4);
  auto licensed = c;
  licensed.request.named = {{"license", 1}};
  CHECK(runtime::most_that_fit(t, licensed, 100) == 1);
  // Who is there does not matter.
  REQUIRE(t.occupy(0, c));
  CHECK(runtime::most_that_fit(t, c, 100) == 3);
}

} // namespace troupe
