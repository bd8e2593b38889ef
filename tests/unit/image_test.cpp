// What a snapshot holds, and what is refused as one.

#include "tests/unit/cluster_fixture.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

/// The error of reading `lines`.
std::string error_of(const std::vector<std::string>& lines) {
  runtime::cluster x;
  return cluster_fixture::read_image(x, lines);
}

} // namespace

TEST_CASE("a snapshot keeps gaps, old versions, delays, keys and history") {
  cluster_fixture c;
  for (auto* name : {"n1", "n2", "n3", "n4"})
    c.join(a_node(name).label_of("name", name));
  c.done(remove_node{"n2", ""});
  c.done(remove_node{"n4", ""});
  c.done(cordon_node{"n3", true});
  c.done(change_node{"n1", {{"disk", "ssd"}}, 2, 1.5});
  c.submit(a_job("late").service().delay(1min), "key-1");
  c.submit(a_job("old").tasks(3).port("a", 80).port("b", 81, 8'080), "key-2");
  c.place();
  c.started({"late", 0});
  c.ended({"late", 0}, 4);
  c.submit(a_job("old").tasks(3).cpu(0.25));
  c.place();
  c.done(stop_task{{"old", 0}});
  c.submit(a_job("over"));
  c.done(stop_job{"over", false});
  REQUIRE(c.core.find_job("old")->older.size() == 1);
  REQUIRE(c.core.next_wake());
  c.check_copies();
  // Once the delay is over, but with no further fact.
  c.pass(2min);
  c.check_copies();
  runtime::cluster copy;
  CHECK(c.read_image(copy, c.image_of(c.core)) == "");
  copy.advance(c.now);
  CHECK(copy.find_job("late")->ready() == 1);
  CHECK(copy.next_wake() == std::nullopt);
  // Both use the lowest gap first.
  auto join = join_node{a_node("n5"), {}};
  CHECK(copy.decide(join, c.now).has_value());
  c.done(join);
  CHECK(copy.find_node("n5")->row == 1);
  CHECK(copy.digest() == c.core.digest());
}

TEST_CASE("a job of many slices ended when it did") {
  cluster_fixture c;
  c.check = false;
  c.join(a_node("n1").cpu(10'000).memory(int64_t{1} << 50));
  c.submit(a_job("many").tasks(10'000));
  c.place(10'000);
  for (uint32_t i = 0; i < 10'000; ++i)
    c.ended({"many", i});
  c.join(a_node("n2"));
  REQUIRE(c.core.find_job("many")->finished_at < c.core.version());
  c.check_copies();
}

TEST_CASE("a snapshot that is not one is refused with a sentence") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("x").tasks(2));
  c.place();
  auto lines = c.image_of(c.core);
  // Head, node, job, tasks.
  REQUIRE(lines.size() == 4);
  CHECK(error_of(lines) == "");
  CHECK(error_of({}) == "the snapshot has no head");
  CHECK(error_of({"nonsense"})
        == "a line of the snapshot is not one JSON object");
  CHECK(error_of({R"({"cluster":{"format":99}})"})
        == "the snapshot is of a newer version of troupe");
  CHECK(error_of({lines[0], lines[1], lines[2]})
        == "the snapshot lacks tasks of job x");
  CHECK(error_of({lines[0], lines[1], lines[2], lines[3], lines[3]})
        == "tasks of job x, which does not have them");
  CHECK(error_of({lines[0], lines[1], lines[3]})
        == "tasks of job x, which does not have them");
  CHECK(error_of({lines[0], lines[2], lines[3]})
        == "task x.0 runs on a node that is not in the snapshot");
  CHECK(error_of({lines[0], lines[1], lines[1]})
        == "two nodes stand in one row");
  CHECK(error_of({lines[0], lines[1], lines[2],
                  R"({"tasks":{"job":"x","rows":[[1,2],[3]]}})"})
        == "job x: a task's row is too short");
  // A kind of line that a newer version adds may be left out.
  lines.push_back(R"({"marvel":{"a":1}})");
  CHECK(error_of(lines) == "");
}

} // namespace troupe
