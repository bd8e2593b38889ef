#include <doctest/doctest.h>

#include "runtime/cluster/lookups.hpp"

#include "tests/builders.hpp"

namespace troupe {

using runtime::cache_key;
using runtime::job_record;
using runtime::lookups;

namespace {

/// A job of `count` tasks whose results are kept, none of them placed so far.
struct cached_job : job_record {
  cached_job(version_number number, uint32_t size) {
    spec = a_job("j" + std::to_string(number)).cached();
    name = spec->name;
    born = number;
    count = size;
  }
};

const cache_key k1{{1}};
const cache_key k2{{2}};

} // namespace

TEST_CASE("fresh tasks are looked up in their order, so many ahead") {
  lookups aut{2};
  cached_job job{1, 4};
  aut.begin(job);
  aut.list(job);
  REQUIRE(aut.due() == &job);
  for (uint32_t i = 0; i < 2; ++i) {
    REQUIRE(aut.may_look_up(job));
    CHECK(lookups::take(job) == i);
    aut.note_missing(job, i, i == 0 ? k1 : k2);
  }
  CHECK(!aut.may_look_up(job));
  aut.list(job);
  CHECK(aut.due() == nullptr);
  CHECK(aut.check(job) == "");
  aut.forget(job, 0);
  CHECK(aut.may_look_up(job));
  CHECK(aut.size() == 1);
  aut.clear(job);
  CHECK(aut.size() == 0);
}

TEST_CASE("those that are identical wait for the one that has a place") {
  lookups aut{10};
  cached_job a{1, 1};
  cached_job b{2, 2};
  for (auto* job : {&a, &b}) {
    aut.begin(*job);
    for (uint32_t i = 0; i < job->count; ++i)
      aut.note_missing(*job, lookups::take(*job), k1);
  }
  CHECK(b.lookup->missed.size() == 2);
  aut.forget(a, 0);
  CHECK(aut.start(a, 0, k1) == std::vector<job_record*>{&b});
  CHECK(b.lookup->missed.empty());
  CHECK(b.lookup->joined.size() == 2);
  CHECK(aut.who_runs(k1) == task_ref{"j1", 0});
  CHECK(aut.left_alone(k1).empty());
  aut.end(a, 0);
  CHECK(!aut.who_runs(k1));
  CHECK(aut.take_landed() == std::set<cache_key>{k1});
  CHECK(aut.take_landed().empty());
  CHECK(aut.left_alone(k1).size() == 2);
  lookups::miss(b, 1);
  CHECK(b.lookup->missed.contains(1));
  CHECK(b.lookup->joined.contains(0));
}

TEST_CASE("whoever comes while one runs joins it") {
  lookups aut{10};
  cached_job a{1, 1};
  cached_job b{2, 1};
  aut.begin(a);
  aut.begin(b);
  CHECK(aut.start(a, 0, k1).empty());
  aut.note_missing(b, lookups::take(b), k1);
  CHECK(b.lookup->joined.contains(0));
  // Nobody waits any more: there is nothing to tell when it ends.
  aut.forget(b, 0);
  aut.end(a, 0);
  CHECK(aut.take_landed().empty());
  CHECK(aut.size() == 0);
}

} // namespace troupe
