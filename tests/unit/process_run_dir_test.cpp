#include <fstream>

#include "runtime/drivers/process/ended_runs.hpp"

#include "tests/unit/process_fixture.hpp"

using namespace troupe::runtime::process;

TEST_CASE("what is to run survives being written and read") {
  auto x = run_spec{};
  x.allocation = {~uint64_t{0}};
  x.task = "web.0";
  x.attempt = 3;
  x.argv = {"sh", "-c", "echo \"\xff\""};
  x.env = {{"A", "1"}, {"A", "2"}, {"B", ""}};
  x.workdir = "/srv";
  x.user = "nobody";
  x.cpu_millicores_limit = 250;
  x.memory_bytes_limit = 1 << 30;
  x.logs = {.bytes_per_file = 5, .files_per_stream = 6};
  x.stop_signal = SIGQUIT;
  x.stop_grace = 1500ms;
  x.ending_survives = durability::power_cut;
  x.control_group = "g";
  auto y = run_spec_from_json(to_json(x));
  REQUIRE(y);
  CHECK(*y == x);
}

TEST_CASE("how it ended survives being written and read") {
  auto x = run_exit{.ending = run_ending::signaled,
                    .code = 9,
                    .out_of_memory = true,
                    .message = "m",
                    .pid = 4,
                    .started_at = wall_time{5ms},
                    .ended_at = wall_time{6ms},
                    .memory_bytes_peak = 7,
                    .cpu_seconds = 0.5};
  CHECK(run_exit_from_json(to_json(x)) == x);
}

TEST_CASE("another version's record is read as far as it is understood") {
  auto exit = run_exit_from_json(R"({"ending": "vanished", "new": [1]})");
  REQUIRE(exit);
  CHECK(exit->ending == run_ending::lost);
  CHECK(run_exit_from_json(R"({"ending":"exited","code":"x"})")->ending
        == run_ending::lost);
  CHECK(!run_exit_from_json("[]"));
  CHECK(!run_spec_from_json("{"));
}

TEST_CASE("a damaged ending is no success") {
  auto scratch = scratch_directory{};
  auto dir = run_dir{scratch.path};
  CHECK(!dir.exit());
  std::ofstream{dir.file("exit")};
  REQUIRE(dir.exit());
  CHECK(dir.exit()->ending == run_ending::lost);
}

TEST_CASE("a run is claimed once, and held as long as its claimer lives") {
  auto scratch = scratch_directory{};
  auto dir = run_dir{scratch.path};
  auto self = identify(::getpid());
  REQUIRE(self);
  CHECK(!dir.has_claim());
  CHECK(!dir.claim_is_held());
  auto first = dir.claim(*self);
  REQUIRE(first);
  REQUIRE(*first);
  CHECK(dir.claimed_by() == *self);
  CHECK(dir.claim_is_held());
  auto second = dir.claim(*self);
  REQUIRE(second);
  CHECK(!*second);
  first->reset();
  CHECK(!dir.claim_is_held());
  CHECK(!*dir.claim(*self));
}

TEST_CASE("a process with another birth is a stranger") {
  auto self = identify(::getpid());
  REQUIRE(self);
  CHECK(open_process(*self));
  auto other = *self;
  other.start_ticks += 1;
  CHECK(!open_process(other));
  other = *self;
  other.boot_id = "another boot";
  CHECK(!open_process(other));
}

TEST_CASE("ended runs go when they are old or too many") {
  auto t0 = wall_time{};
  auto aut = ended_runs{2, 1h};
  aut.add({{1}, 1}, t0);
  aut.add({{2}, 1}, t0 + 1min);
  CHECK(aut.take_expired(t0 + 1min).empty());
  aut.add({{3}, 1}, t0 + 2min);
  CHECK(aut.take_expired(t0 + 2min) == std::vector<troupe::run_id>{{{1}, 1}});
  CHECK(aut.take_expired(t0 + 1h + 1min)
        == std::vector<troupe::run_id>{{{2}, 1}});
  CHECK(aut.size() == 1);
}
