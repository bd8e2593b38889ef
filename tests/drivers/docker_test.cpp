#include <condition_variable>
#include <cstdlib>
#include <future>
#include <mutex>
#include <optional>
#include <thread>

#include <boost/json.hpp>
#include <doctest/doctest.h>

#include "runtime/drivers/docker/engine.hpp"
#include "runtime/pressure/pressure.hpp"

#include "tests/docker_engine.hpp"

using namespace troupe;
using namespace troupe::runtime::docker;
using namespace std::chrono_literals;
using std::chrono::steady_clock;

namespace {

constexpr auto patience = 60s;

test::docker_engine& the_engine() {
  static test::docker_engine result;
  return result;
}

/// Skips loudly where no engine can run.
bool can_run() {
  auto why = test::docker_engine::unavailable();
  if (!why.empty())
    MESSAGE("SKIPPED: ", why);
  return why.empty();
}

allocation_id next_allocation() {
  static uint64_t last = 100;
  return {++last};
}

/// A door and all that it says.
class door {
public:
  explicit door(std::string node = "n1",
                const std::function<void(engine_options&)>& adjust = {}) {
    engine_options options;
    options.socket = the_engine().socket();
    options.who = {"cluster-one", std::move(node)};
    options.health_interval = 500ms;
    options.health_timeout = 500ms;
    options.settle_time = 300ms;
    options.on_event = [this](engine_event x) { note(std::move(x)); };
    if (adjust)
      adjust(options);
    engine_.emplace(std::move(options));
  }

  engine* operator->() { return &*engine_; }

  /// Calls `f` with a callback and waits for what it is given.
  template <class T, class F>
  expected<T, failure> ask(F f) {
    auto promise = std::make_shared<std::promise<expected<T, failure>>>();
    auto future = promise->get_future();
    f([promise](expected<T, failure> x) { promise->set_value(std::move(x)); });
    if (future.wait_for(patience) != std::future_status::ready)
      return make_unexpected(failure{error_kind::engine_error, "NO ANSWER"});
    return future.get();
  }

  expected<start_answer, failure> start(container_spec spec) {
    return ask<start_answer>(
      [&](auto done) { engine_->start(std::move(spec), std::move(done)); });
  }

  expected<void, failure> remove(const run_id& x) {
    return ask<void>([&](auto done) { engine_->remove(x, std::move(done)); });
  }

  expected<std::vector<container_view>, failure> adopt() {
    return ask<std::vector<container_view>>(
      [&](auto done) { engine_->adopt(std::move(done)); });
  }

  /// Waits for the first event of type `T` for which `wanted` holds.
  template <class T, class F>
  std::optional<T>
  wait_for(F wanted, std::chrono::milliseconds limit = patience) {
    std::unique_lock lock{mutex_};
    std::optional<T> result;
    auto find = [&] {
      for (auto& event : events_)
        if (auto* x = std::get_if<T>(&event); x && wanted(*x))
          result = *x;
      return result.has_value();
    };
    changed_.wait_for(lock, limit, find);
    return result;
  }

  std::optional<exit_status> wait_exit(const run_id& id) {
    auto x = wait_for<container_exited>(
      [id](auto& event) { return event.run == id; });
    return x ? std::optional{x->exit} : std::nullopt;
  }

  /// Counts the events of type `T` so far.
  template <class T, class F>
  size_t count(F wanted) {
    std::lock_guard lock{mutex_};
    size_t result = 0;
    for (auto& event : events_)
      if (auto* x = std::get_if<T>(&event); x && wanted(*x))
        ++result;
    return result;
  }

  size_t exits(const run_id& id) {
    return count<container_exited>([id](auto& x) { return x.run == id; });
  }

  bool eventually_uses(const run_id& id, int64_t memory_bytes) {
    auto deadline = steady_clock::now() + patience;
    while (steady_clock::now() < deadline) {
      auto found
        = ask<usage>([&](auto done) { engine_->stats(id, std::move(done)); });
      if (found && found->memory_bytes >= memory_bytes)
        return true;
      std::this_thread::sleep_for(50ms);
    }
    return false;
  }

  struct log {
    std::string out;
    std::string err;
    expected<void, failure> end;
  };

  log read_log(const run_id& id, log_query query = {}) {
    auto result = std::make_shared<log>();
    result->end = ask<void>([&](auto done) {
      engine_->logs(
        id, query,
        [result](log_stream stream, std::string_view text) {
          (stream == log_stream::out ? result->out : result->err) += text;
        },
        std::move(done));
    });
    return *result;
  }

private:
  void note(engine_event event) {
    std::lock_guard lock{mutex_};
    events_.push_back(std::move(event));
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<engine_event> events_;
  std::optional<engine> engine_;
};

container_spec shell(const std::string& script) {
  container_spec result;
  result.allocation = next_allocation();
  result.task = "job.0";
  result.image = "busybox:test";
  result.command = {"sh", "-c"};
  result.args = {script};
  return result;
}

/// Keeps so many bytes of memory.
container_spec keeper(int64_t bytes, int64_t limit) {
  auto n = std::to_string(bytes);
  auto result
    = shell("(busybox head -c " + n + " /dev/zero; sleep 1000) | tail -c " + n);
  result.memory_bytes_limit = limit;
  return result;
}

/// What the engine itself says that a container may use.
run_limits limits_of(const run_id& id) {
  auto list = boost::json::parse(the_engine().ask(
    "GET", "/containers/json?filters=%7B%22label%22:%5B%22troupe.allocation="
             + std::to_string(id.allocation.value) + "%22%5D%7D"));
  auto container = std::string{list.at(0).at("Id").as_string()};
  auto found = boost::json::parse(
    the_engine().ask("GET", "/containers/" + container + "/json"));
  auto& host = found.at("HostConfig");
  auto nano = host.at("NanoCpus").to_number<int64_t>();
  auto quota = host.at("CpuQuota").to_number<int64_t>();
  return {nano > 0    ? nano / 1'000'000
          : quota > 0 ? quota / 100
                      : 0,
          host.at("Memory").to_number<int64_t>()};
}

/// Counts containers of any state that have the label `allocation`.
size_t containers_of(const run_id& id) {
  auto list = the_engine().ask(
    "GET", "/containers/json?all=1&filters=%7B%22label%22:%5B%22troupe."
           "allocation="
             + std::to_string(id.allocation.value) + "%22%5D%7D");
  size_t result = 0;
  for (auto at = list.find("\"Id\""); at != std::string::npos;
       at = list.find("\"Id\"", at + 1))
    ++result;
  return result;
}

} // namespace

TEST_CASE("the door says which engine answers") {
  if (!can_run())
    return;
  door aut;
  auto found
    = aut.ask<engine_version>([&](auto done) { aut->probe(std::move(done)); });
  REQUIRE(found);
  CHECK(!found->version.empty());
  CHECK(found->api >= api_version{1, 41});
}

TEST_CASE("a door without an engine says so in one sentence") {
  door aut{"n1", [](engine_options& x) {
             x.socket = "unix:///tmp/troupe-no-such-socket";
           }};
  auto found
    = aut.ask<engine_version>([&](auto done) { aut->probe(std::move(done)); });
  REQUIRE(!found);
  CHECK(found.error().kind == error_kind::engine_unreachable);
  CHECK(aut.wait_for<engine_lost>([](auto&) { return true; }));
}

TEST_CASE("a container runs to its exit code and is removed") {
  if (!can_run())
    return;
  door aut;
  for (auto code : {0, 7}) {
    auto spec = shell("exit " + std::to_string(code));
    auto started = aut.start(spec);
    REQUIRE(started);
    CHECK(!started->adopted);
    auto exit = aut.wait_exit(spec.run());
    REQUIRE(exit);
    CHECK(exit->code == code);
    CHECK(!exit->oom);
    CHECK(exit->signal == 0);
    CHECK(!exit->while_away);
    CHECK(!exit->started_at.empty());
    CHECK(!exit->finished_at.empty());
    CHECK(aut.remove(spec.run()));
    CHECK(containers_of(spec.run()) == 0);
    CHECK(aut.remove(spec.run()));
    CHECK(aut.exits(spec.run()) == 1);
  }
}

TEST_CASE("a container that takes too much memory dies of it") {
  if (!can_run())
    return;
  door aut;
  auto spec = shell("tail /dev/zero");
  spec.command = {};
  spec.args = {"tail", "/dev/zero"};
  spec.memory_bytes_limit = 16 << 20;
  REQUIRE(aut.start(spec));
  auto exit = aut.wait_exit(spec.run());
  REQUIRE(exit);
  CHECK(exit->code == 137);
  CHECK(exit->oom);
  CHECK(exit->signal == 9);
  CHECK(aut.remove(spec.run()));
}

TEST_CASE("an image that nobody has is not found") {
  if (!can_run())
    return;
  door aut;
  auto spec = shell("true");
  spec.image = "localhost:1/nothing:here";
  auto started = aut.start(spec);
  REQUIRE(!started);
  CHECK(started.error().kind == error_kind::image_not_found);
  CHECK(started.error().text.find(spec.image) != std::string::npos);
  CHECK(containers_of(spec.run()) == 0);
}

TEST_CASE("a command that is not there is refused and leaves nothing") {
  if (!can_run())
    return;
  door aut{"n1", [](engine_options& x) { x.defaults.init = false; }};
  auto spec = shell("true");
  spec.command = {"/no/such/command"};
  auto started = aut.start(spec);
  REQUIRE(!started);
  CHECK(started.error().kind == error_kind::start_error);
  CHECK(started.error().text.find("/no/such/command") != std::string::npos);
  CHECK(containers_of(spec.run()) == 0);
  CHECK(aut.exits(spec.run()) == 0);
}

TEST_CASE("a first process that cannot execute the command says so") {
  if (!can_run())
    return;
  door aut;
  auto missing = shell("true");
  missing.command = {"/no/such/command"};
  auto own = shell("exit 127");
  REQUIRE(aut.start(missing));
  REQUIRE(aut.start(own));
  auto exit = aut.wait_exit(missing.run());
  REQUIRE(exit);
  CHECK(exit->code == 127);
  CHECK(exit->bad_command);
  CHECK(exit->error.find("/no/such/command") != std::string::npos);
  exit = aut.wait_exit(own.run());
  REQUIRE(exit);
  CHECK(exit->code == 127);
  CHECK(!exit->bad_command);
  CHECK(aut.remove(missing.run()));
  CHECK(aut.remove(own.run()));
}

TEST_CASE("a limit that the engine refuses is a start error") {
  if (!can_run())
    return;
  door aut;
  auto spec = shell("true");
  spec.memory_bytes_limit = 4096;
  auto started = aut.start(spec);
  REQUIRE(!started);
  CHECK(started.error().kind == error_kind::start_error);
}

TEST_CASE("command, arguments, environment and directory arrive in order") {
  if (!can_run())
    return;
  door aut;
  auto spec = shell("");
  spec.args = {"echo \"$0|$1|$A|$B\"; pwd; id -u", "zero word", "one"};
  spec.env = {{"A", "a=1"}, {"B", "b \"quoted\" \xc3\xa9"}};
  spec.workdir = "/tmp";
  spec.user = "1000";
  REQUIRE(aut.start(spec));
  REQUIRE(aut.wait_exit(spec.run()));
  CHECK(aut.read_log(spec.run()).out
        == "zero word|one|a=1|b \"quoted\" \xc3\xa9\n/tmp\n1000\n");
  CHECK(aut.remove(spec.run()));
}

TEST_CASE("logs keep their streams, their tail, and follow to the end") {
  if (!can_run())
    return;
  door aut;
  auto spec = shell("echo one; echo two; echo bad >&2; sleep 1; echo three");
  REQUIRE(aut.start(spec));
  auto followed = aut.read_log(spec.run(), {.follow = true});
  CHECK(followed.end);
  CHECK(followed.out == "one\ntwo\nthree\n");
  CHECK(followed.err == "bad\n");
  REQUIRE(aut.wait_exit(spec.run()));
  auto tail = aut.read_log(spec.run(), {.err = false, .tail = 1});
  CHECK(tail.out == "three\n");
  CHECK(tail.err.empty());
  CHECK(aut.remove(spec.run()));
}

TEST_CASE("a followed log can be closed") {
  if (!can_run())
    return;
  door aut;
  auto spec = shell("sleep 60");
  REQUIRE(aut.start(spec));
  auto end = aut.ask<void>([&](auto done) {
    auto stream = aut->logs(
      spec.run(), {.follow = true}, [](auto, auto) {}, std::move(done));
    aut->cancel(stream);
  });
  REQUIRE(!end);
  CHECK(end.error().kind == error_kind::cancelled);
  REQUIRE(
    aut.ask<void>([&](auto done) { aut->kill(spec.run(), std::move(done)); }));
  auto exit = aut.wait_exit(spec.run());
  REQUIRE(exit);
  CHECK(exit->code == 137);
  CHECK(!exit->oom);
  CHECK(aut.remove(spec.run()));
}

TEST_CASE("a task that ignores the stop signal is killed after its grace") {
  if (!can_run())
    return;
  door aut;
  auto deaf = shell("trap '' TERM; echo ready; while true; do sleep 0.1; done");
  auto polite = shell("trap 'exit 5' TERM; echo ready; while true; do sleep "
                      "0.1; done");
  for (auto& spec : {deaf, polite}) {
    REQUIRE(aut.start(spec));
    // Until the trap is set.
    auto deadline = steady_clock::now() + patience;
    while (aut.read_log(spec.run()).out.empty()
           && steady_clock::now() < deadline)
      std::this_thread::sleep_for(20ms);
  }
  auto before = steady_clock::now();
  for (auto& spec : {deaf, polite})
    CHECK(aut.ask<void>([&](auto done) {
      aut->stop(spec.run(), "SIGTERM", 1s, std::move(done));
    }));
  auto polite_exit = aut.wait_exit(polite.run());
  REQUIRE(polite_exit);
  CHECK(polite_exit->code == 5);
  auto deaf_exit = aut.wait_exit(deaf.run());
  REQUIRE(deaf_exit);
  CHECK(deaf_exit->code == 137);
  CHECK(steady_clock::now() - before >= 1s);
  CHECK(aut.remove(deaf.run()));
  CHECK(aut.remove(polite.run()));
}

TEST_CASE("a start that is stopped in time does not happen") {
  if (!can_run())
    return;
  door aut{"n1", [](engine_options& x) { x.starts_at_once = 1; }};
  auto first = shell("true");
  auto second = shell("sleep 60");
  std::promise<expected<start_answer, failure>> answer;
  aut->start(first, [](auto&&) {});
  aut->start(second, [&](auto x) { answer.set_value(std::move(x)); });
  CHECK(aut.ask<void>([&](auto done) {
    aut->stop(second.run(), "SIGTERM", 1s, std::move(done));
  }));
  auto started = answer.get_future().get();
  REQUIRE(!started);
  CHECK(started.error().kind == error_kind::cancelled);
  CHECK(containers_of(second.run()) == 0);
  REQUIRE(aut.wait_exit(first.run()));
  CHECK(aut.remove(first.run()));
}

TEST_CASE("commands run inside a container") {
  if (!can_run())
    return;
  door aut;
  auto spec = shell("sleep 60");
  spec.env = {{"A", "inside"}};
  REQUIRE(aut.start(spec));
  auto run = [&](std::vector<std::string> words, milliseconds limit) {
    return aut.ask<exec_answer>([&](auto done) {
      aut->exec(spec.run(), std::move(words), limit, std::move(done));
    });
  };
  auto good = run({"sh", "-c", "echo $A; exit 3"}, 20s);
  REQUIRE(good);
  CHECK(good->code == 3);
  CHECK(good->output == "inside\n");
  auto loud = run({"sh", "-c", "yes | head -c 3000000"}, 20s);
  REQUIRE(loud);
  CHECK(loud->output.size() == 1 << 20);
  CHECK(loud->truncated);
  auto missing = run({"/no/such"}, 20s);
  CHECK((missing ? missing->code >= 126
                 : missing.error().kind == error_kind::start_error));
  auto slow = run({"sleep", "30"}, 500ms);
  REQUIRE(!slow);
  CHECK(slow.error().kind == error_kind::timed_out);
  aut->kill(spec.run(), [](auto&&) {});
  REQUIRE(aut.wait_exit(spec.run()));
  auto late = run({"true"}, 20s);
  REQUIRE(!late);
  CHECK(late.error().kind == error_kind::not_running);
  CHECK(aut.remove(spec.run()));
}

TEST_CASE("a running container has a usage") {
  if (!can_run())
    return;
  door aut;
  auto spec = shell("i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo "
                    "done; sleep 60");
  REQUIRE(aut.start(spec));
  auto deadline = steady_clock::now() + patience;
  while (aut.read_log(spec.run()).out.empty() && steady_clock::now() < deadline)
    std::this_thread::sleep_for(50ms);
  auto ask = [&] {
    return aut.ask<usage>(
      [&](auto done) { aut->stats(spec.run(), std::move(done)); });
  };
  auto found = ask();
  REQUIRE(found);
  CHECK(found->cpu_seconds > 0.01);
  CHECK(found->memory_bytes > 0);
  CHECK(found->memory_bytes < 64 << 20);
  aut->kill(spec.run(), [](auto&&) {});
  REQUIRE(aut.wait_exit(spec.run()));
  CHECK(!ask());
  CHECK(aut.remove(spec.run()));
}

TEST_CASE("limits of a running container move, and memory in use stays") {
  if (!can_run())
    return;
  constexpr auto mib = int64_t{1} << 20;
  door aut;
  auto spec = keeper(40 * mib, 64 * mib);
  REQUIRE(aut.start(spec));
  run_limits own{0, 64 * mib};
  auto limit = [&](run_limits wanted) {
    return aut.ask<run_limits>(
      [&](auto done) { aut->limit(spec.run(), own, wanted, std::move(done)); });
  };
  CHECK(aut.eventually_uses(spec.run(), 40 * mib));
  auto held = limit({200, 8 * mib});
  REQUIRE(held);
  CHECK(held->cpu_millicores == 200);
  CHECK(held->memory_bytes >= 38 * mib);
  CHECK(held->memory_bytes < 50 * mib);
  CHECK(limits_of(spec.run()) == run_limits{200, held->memory_bytes});
  REQUIRE(limit(own));
  CHECK(limits_of(spec.run()) == own);
  aut->kill(spec.run(), [](auto&&) {});
  REQUIRE(aut.wait_exit(spec.run()));
  CHECK_FALSE(limit(own));
  CHECK(aut.remove(spec.run()));
}

TEST_CASE("a container that was given a cpu limit moves below it and back") {
  if (!can_run())
    return;
  door aut;
  auto spec = shell("sleep 1000");
  spec.cpu_millicores_limit = 800;
  spec.memory_bytes_limit = 32 << 20;
  REQUIRE(aut.start(spec));
  run_limits own{800, 32 << 20};
  for (auto& wanted : {run_limits{300, 32 << 20}, own}) {
    auto moved = aut.ask<run_limits>(
      [&](auto done) { aut->limit(spec.run(), own, wanted, std::move(done)); });
    CHECK(moved == wanted);
    CHECK(limits_of(spec.run()) == wanted);
  }
  aut->kill(spec.run(), [](auto&&) {});
  REQUIRE(aut.wait_exit(spec.run()));
  CHECK(aut.remove(spec.run()));
}

TEST_CASE(
  "of two containers that burn, the lower priority is held back first") {
  if (!can_run())
    return;
  constexpr auto mib = int64_t{1} << 20;
  door aut;
  std::vector<container_spec> specs;
  std::vector<runtime::run_sample> samples(2);
  for (auto i : {0, 1}) {
    specs.push_back(shell("while :; do :; done"));
    specs.back().memory_bytes_limit = 32 * mib;
    REQUIRE(aut.start(specs.back()));
    auto& x = samples[static_cast<size_t>(i)];
    x.run = specs.back().run();
    x.priority = 5 * i;
    x.request = {50, 16 * mib};
    x.own = {0, 32 * mib};
  }
  // So little that both are above it on the busiest machine.
  runtime::pressure core{resources{200, 512 * mib, 0, {}}};
  auto low = samples[0].run;
  auto order = std::vector<run_id>{};
  auto round = [&] {
    for (auto& x : samples) {
      auto found = aut.ask<usage>(
        [&](auto done) { aut->stats(x.run, std::move(done)); });
      if (!found)
        continue;
      x.cpu_seconds = found->cpu_seconds;
      x.memory_bytes = found->memory_bytes;
      x.at = steady_clock::now();
    }
    for (auto& change :
         core.take(samples, std::nullopt, steady_clock::now()).changes) {
      order.push_back(change.run);
      auto moved = aut.ask<run_limits>([&](auto done) {
        aut->limit(change.run, {0, 32 * mib},
                   {change.to.cpu_millicores, 32 * mib}, std::move(done));
      });
      REQUIRE(moved);
      core.changed(change.run, change.to);
    }
  };
  auto rounds_until = [&](auto condition) {
    auto deadline = steady_clock::now() + patience;
    while (!condition() && steady_clock::now() < deadline) {
      std::this_thread::sleep_for(1s);
      round();
    }
    return condition();
  };
  CHECK(rounds_until([&] {
    return limits_of(low) == run_limits{50, 32 * mib};
  }));
  REQUIRE(!order.empty());
  CHECK(order.front() == low);
  // The other one ends: there is room again.
  aut->kill(specs[1].run(), [](auto&&) {});
  REQUIRE(aut.wait_exit(specs[1].run()));
  samples.pop_back();
  CHECK(rounds_until([&] { return limits_of(low).cpu_millicores != 50; }));
  aut->kill(low, [](auto&&) {});
  REQUIRE(aut.wait_exit(low));
  for (auto& x : specs)
    CHECK(aut.remove(x.run()));
}

TEST_CASE("an allocation that is started twice runs once") {
  if (!can_run())
    return;
  door aut;
  auto spec = shell("echo ran; sleep 1");
  std::promise<expected<start_answer, failure>> first;
  aut->start(spec, [&](auto x) { first.set_value(std::move(x)); });
  auto second = aut.start(spec);
  REQUIRE(second);
  auto first_answer = first.get_future().get();
  REQUIRE(first_answer);
  CHECK(first_answer->container == second->container);
  CHECK(aut.start(spec)->adopted);
  REQUIRE(aut.wait_exit(spec.run()));
  CHECK(aut.start(spec)->adopted);
  CHECK(containers_of(spec.run()) == 1);
  CHECK(aut.read_log(spec.run()).out == "ran\n");
  CHECK(aut.exits(spec.run()) == 1);
  CHECK(aut.remove(spec.run()));
}

TEST_CASE("a new door finds what the last one left") {
  if (!can_run())
    return;
  auto running = shell("sleep 2; exit 4");
  auto exited = shell("exit 9");
  auto foreign = shell("sleep 60");
  std::string foreign_id;
  door neighbour{"n2"};
  {
    door aut;
    REQUIRE(aut.start(running));
    REQUIRE(aut.start(exited));
    auto started = neighbour.start(foreign);
    REQUIRE(started);
    foreign_id = started->container;
    REQUIRE(aut.wait_exit(exited.run()));
  }
  door aut;
  auto found = aut.adopt();
  REQUIRE(found);
  REQUIRE(found->size() == 2);
  for (auto& x : *found) {
    CHECK(x.task == "job.0");
    CHECK(x.attempt == 1);
    if (x.run() == running.run()) {
      CHECK(x.state == container_state::running);
    } else {
      CHECK(x.run() == exited.run());
      CHECK(x.state == container_state::exited);
      CHECK(x.exit.code == 9);
    }
  }
  auto exit = aut.wait_exit(running.run());
  REQUIRE(exit);
  CHECK(exit->code == 4);
  CHECK(aut.exits(exited.run()) == 0);
  auto refused = aut.ask<void>(
    [&](auto done) { aut->kill(foreign.run(), std::move(done)); });
  REQUIRE(!refused);
  CHECK(refused.error().kind == error_kind::not_running);
  CHECK(aut.remove(foreign.run()));
  CHECK(aut.remove(running.run()));
  CHECK(aut.remove(exited.run()));
  auto state = the_engine().ask("GET", "/containers/" + foreign_id + "/json");
  CHECK(state.find("\"Running\":true") != std::string::npos);
  neighbour->kill(foreign.run(), [](auto&&) {});
  REQUIRE(neighbour.wait_exit(foreign.run()));
  CHECK(neighbour.remove(foreign.run()));
}

TEST_CASE("a start finds the container of its own earlier try") {
  if (!can_run())
    return;
  auto spec = shell("echo ran");
  auto create = [&](const container_spec& x) {
    owner who{"cluster-one", "n1"};
    the_engine().ask("POST",
                     "/containers/create?name=" + container_name(who, x),
                     create_body(who, x, {}));
    return container_name(who, x);
  };
  SUBCASE("of which nobody knows whether it has started") {
    create(spec);
    door aut;
    auto started = aut.start(spec);
    REQUIRE(started);
    CHECK(started->adopted);
    auto exit = aut.wait_exit(spec.run());
    REQUIRE(exit);
    CHECK(exit->code == -1);
    CHECK(aut.remove(spec.run()));
  }
  SUBCASE("it has run already") {
    auto name = create(spec);
    the_engine().ask("POST", "/containers/" + name + "/start");
    the_engine().ask("POST", "/containers/" + name + "/wait");
    door aut;
    auto started = aut.start(spec);
    REQUIRE(started);
    CHECK(started->adopted);
    REQUIRE(aut.wait_exit(spec.run()));
    CHECK(aut.read_log(spec.run()).out == "ran\n");
    CHECK(aut.remove(spec.run()));
  }
}

TEST_CASE("a container that somebody else removes has exited") {
  if (!can_run())
    return;
  door aut;
  auto spec = shell("sleep 60");
  auto started = aut.start(spec);
  REQUIRE(started);
  the_engine().ask("DELETE",
                   "/containers/" + started->container + "?force=true");
  auto exit = aut.wait_exit(spec.run());
  REQUIRE(exit);
  CHECK(exit->code != 0);
  CHECK(aut.exits(spec.run()) == 1);
}

TEST_CASE("a start on an engine that hangs is in doubt and then happens once") {
  if (!can_run())
    return;
  door aut{"n1", [](engine_options& x) { x.start_timeout = 1s; }};
  REQUIRE(aut.adopt());
  auto other = shell("sleep 60");
  REQUIRE(aut.start(other));
  auto spec = shell("echo ran; sleep 2");
  the_engine().pause();
  auto started = aut.start(spec);
  CHECK(aut.wait_for<engine_lost>([](auto&) { return true; }));
  the_engine().resume();
  REQUIRE(!started);
  CHECK(started.error().kind == error_kind::engine_unreachable);
  CHECK(aut.wait_for<engine_back>([](auto&) { return true; }));
  auto of_ours = [&](auto& x) { return x.run == spec.run(); };
  // Only the create was under way: the engine may have done it, or not.
  REQUIRE(aut.wait_for<container_not_started>(of_ours));
  REQUIRE(aut.start(spec));
  auto exit = aut.wait_exit(spec.run());
  REQUIRE(exit);
  CHECK(exit->code == 0);
  CHECK(containers_of(spec.run()) == 1);
  CHECK(aut.read_log(spec.run()).out == "ran\n");
  CHECK(aut.exits(spec.run()) == 1);
  CHECK(aut.exits(other.run()) == 0);
  aut->kill(other.run(), [](auto&&) {});
  REQUIRE(aut.wait_exit(other.run()));
  CHECK(aut.remove(spec.run()));
  CHECK(aut.remove(other.run()));
}

TEST_CASE("an exit is found after the engine crashed and came back") {
  if (!can_run())
    return;
  door aut;
  REQUIRE(aut.adopt());
  auto spec = shell("sleep 1.5; exit 42");
  REQUIRE(aut.start(spec));
  the_engine().kill();
  CHECK(aut.wait_for<engine_lost>([](auto&) { return true; }));
  CHECK(aut.exits(spec.run()) == 0);
  // Longer than the container runs.
  std::this_thread::sleep_for(2s);
  the_engine().start();
  CHECK(aut.wait_for<engine_back>([](auto&) { return true; }));
  auto exit = aut.wait_exit(spec.run());
  REQUIRE(exit);
  CHECK(exit->code == 42);
  CHECK(exit->while_away);
  CHECK(aut.exits(spec.run()) == 1);
  CHECK(aut.remove(spec.run()));
}
