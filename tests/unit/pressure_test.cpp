#include <map>
#include <random>

#include <doctest/doctest.h>

#include "runtime/pressure/pressure.hpp"

using namespace troupe;
using namespace troupe::runtime;
using namespace std::chrono_literals;

namespace {

constexpr int64_t none = int64_t{1} << 60;
constexpr int64_t mib = int64_t{1} << 20;

/// Two rounds of the same picture: one may be chance.
void take_twice(cpu_pressure& aut, std::vector<cpu_run>& runs,
                std::optional<int64_t> idle) {
  aut.take(runs, idle);
  aut.take(runs, idle);
}

std::vector<int64_t> ceilings(const std::vector<cpu_run>& runs) {
  std::vector<int64_t> result;
  for (auto& x : runs)
    result.push_back(x.ceiling);
  return result;
}

std::vector<int64_t> ceilings(const std::vector<memory_run>& runs) {
  std::vector<int64_t> result;
  for (auto& x : runs)
    result.push_back(x.ceiling);
  return result;
}

} // namespace

// -- cpu ---------------------------------------------------------------------

TEST_CASE("bursts give way to a higher priority, a step in each round") {
  cpu_pressure aut{1'000};
  // priority, request, limit, ceiling, used
  std::vector<cpu_run> runs{{0, 100, none, none, 500},
                            {5, 200, none, none, 490}};
  aut.take(runs, 0);
  CHECK(ceilings(runs) == std::vector{none, none});
  // 500 - 1000 / 4
  aut.take(runs, 0);
  CHECK(ceilings(runs) == std::vector{int64_t{250}, none});
  runs[0].used = 250;
  runs[1].used = 740;
  // 250 - 250 would be below its request
  aut.take(runs, 0);
  CHECK(ceilings(runs) == std::vector{int64_t{100}, none});
  runs[0].used = 100;
  runs[1].used = 900;
  aut.take(runs, 0);
  // The higher one may have what is left.
  CHECK(ceilings(runs) == std::vector{int64_t{100}, none});
}

TEST_CASE("who gives way to whom") {
  struct row {
    const char* what;
    std::vector<cpu_run> runs;
    std::optional<int64_t> idle;
    std::vector<int64_t> ceilings;
  };
  // Capacity 1000: a step is 250.
  std::vector<row> rows{
    {"there is room: 700 + 300 idle",
     {{0, 100, none, none, 400}, {5, 100, none, none, 300}},
     300,
     {none, none}},
    {"equals share by request, as the kernel does",
     {{0, 100, none, none, 500}, {0, 100, none, none, 500}},
     0,
     {none, none}},
    {"nobody gives way to an idle one: 20 < 300 / 2",
     {{0, 100, none, none, 950}, {5, 300, none, none, 20}},
     0,
     {none, none}},
    {"nor to one that has all its job allows: 300 of 300",
     {{0, 100, none, none, 700}, {5, 100, 300, 300, 300}},
     0,
     {none, 300}},
    {"what others on the machine use is not there: 300 + 0 idle",
     {{0, 100, none, none, 200}, {5, 100, none, none, 100}},
     0,
     {100, none}},
    {"the lowest of three first, then the next: 150 + 100 of 250",
     {{5, 100, none, none, 400},
      {0, 100, none, none, 250},
      {9, 100, none, none, 350}},
     0,
     {300, 100, none}},
    {"among equals who bursts most: 600 - 250, all in one",
     {{0, 100, none, none, 250},
      {0, 100, none, none, 600},
      {9, 50, none, none, 150}},
     0,
     {none, 350, none}},
    {"more than is declared, with none above: 1200 - 900 = 300, a step of 250",
     {{0, 100, none, none, 700}, {0, 100, none, none, 500}},
     800,
     {475, 475}},
    {"what one gives up is not for those below it: 1090 - 900 = 190",
     {{0, 100, none, none, 90}, {5, 150, none, none, 1'000}},
     0,
     {100, 810}},
    {"who cannot be moved is passed over",
     {{0, 100, none, none, 500, false},
      {1, 100, none, none, 300},
      {9, 100, none, none, 200}},
     0,
     {none, 100, none}},
  };
  for (auto& x : rows) {
    CAPTURE(x.what);
    cpu_pressure aut{1'000};
    take_twice(aut, x.runs, x.idle);
    for (size_t i = 0; i < x.runs.size(); ++i) {
      CAPTURE(i);
      // Pieces of 1000 / 32 make equals alike, not equal.
      CHECK(x.runs[i].ceiling >= x.ceilings[i] - 31);
      CHECK(x.runs[i].ceiling <= x.ceilings[i] + 31);
    }
  }
}

TEST_CASE("cpu is given back to the highest first, and does not swing") {
  cpu_pressure aut{1'000};
  std::vector<cpu_run> runs{{0, 100, none, 100, 100}, {5, 100, none, 300, 300}};
  take_twice(aut, runs, 600);
  // 300 + 1000 / 8
  CHECK(ceilings(runs) == std::vector{int64_t{100}, int64_t{425}});
  // In the band between giving and taking nothing moves: 820 of 1000.
  runs[1].used = 720;
  runs[1].ceiling = 720;
  for (auto i = 0; i < 10; ++i)
    aut.take(runs, 500);
  CHECK(ceilings(runs) == std::vector{int64_t{100}, int64_t{720}});
  // It goes: all is given back.
  runs[1].used = 0;
  for (auto i = 0; i < 20; ++i)
    aut.take(runs, 900);
  CHECK(ceilings(runs) == std::vector{none, none});
}

TEST_CASE("what was taken is given back when nobody above wants it any more") {
  cpu_pressure aut{1'000};
  // An equal takes all there is: that is between them and the kernel.
  std::vector<cpu_run> runs{{0, 100, none, 100, 100},
                            {0, 100, none, none, 900}};
  for (auto i = 0; i < 20; ++i)
    aut.take(runs, 0);
  CHECK(ceilings(runs) == std::vector{none, none});
}

// -- memory --------------------------------------------------------------------

TEST_CASE("when memory is short, the lowest bursts grow no more") {
  memory_pressure aut{1'000 * mib};
  std::vector<memory_run> runs{{0, 100 * mib, none, none, 480 * mib},
                               {5, 100 * mib, none, none, 430 * mib},
                               {-1, 100 * mib, none, none, 10 * mib}};
  CHECK(!aut.take(runs, none));
  // 80 of 1000 left; 480 and a sixteenth of it.
  CHECK(ceilings(runs) == std::vector{510 * mib, none, 100 * mib});
}

TEST_CASE("when memory runs out, the lowest gives back, or goes") {
  memory_pressure aut{1'000 * mib};
  std::vector<memory_run> runs{{0, 100 * mib, none, none, 300 * mib},
                               {0, 100 * mib, none, none, 260 * mib},
                               {5, 100 * mib, none, none, 410 * mib}};
  // 30 left, 70 wanted: the one that bursts most has 200.
  CHECK(!aut.take(runs, none));
  CHECK(runs[0].ceiling == 100 * mib);
  CHECK(runs[1].ceiling == 276 * mib + mib / 4);
  CHECK(runs[2].ceiling == none);
  SUBCASE("the kernel found pages that nobody needs") {
    runs[0].used = 150 * mib;
    for (auto i = 0; i < 5; ++i)
      CHECK(!aut.take(runs, none));
    CHECK(runs[2].ceiling == none);
  }
  SUBCASE("it found none") {
    runs[0].ceiling = 300 * mib;
    CHECK(!aut.take(runs, none));
    // Not asked again.
    CHECK(runs[0].ceiling == 300 * mib);
    CHECK(aut.take(runs, none) == 0);
    runs[0].ending = true;
    for (auto i = 0; i < 3; ++i)
      CHECK(!aut.take(runs, none));
    // Its place is free: what was taken is given back.
    runs.erase(runs.begin());
    for (auto i = 0; i < 20; ++i)
      CHECK(!aut.take(runs, none));
    CHECK(ceilings(runs) == std::vector{none, none});
  }
}

TEST_CASE("nobody is ended who keeps to its request") {
  memory_pressure aut{1'000 * mib};
  // Overcommitted: requests are 1200.
  std::vector<memory_run> runs{{0, 600 * mib, none, none, 500 * mib},
                               {5, 600 * mib, none, none, 490 * mib}};
  for (auto i = 0; i < 20; ++i)
    CHECK(!aut.take(runs, none));
  CHECK(ceilings(runs) == std::vector{none, none});
  // The one that does is, whatever its priority.
  runs[1].used = 610 * mib;
  runs[0].used = 380 * mib;
  std::optional<size_t> end;
  for (auto i = 0; i < 4 && !end; ++i)
    end = aut.take(runs, none);
  CHECK(end == 1);
}

TEST_CASE("memory that others on the machine take counts") {
  memory_pressure aut{1'000 * mib};
  std::vector<memory_run> runs{{0, 10 * mib, none, none, 100 * mib}};
  // Counted twice, 60 are more than a tenth, and 40 are less.
  CHECK(!aut.take(runs, 60 * mib));
  CHECK(runs[0].ceiling == none);
  CHECK(!aut.take(runs, 40 * mib));
  CHECK(runs[0].ceiling == 106 * mib + mib / 4);
}

// -- both, by round --------------------------------------------------------------

namespace {

using clock_point = std::chrono::steady_clock::time_point;

run_sample sample(uint64_t allocation, int32_t priority, double cpu_seconds,
                  clock_point at) {
  run_sample result;
  result.run = {{allocation}, 1};
  result.priority = priority;
  result.request = {100, 64 * mib};
  result.cpu_seconds = cpu_seconds;
  result.memory_bytes = 32 * mib;
  result.at = at;
  return result;
}

} // namespace

TEST_CASE("a round counts when what was moved has been measured since") {
  pressure aut{resources{1'000, 1'024 * mib, 0, {}}};
  clock_point t{1h};
  resources free{0, 2'048 * mib, 0, {}};
  auto take = [&](double low, double high, clock_point measured) {
    return aut.take({sample(1, 0, low, measured), sample(2, 5, high, measured)},
                    free, t);
  };
  auto now = t;
  auto round = [&](double seconds) {
    t += 2s;
    return take(seconds, seconds, t);
  };
  CHECK(take(0, 0, now).changes.empty());
  CHECK(round(1).changes.empty());
  auto steps = round(2);
  REQUIRE(steps.changes.size() == 1);
  CHECK(steps.changes[0].run == run_id{{1}, 1});
  // 500 - 250
  CHECK(steps.changes[0].to == run_limits{250, 0});
  CHECK(steps.changes[0].text
        == "priority 0, its cpu is held to 250m (requested 0.1): "
           "tasks use 1 of 1");
  // Nobody has answered.
  t += 2s;
  CHECK(take(2, 2, t - 2s).changes.empty());
  aut.changed({{1}, 1}, {250, 0});
  CHECK(aut.held() == std::vector{burst_limit{{1}, 250, 0}});
  // As last measured before the change.
  t += 2s;
  CHECK(take(2, 2, t - 4s).changes.empty());
  steps = round(3);
  REQUIRE(steps.changes.size() == 1);
  CHECK(steps.changes[0].to == run_limits{100, 0});
}

TEST_CASE("nobody gives way before all below have been measured") {
  pressure aut{resources{1'000, 1'024 * mib, 0, {}}};
  clock_point t{1h};
  resources free{2'000, 2'048 * mib, 0, {}};
  auto seconds = 0.0;
  auto round = [&](clock_point low_measured) {
    t += 2s;
    seconds += 4;
    return aut.take(
      {sample(1, 0, seconds, low_measured), sample(2, 5, seconds, t)}, free, t);
  };
  // The lower one is late: its engine tells the same again.
  for (auto i = 0; i < 5; ++i)
    CHECK(round(clock_point{1h}).changes.empty());
  auto steps = round(t + 2s);
  REQUIRE(steps.changes.size() == 1);
  CHECK(steps.changes[0].run == run_id{{1}, 1});
}

TEST_CASE("what cannot be moved is news once, and tried later") {
  pressure aut{resources{1'000, 1'024 * mib, 0, {}}};
  clock_point t{1h};
  auto seconds = 0.0;
  size_t asked = 0;
  size_t news = 0;
  for (auto i = 0; i < 100; ++i) {
    t += 2s;
    seconds += 1;
    auto steps = aut.take({sample(1, 0, seconds, t), sample(2, 5, seconds, t)},
                          resources{0, 2'048 * mib, 0, {}}, t);
    for (auto& x : steps.changes) {
      ++asked;
      news += aut.failed(x.run, t) ? 1 : 0;
    }
  }
  // Pauses of 10, 20, 40 and 80 s within 200 s.
  CHECK(asked == 5);
  CHECK(news == 1);
  CHECK(aut.held().empty());
}

TEST_CASE("what an earlier life held back is given back in this one") {
  pressure aut{resources{1'000, 1'024 * mib, 0, {}}};
  aut.adopt({{1}, 1}, {100, 40 * mib});
  clock_point t{1h};
  for (auto i = 0; i < 20; ++i) {
    t += 2s;
    for (auto& x :
         aut.take({sample(1, 0, 0, t)}, resources{900, none, 0, {}}, t).changes)
      aut.changed(x.run, x.to);
  }
  CHECK(aut.held().empty());
}

// -- by chance -------------------------------------------------------------------

namespace {

/// A machine whose kernel shares out what there is, within ceilings, and gives
/// memory back only where it is cache.
struct machine {
  struct task {
    run_sample last;
    int64_t cpu_wanted = 0;
    int64_t cache = 0;
    int64_t anonymous = 0;
    run_limits ceiling{};
    int64_t cpu_used = 0;
  };

  std::mt19937_64 chance;
  int64_t cores;
  resources capacity;
  std::map<run_id, task> tasks;
  clock_point now{1h};

  explicit machine(uint64_t seed) : chance{seed} {
    cores = draw(1'000, 4'000);
    capacity = {draw(1, 2) == 1 ? cores : cores / 2, 1'024 * mib, 0, {}};
    auto count = static_cast<uint64_t>(draw(1, 8));
    for (uint64_t i = 1; i <= count; ++i) {
      task x;
      x.last = sample(i, static_cast<int32_t>(draw(0, 3)), 0, now);
      x.last.request = {draw(1, 500), draw(6, 200) * mib};
      if (draw(0, 1) == 1)
        x.last.own.cpu_millicores
          = x.last.request.cpu_millicores + draw(0, 800);
      if (draw(0, 1) == 1)
        x.last.own.memory_bytes
          = x.last.request.memory_bytes + draw(0, 400) * mib;
      tasks[x.last.run] = x;
    }
  }

  int64_t draw(int64_t from, int64_t to) {
    return std::uniform_int_distribution<int64_t>{from, to}(chance);
  }

  static int64_t least(int64_t a, int64_t b) {
    return b > 0 ? std::min(a, b) : a;
  }

  void change_loads() {
    for (auto& [run, x] : tasks) {
      if (draw(0, 9) == 0)
        x.cpu_wanted = draw(0, 1) * draw(0, 2'000);
      if (draw(0, 9) == 0) {
        x.anonymous = draw(0, 300) * mib;
        x.cache = draw(0, 100) * mib;
      }
    }
  }

  void calm_down() {
    for (auto& [run, x] : tasks) {
      x.cpu_wanted = 0;
      x.anonymous = mib;
      x.cache = 0;
    }
  }

  /// Two seconds.
  void run() {
    now += 2s;
    auto left = cores;
    for (auto& [run, x] : tasks)
      x.cpu_used = 0;
    // In small turns, as a fair scheduler does.
    for (auto turn = 0; turn < 100; ++turn)
      for (auto& [run, x] : tasks) {
        auto most = least(least(x.cpu_wanted, x.last.own.cpu_millicores),
                          x.ceiling.cpu_millicores);
        auto piece = std::min({most - x.cpu_used, left, int64_t{20}});
        x.cpu_used += std::max<int64_t>(piece, 0);
        left -= std::max<int64_t>(piece, 0);
      }
    for (auto& [run, x] : tasks) {
      auto most = least(least(x.anonymous + x.cache, x.last.own.memory_bytes),
                        x.ceiling.memory_bytes);
      x.last.memory_bytes = most;
      x.last.cpu_seconds += static_cast<double>(x.cpu_used) * 2 / 1'000;
      x.last.at = now;
    }
  }

  resources free() {
    resources result{cores, 2'048 * mib, 0, {}};
    for (auto& [run, x] : tasks)
      result.cpu_millicores -= x.cpu_used;
    return result;
  }

  std::vector<run_sample> samples() {
    std::vector<run_sample> result;
    for (auto& [run, x] : tasks)
      result.push_back(x.last);
    return result;
  }
};

int64_t or_none(int64_t x) {
  return x > 0 ? x : none;
}

/// Looks whether a step keeps the order of priorities.
void check_steps(machine& m, const pressure::steps& steps) {
  auto ceilings = std::map<run_id, run_limits>{};
  for (auto& [run, x] : m.tasks)
    ceilings[run] = x.ceiling;
  for (auto& x : steps.changes)
    ceilings[x.run] = x.to;
  for (auto& change : steps.changes) {
    auto& mine = m.tasks.at(change.run);
    auto lost_cpu = or_none(change.to.cpu_millicores)
                    < or_none(mine.ceiling.cpu_millicores);
    auto lost_memory
      = or_none(change.to.memory_bytes) < or_none(mine.ceiling.memory_bytes);
    auto got_cpu = or_none(change.to.cpu_millicores)
                   > or_none(mine.ceiling.cpu_millicores);
    auto got_memory
      = or_none(change.to.memory_bytes) > or_none(mine.ceiling.memory_bytes);
    // Nobody below its request.
    if (change.to.cpu_millicores > 0)
      CHECK(change.to.cpu_millicores >= mine.last.request.cpu_millicores);
    if (change.to.memory_bytes > 0)
      CHECK(change.to.memory_bytes >= mine.last.request.memory_bytes);
    for (auto& [run, other] : m.tasks) {
      auto& request = other.last.request;
      auto lower = other.last.priority < mine.last.priority;
      auto higher = other.last.priority > mine.last.priority;
      if (lost_cpu && lower)
        CHECK(std::min(other.cpu_used, or_none(ceilings[run].cpu_millicores))
              <= std::max<int64_t>(request.cpu_millicores, 10));
      if (lost_memory && lower)
        CHECK(other.last.memory_bytes <= request.memory_bytes);
      if (got_cpu && higher)
        CHECK(ceilings[run].cpu_millicores == 0);
      if (got_memory && higher)
        CHECK(ceilings[run].memory_bytes == 0);
    }
  }
  if (!steps.end)
    return;
  auto& victim = m.tasks.at(steps.end->run).last;
  CHECK(victim.memory_bytes > victim.request.memory_bytes);
  for (auto& [run, other] : m.tasks)
    if (other.last.priority < victim.priority && !other.last.ending)
      CHECK(other.last.memory_bytes <= other.last.request.memory_bytes);
}

} // namespace

TEST_CASE("by chance: priorities hold, requests hold, and all is given back") {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    machine m{seed};
    pressure aut{m.capacity};
    auto fails = seed % 3 == 0;
    auto round = [&] {
      m.run();
      auto steps = aut.take(m.samples(), m.free(), m.now);
      if (!fails)
        check_steps(m, steps);
      for (auto& x : steps.changes) {
        if (fails && m.draw(0, 3) == 0) {
          (void)aut.failed(x.run, m.now);
          continue;
        }
        auto& task = m.tasks.at(x.run);
        auto to = x.to;
        // The kernel cannot take back what is no cache.
        if (to.memory_bytes > 0 && to.memory_bytes < task.anonymous)
          to.memory_bytes = std::min(task.anonymous, task.last.memory_bytes);
        if (to.memory_bytes < x.to.memory_bytes)
          to.memory_bytes = x.to.memory_bytes;
        task.ceiling = to;
        aut.changed(x.run, to);
      }
      if (steps.end) {
        aut.forget(steps.end->run.allocation);
        m.tasks.erase(steps.end->run);
      }
    };
    for (auto i = 0; i < 60; ++i) {
      m.change_loads();
      round();
    }
    m.calm_down();
    for (auto i = 0; i < 1'000 && !aut.held().empty(); ++i)
      round();
    CHECK(aut.held().empty());
  }
}
