#include <doctest/doctest.h>

#include "runtime/cluster/dependents.hpp"
#include "runtime/cluster/finished_jobs.hpp"

namespace troupe {

using runtime::dependents;
using runtime::finished_jobs;
using runtime::job_record;

TEST_CASE("a job is awaited until the last that waits for it does no more") {
  dependents aut;
  aut.add("a", 1);
  aut.add("a", 2);
  aut.add("b", 1);
  CHECK(aut.size() == 3);
  CHECK(aut.of("a") == dependents::births{1, 2});
  CHECK(!aut.remove("a", 3));
  CHECK(!aut.remove("a", 1));
  CHECK(aut.is_awaited("a"));
  CHECK(aut.remove("a", 2));
  CHECK(!aut.is_awaited("a"));
  CHECK(!aut.remove("a", 2));
  CHECK(aut.of("a").empty());
}

TEST_CASE("ends are told once") {
  dependents aut;
  aut.add("a", 1);
  aut.add("b", 1);
  aut.note_end("b");
  CHECK(aut.take_ended() == dependents::names{"b"});
  CHECK(aut.take_ended().empty());
  aut.note_all();
  CHECK(aut.take_ended() == dependents::names{"a", "b"});
}

TEST_CASE("the oldest finished jobs are forgotten, and never the last one") {
  job_record a;
  a.name = "a";
  a.finished_at = 3;
  a.finished_tasks = 10;
  job_record b;
  b.name = "b";
  b.finished_at = 5;
  b.finished_tasks = 20;
  finished_jobs aut;
  aut.add(b);
  CHECK(aut.beyond(0, 0) == nullptr);
  aut.add(a);
  aut.add(a);
  CHECK(aut.tasks() == 30);
  CHECK(aut.beyond(2, 30) == nullptr);
  CHECK(aut.beyond(1, 30) == &a);
  CHECK(aut.beyond(2, 29) == &a);
  aut.remove(a);
  aut.remove(a);
  CHECK(aut.tasks() == 20);
  CHECK(aut.size() == 1);
}

} // namespace troupe
