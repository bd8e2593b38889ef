#include <csignal>
#include <fstream>
#include <iostream>

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "tests/unit/process_fixture.hpp"

using namespace troupe::runtime::process;

namespace fs = std::filesystem;

namespace {

size_t lines_in(const std::string& path) {
  auto in = std::ifstream{path};
  auto line = std::string{};
  auto result = size_t{0};
  while (std::getline(in, line))
    ++result;
  return result;
}

std::string first_line(const std::string& path) {
  auto in = std::ifstream{path};
  auto line = std::string{};
  std::getline(in, line);
  return line;
}

pid_t pid_in(const std::string& path) {
  auto text = first_line(path);
  return text.empty() ? 0 : std::stoi(text);
}

/// Waits until a task has written a whole line to a file.
bool has_line(const std::string& path) {
  return eventually([&] { return lines_in(path) > 0; });
}

/// Runs `body` as an agent in a process of its own, which then waits to be
/// killed. Returns its process id when it has said that it is ready.
pid_t fork_agent(const std::function<void()>& body) {
  int ends[2];
  REQUIRE(::pipe(ends) == 0);
  std::cout.flush();
  auto pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    body();
    [[maybe_unused]] auto n = ::write(ends[1], "r", 1);
    for (;;)
      ::pause();
  }
  ::close(ends[1]);
  char byte;
  CHECK(::read(ends[0], &byte, 1) == 1);
  ::close(ends[0]);
  return pid;
}

void kill_agent(pid_t pid) {
  REQUIRE(::kill(pid, SIGKILL) == 0);
  REQUIRE(::waitpid(pid, nullptr, 0) == pid);
}

} // namespace

TEST_CASE("an exit code is told") {
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  auto good = agent.run(command(1, {"true"}));
  CHECK(good.ending == run_ending::exited);
  CHECK(good.code == 0);
  CHECK(good.pid == agent.started(1));
  CHECK(good.ended_at >= good.started_at);
  CHECK(good.started_at > wall_now() - 1min);
  CHECK(good.memory_bytes_peak > 0);
  auto bad = agent.run(shell(2, "exit 7"));
  CHECK(bad.ending == run_ending::exited);
  CHECK(bad.code == 7);
}

TEST_CASE("a signal is told and is not an exit code") {
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  auto exit = agent.run(shell(1, "kill -SEGV $$"));
  CHECK(exit.ending == run_ending::signaled);
  CHECK(exit.code == SIGSEGV);
}

TEST_CASE("what cannot be started says why") {
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  auto unknown = agent.run(command(1, {"no-such-command"}));
  CHECK(unknown.ending == run_ending::start_failed);
  CHECK(unknown.message == "command 'no-such-command' not found");
  CHECK(agent.started(1) == 0);
  auto directory = agent.run(command(2, {"/tmp"}));
  CHECK(directory.ending == run_ending::start_failed);
  CHECK(directory.message == "cannot execute '/tmp': Permission denied");
  auto nowhere = command(3, {"true"});
  nowhere.workdir = "/no/such/place";
  CHECK(agent.run(nowhere).message
        == "cannot enter the working directory /no/such/place: No such file or "
           "directory");
  auto nobody = command(4, {"true"});
  nobody.user = "no-such-user";
  CHECK(agent.run(nobody).message == "there is no user 'no-such-user' here");
}

TEST_CASE("what makes no sense is refused at once") {
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  CHECK(!agent->start(command(1, {})));
  CHECK(!agent->start(command(2, {std::string{"a\0b", 3}})));
  auto spec = command(3, {"true"});
  spec.env.emplace_back("A=B", "c");
  CHECK(!agent->start(spec));
}

TEST_CASE("a task gets its environment, its directory and nothing else") {
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  auto spec = shell(1, "env; pwd; ls /proc/self/fd; grep Sig[BI] "
                       "/proc/self/status; cat; umask");
  spec.env.emplace_back("COLOUR", "blue and green");
  spec.workdir = "/usr";
  REQUIRE(agent.run(spec).code == 0);
  auto out = agent.out(1);
  CHECK(out.find("COLOUR=blue and green\n") != std::string::npos);
  CHECK(out.find("HOME=") == std::string::npos);
  CHECK(out.find("\n/usr\n") != std::string::npos);
  // The descriptor 3 is the directory that ls reads.
  CHECK(out.find("\n0\n1\n2\n3\nSig") != std::string::npos);
  CHECK(out.find("SigBlk:\t0000000000000000\n") != std::string::npos);
  CHECK(out.find("SigIgn:\t0000000000000000\n") != std::string::npos);
  CHECK(out.ends_with("\n0022\n"));
}

TEST_CASE("a task without a directory has one of its own") {
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  REQUIRE(agent.run(shell(1, "touch here; pwd")).code == 0);
  CHECK(agent.out(1) == agent->dir(run_of(1)).file("work") + "\n");
  CHECK(fs::exists(agent->dir(run_of(1)).file("work/here")));
}

TEST_CASE("both streams are kept apart") {
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  REQUIRE(agent.run(shell(1, "echo said; echo complained >&2")).code == 0);
  CHECK(agent.out(1) == "said\n");
  CHECK(read_log(agent->dir(run_of(1)), log_stream::err, {}, 100)
        == "complained\n");
}

TEST_CASE("a flood fills its share of the disk and no more") {
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  auto spec = shell(1, "yes | head -c 20000000; echo; echo the end");
  spec.logs = {.bytes_per_file = 100'000, .files_per_stream = 3};
  REQUIRE(agent.run(spec).code == 0);
  auto bytes = uintmax_t{0};
  for (auto& entry : fs::directory_iterator{agent->dir(run_of(1)).path()})
    if (entry.path().filename().string().starts_with("stdout"))
      bytes += entry.file_size();
  CHECK(bytes > 200'000);
  CHECK(bytes <= 300'000);
  CHECK(read_log(agent->dir(run_of(1)), log_stream::out, {.tail_lines = 1}, 100)
        == "the end\n");
}

TEST_CASE("a stop is heard") {
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  REQUIRE(agent->start(command(1, {"sleep", "1000"})));
  REQUIRE(agent.started(1) != 0);
  agent->stop(run_of(1));
  auto exit = agent.ended(1);
  CHECK(exit.ending == run_ending::signaled);
  CHECK(exit.code == SIGTERM);
}

TEST_CASE("a stop before the start is not forgotten") {
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  REQUIRE(agent->start(command(1, {"sleep", "1000"})));
  agent->stop(run_of(1));
  CHECK(agent.ended(1).code == SIGTERM);
}

TEST_CASE("a task may choose its stop signal and end in its own way") {
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  auto spec = shell(1, "trap 'echo tidy; exit 3' INT; echo up; "
                       "while :; do sleep 0.1; done");
  spec.stop_signal = SIGINT;
  spec.stop_grace = deadline;
  REQUIRE(agent->start(spec));
  REQUIRE(eventually([&] { return agent.out(1) == "up\n"; }));
  agent->stop(run_of(1));
  auto exit = agent.ended(1);
  CHECK(exit.ending == run_ending::exited);
  CHECK(exit.code == 3);
  CHECK(agent.out(1) == "up\ntidy\n");
}

TEST_CASE("what does not hear a stop is killed after its grace") {
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  auto spec = shell(1, "trap '' TERM; echo up; while :; do sleep 1000; done");
  spec.stop_grace = 100ms;
  REQUIRE(agent->start(spec));
  REQUIRE(eventually([&] { return agent.out(1) == "up\n"; }));
  agent->stop(run_of(1));
  auto exit = agent.ended(1);
  CHECK(exit.ending == run_ending::signaled);
  CHECK(exit.code == SIGKILL);
}

TEST_CASE("a kill does not wait for the grace") {
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  auto spec = shell(1, "trap '' TERM; echo up; while :; do sleep 1000; done");
  spec.stop_grace = 1h;
  REQUIRE(agent->start(spec));
  REQUIRE(eventually([&] { return agent.out(1) == "up\n"; }));
  agent->stop(run_of(1));
  agent->kill(run_of(1));
  CHECK(agent.ended(1).code == SIGKILL);
}

TEST_CASE("asking twice runs once") {
  auto scratch = scratch_directory{};
  auto notes = scratch.path + "/notes";
  auto agent = test_agent{scratch.path};
  auto spec = shell(1, "echo ran >> " + notes);
  REQUIRE(agent->start(spec));
  REQUIRE(agent->start(spec));
  agent.ended(1);
  // After its end, asking tells the ending again.
  REQUIRE(agent->start(spec));
  REQUIRE(eventually([&] { return agent.exits_told(1) == 2; }));
  agent->forget(run_of(1));
  CHECK(!agent->start(spec));
  CHECK(lines_in(notes) == 1);
}

TEST_CASE("two runners of one run run its command once") {
  auto scratch = scratch_directory{};
  auto notes = scratch.path + "/notes";
  auto agent = test_agent{scratch.path};
  // The engine asks a second time only after a crash, so here it is bypassed:
  // the spawner is told four times.
  auto forked = spawner::fork();
  REQUIRE(forked);
  auto channel = forked->connect();
  REQUIRE(channel);
  auto dir = agent->dir(run_of(1));
  fs::create_directories(dir.path());
  auto spec = shell(1, "echo ran >> " + notes + "; exit 5");
  REQUIRE(dir.write_spec(spec));
  for (auto i = uint64_t{0}; i < 4; ++i) {
    auto request = spawn_request(spawn_kind::run, i, dir.path());
    REQUIRE(::write(channel->get(), request.data(), request.size())
            == static_cast<ssize_t>(request.size()));
  }
  REQUIRE(agent->start(spec));
  CHECK(agent.ended(1).code == 5);
  CHECK(lines_in(notes) == 1);
}

TEST_CASE("a task outlives the agent and its exit code is found") {
  auto scratch = scratch_directory{};
  auto gate = scratch.path + "/gate";
  REQUIRE(::mkfifo(gate.c_str(), 0600) == 0);
  auto first = fork_agent([&] {
    auto agent = new test_agent{scratch.path}; // Never ends in good order.
    (void)(*agent)->start(shell(1, "read x < " + gate + "; exit 9"));
    (void)(*agent)->start(command(2, {"sleep", "1000"}));
    (void)(*agent)->start(shell(3, "exit 4"));
    agent->started(1);
    agent->started(2);
    agent->ended(3);
  });
  kill_agent(first);
  auto agent = test_agent{scratch.path};
  auto found = agent->adopt();
  REQUIRE(found.size() == 3);
  CHECK(found[0].spec.argv.back() == "read x < " + gate + "; exit 9");
  CHECK(!found[0].exit);
  CHECK(is_alive(found[0].pid));
  CHECK(is_alive(found[1].pid));
  REQUIRE(found[2].exit);
  CHECK(found[2].exit->code == 4);
  // What was adopted obeys like what was started.
  agent->stop(run_of(2));
  CHECK(agent.ended(2).code == SIGTERM);
  std::ofstream{gate} << "go\n" << std::flush;
  CHECK(agent.ended(1).code == 9);
  // Until it is acknowledged, an ending is told to every agent.
  CHECK(agent->adopt().size() == 3);
  agent->forget(run_of(1));
  agent->forget(run_of(2));
  CHECK(agent->adopt().size() == 1);
}

TEST_CASE("a run that was asked for but never began is withdrawn for ever") {
  auto scratch = scratch_directory{};
  auto notes = scratch.path + "/notes";
  auto agent = test_agent{scratch.path};
  auto dir = agent->dir(run_of(1));
  fs::create_directories(dir.path());
  REQUIRE(dir.write_spec(shell(1, "echo ran >> " + notes)));
  auto found = agent->adopt();
  REQUIRE(found.size() == 1);
  REQUIRE(found[0].exit);
  CHECK(found[0].exit->ending == run_ending::withdrawn);
  CHECK(agent.run(shell(1, "echo ran >> " + notes)).ending
        == run_ending::withdrawn);
  CHECK(!fs::exists(notes));
}

TEST_CASE("a run whose runner was killed is lost and leaves nobody behind") {
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  auto child = scratch.path + "/child";
  REQUIRE(agent->start(
    shell(1, "sleep 1000 & echo $! > " + child + "; echo up; wait")));
  auto pid = agent.started(1);
  REQUIRE(has_line(child));
  auto state = agent->dir(run_of(1)).state();
  REQUIRE(state);
  CHECK(state->child.pid == pid);
  REQUIRE(::kill(state->runner.pid, SIGKILL) == 0);
  auto exit = agent.ended(1);
  CHECK(exit.ending == run_ending::lost);
  CHECK(exit.pid == pid);
  CHECK(eventually([&] { return !is_alive(pid); }));
  CHECK(eventually([&] { return !is_alive(pid_in(child)); }));
  // It stays lost.
  auto found = agent->adopt();
  REQUIRE(found.size() == 1);
  CHECK(found[0].exit == exit);
}

TEST_CASE("grandchildren end with the command, wherever they hide") {
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  auto in_group = scratch.path + "/group";
  auto away = scratch.path + "/away";
  // Both keep the pipes open. The second has left group, session and parent.
  REQUIRE(agent->start(shell(1, "sleep 1000 & echo $! > " + in_group
                                  + "; setsid sh -c 'sleep 1000 & echo $! > "
                                  + away + "; wait' & while [ ! -s " + away
                                  + " ]; do sleep 0.01; done; "
                                    "echo done")));
  CHECK(agent.ended(1).code == 0);
  CHECK(agent.out(1) == "done\n");
  CHECK(pid_in(in_group) > 0);
  CHECK(!is_alive(pid_in(in_group)));
  CHECK(pid_in(away) > 0);
  CHECK(!is_alive(pid_in(away)));
}

TEST_CASE("many runs leave no zombies") {
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  constexpr auto runs = uint64_t{200};
  for (auto i = uint64_t{1}; i <= runs; ++i)
    REQUIRE(agent->start(command(i, {"true"})));
  for (auto i = uint64_t{1}; i <= runs; ++i)
    CHECK(agent.ended(i).code == 0);
  CHECK(eventually([&] {
    auto all = all_processes();
    return descendants(all, agent.spawner_pid()).empty();
  }));
}

TEST_CASE("another user runs it, without new privileges") {
  if (::geteuid() != 0)
    return;
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  auto spec = shell(1, "id -u; id -g; id -G; touch mine; "
                       "grep NoNewPrivs /proc/self/status");
  spec.user = "nobody";
  auto exit = agent.run(spec);
  CHECK_MESSAGE(exit.code == 0, exit.message);
  CHECK(agent.out(1) == "65534\n65534\n65534\nNoNewPrivs:\t1\n");
  spec.allocation = {2};
  spec.user = "12345:54321";
  CHECK(agent.run(spec).code == 0);
  CHECK(agent.out(2) == "12345\n54321\n54321\nNoNewPrivs:\t1\n");
}

TEST_CASE("another user's task dies with its runner too") {
  if (::geteuid() != 0)
    return;
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  auto spec = command(1, {"sleep", "1000"});
  spec.user = "nobody";
  REQUIRE(agent->start(spec));
  auto pid = agent.started(1);
  REQUIRE(pid != 0);
  REQUIRE(::kill(agent->dir(run_of(1)).state()->runner.pid, SIGKILL) == 0);
  CHECK(agent.ended(1).ending == run_ending::lost);
  CHECK(eventually([&] { return !is_alive(pid); }));
}

TEST_CASE("too much memory is told, where the kernel limits it") {
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  if (!agent->limits_enforced())
    return;
  // The shell doubles a string until it is stopped.
  auto spec = shell(1, "x=0123456789; while :; do x=$x$x; done");
  spec.memory_bytes_limit = int64_t{32} << 20;
  spec.cpu_millicores_limit = 900;
  auto exit = agent.run(spec);
  CHECK(exit.out_of_memory);
  CHECK(exit.ending == run_ending::signaled);
  CHECK(exit.code == SIGKILL);
  CHECK(exit.memory_bytes_peak > (int64_t{16} << 20));
  CHECK(exit.memory_bytes_peak <= (int64_t{32} << 20));
  CHECK(control_groups::detect()
          .doors(agent->dir(run_of(1)).spec()->control_group)
          .empty());
}

TEST_CASE("limits of a running process move, and memory in use stays") {
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  CHECK(agent->limit(run_of(1), {}).error() == "it does not run");
  if (!agent->limits_enforced())
    return;
  // The shell keeps 2^24 * 10 bytes, and says so.
  constexpr auto mib = int64_t{1} << 20;
  REQUIRE(agent->start(shell(
    1, "x=0123456789; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 "
       "20 21 22; do x=$x$x; done; echo $$; sleep 1000")));
  CHECK(eventually([&] { return !agent.out(1).empty(); }));
  auto group = agent->dir(run_of(1)).spec()->control_group;
  auto pid = agent.started(1);
  auto used = agent->usage(run_of(1))->memory_bytes;
  CHECK(used > 40 * mib);
  auto held = agent->limit(run_of(1), {200, 8 * mib});
  REQUIRE(held);
  CHECK(held->cpu_millicores == 200);
  CHECK(held->memory_bytes >= used - mib);
  CHECK(held->memory_bytes < 2 * used);
  // A later agent finds the group by what is on disk.
  CHECK(!group.empty());
  CHECK(is_alive(pid));
  auto free = agent->limit(run_of(1), {});
  REQUIRE(free);
  CHECK(free->cpu_millicores == 0);
  CHECK(free->memory_bytes == 0);
  agent->kill(run_of(1));
  CHECK_FALSE(agent.ended(1).out_of_memory);
}

TEST_CASE("a burst of a process is held back, and let go again") {
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  if (!agent->limits_enforced())
    return;
  REQUIRE(agent->start(shell(1, "while :; do :; done")));
  auto spent = [&] {
    auto usage = agent->usage(run_of(1));
    return usage ? usage->cpu_seconds : 0.0;
  };
  CHECK(eventually([&] { return spent() > 0.1; }));
  REQUIRE(agent->limit(run_of(1), {50, 0}));
  auto before = spent();
  auto since = std::chrono::steady_clock::now();
  CHECK(eventually([&] { return spent() > before + 0.1; }));
  // 0.1 s at 50 millicores take two seconds.
  CHECK(std::chrono::steady_clock::now() - since > 1s);
  REQUIRE(agent->limit(run_of(1), {}));
  agent->kill(run_of(1));
}

TEST_CASE("usage counts the whole tree") {
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  CHECK(!agent->usage(run_of(1)));
  REQUIRE(agent->start(shell(1, "sh -c 'while :; do :; done'; true")));
  CHECK(eventually([&] {
    auto usage = agent->usage(run_of(1));
    return usage && usage->cpu_seconds > 0.1 && usage->memory_bytes > 100'000;
  }));
  agent->kill(run_of(1));
  CHECK(agent.ended(1).cpu_seconds > 0.1);
  CHECK(!agent->usage(run_of(1)));
}

TEST_CASE("forgotten runs are kept for a while and then removed") {
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path, 2};
  for (auto i = uint64_t{1}; i <= 4; ++i) {
    agent.run(command(i, {"true"}));
    agent->forget(run_of(i));
    // Times are compared in milliseconds.
    auto now = wall_now();
    REQUIRE(eventually([&] { return wall_now() > now; }));
  }
  CHECK(eventually([&] { return !fs::exists(agent->dir(run_of(2)).path()); }));
  CHECK(!fs::exists(agent->dir(run_of(1)).path()));
  CHECK(fs::exists(agent->dir(run_of(3)).path()));
  CHECK(fs::exists(agent->dir(run_of(4)).path()));
  // The environment may have held secrets.
  CHECK(!fs::exists(agent->dir(run_of(4)).file("run.json")));
}

TEST_CASE("without the spawner nothing starts but all is still watched") {
  auto scratch = scratch_directory{};
  auto agent = test_agent{scratch.path};
  REQUIRE(agent->start(command(1, {"sleep", "1000"})));
  REQUIRE(agent.started(1) != 0);
  REQUIRE(::kill(agent.spawner_pid(), SIGKILL) == 0);
  CHECK(eventually([&] { return !is_alive(agent.spawner_pid()); }));
  // Told at once, or by the ending.
  if (agent->start(command(2, {"true"})))
    CHECK(agent.ended(2).ending == run_ending::start_failed);
  agent->stop(run_of(1));
  CHECK(agent.ended(1).code == SIGTERM);
}
