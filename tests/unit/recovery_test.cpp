#include "runtime/journal/memory.hpp"
#include "runtime/recovery.hpp"

#include "tests/unit/cluster_fixture.hpp"

namespace troupe {

namespace {

void write(runtime::journal& to, const cluster_fixture& from) {
  std::vector<std::string> lines;
  for (auto i = to.version(); i < from.events.size(); ++i)
    lines.push_back(write_line(from.events[i]));
  REQUIRE(to.append(to.version(), lines).has_value());
}

} // namespace

TEST_CASE("a journal gives the state that it was written of") {
  cluster_fixture c;
  c.join(a_node("n1"));
  c.submit(a_job("x").tasks(1'000));
  c.place();
  runtime::memory_journal journal;
  CHECK(runtime::recover(journal)->state->version() == 0);
  write(journal, c);
  auto found = runtime::recover(journal);
  REQUIRE(found);
  CHECK(found->snapshot_version == 0);
  CHECK(found->state->digest() == c.core.digest());
  // A thousand were queued, and none is lost or there twice.
  CHECK(found->state->find_job("x")->live() == 4);
  CHECK(found->state->find_job("x")->in_state(task_state::pending) == 996);
  SUBCASE("also from a snapshot and what came after it") {
    REQUIRE(runtime::save_snapshot(c.core, journal).has_value());
    auto version = c.core.version();
    c.ended({"x", 0});
    c.place();
    write(journal, c);
    auto again = runtime::recover(journal);
    REQUIRE(again);
    CHECK(again->snapshot_version == version);
    CHECK(again->state->digest() == c.core.digest());
    CHECK(again->state->check_invariants() == "");
  }
}

TEST_CASE("a journal of a newer version is refused with a sentence") {
  runtime::memory_journal journal;
  std::vector<std::string> lines{R"({"type":"moonRisen","ms":1})"};
  REQUIRE(journal.append(0, lines).has_value());
  auto found = runtime::recover(journal);
  REQUIRE_FALSE(found);
  CHECK(found.error().find("moonRisen") != std::string::npos);
  CHECK(found.error().find("newer version") != std::string::npos);
}

} // namespace troupe
