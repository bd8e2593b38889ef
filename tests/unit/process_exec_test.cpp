#include <future>

#include "tests/unit/process_fixture.hpp"

using namespace troupe::runtime::process;

namespace {

exec_result exec(test_agent& agent, std::vector<std::string> argv,
                 std::chrono::milliseconds timeout = deadline) {
  auto answer = std::promise<exec_result>{};
  auto coming = answer.get_future();
  REQUIRE(agent->exec(run_of(1), std::move(argv), timeout,
                      [&](const exec_result& x) { answer.set_value(x); }));
  REQUIRE(coming.wait_for(deadline) == std::future_status::ready);
  return coming.get();
}

void start_sleeper(test_agent& agent) {
  auto spec = command(1, {"sleep", "1000"});
  spec.env.emplace_back("COLOUR", "blue");
  spec.workdir = "/usr";
  if (::geteuid() == 0)
    spec.user = "nobody";
  REQUIRE(agent->start(spec));
  REQUIRE(agent.started(1) != 0);
}

} // namespace

TEST_CASE("a command beside a task has its user, place and environment") {
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  start_sleeper(agent);
  auto result
    = exec(agent, {"sh", "-c", "pwd; echo $COLOUR >&2; id -u; exit 6"});
  CHECK(result.exit_code == 6);
  CHECK(result.error == "");
  auto uid = ::geteuid() == 0 ? 65534 : ::geteuid();
  CHECK(result.output == "/usr\nblue\n" + std::to_string(uid) + "\n");
  CHECK(!result.truncated);
}

TEST_CASE("a command beside a task says too little, too much or nothing") {
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  start_sleeper(agent);
  CHECK(exec(agent, {"no-such-command"}).error
        == "command 'no-such-command' not found");
  CHECK(exec(agent, {"sh", "-c", "kill -9 $$"}).exit_code == 128 + 9);
  auto flood = exec(agent, {"head", "-c", "3000000", "/dev/zero"});
  CHECK(flood.truncated);
  CHECK(flood.output.size() == exec_output_bytes_max);
  CHECK(flood.exit_code == 0);
}

TEST_CASE("a command beside a task ends at its time, or with the task") {
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  start_sleeper(agent);
  auto late = exec(agent, {"sleep", "1000"}, 50ms);
  CHECK(late.timed_out);
  auto answer = std::promise<exec_result>{};
  auto coming = answer.get_future();
  REQUIRE(agent->exec(run_of(1), {"sleep", "1000"}, 1h,
                      [&](const exec_result& x) { answer.set_value(x); }));
  agent->stop(run_of(1));
  agent.ended(1);
  REQUIRE(coming.wait_for(deadline) == std::future_status::ready);
  auto orphan = coming.get();
  CHECK((orphan.exit_code == 128 + 9 || !orphan.error.empty()));
  CHECK(!agent->exec(run_of(1), {"true"}, 1s, [](const exec_result&) {}));
}
