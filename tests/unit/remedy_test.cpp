// Every remedy is carried out on a copy of the cluster, and gives the task that
// waited its place.

#include <random>

#include "messages/job.hpp"

#include "runtime/remedy.hpp"

#include "tests/unit/cluster_fixture.hpp"

namespace troupe {

namespace {

using runtime::remedies_for;
using runtime::remedy;

std::vector<remedy>
remedies_of(const cluster_fixture& c, const std::string& job) {
  return remedies_for(c.core, *c.core.find_job(job), c.now);
}

std::vector<std::string> changes_of(const std::vector<remedy>& xs) {
  std::vector<std::string> result;
  for (auto& x : xs)
    result.push_back(x.change);
  return result;
}

/// Lets those who must go do so, until nothing changes.
void settle(cluster_fixture& c) {
  for (auto again = true; again;) {
    c.place();
    c.agree();
    again = false;
    std::vector<task_ref> leaving;
    for (auto& [name, job] : c.core.jobs())
      for (uint32_t i = 0; i < job.tasks.size(); ++i)
        if (job.tasks[i].stopping && holds_capacity(job.tasks[i].state))
          leaving.push_back({name, i});
    for (auto& x : leaving) {
      c.stopped(x);
      again = true;
    }
  }
}

/// Whether another task of `job` has its place once `x` is carried out.
bool helps(const cluster_fixture& c, const remedy& x, const std::string& job) {
  cluster_fixture copy;
  copy.check = false;
  copy.begin_with(c);
  copy.done(*x.how);
  settle(copy);
  return copy.core.find_job(job)->live() > c.core.find_job(job)->live();
}

class random_case {
public:
  explicit random_case(uint32_t seed) : dice_{seed} {
    auto nodes = 1 + below(5);
    for (uint32_t i = 0; i < nodes; ++i)
      c.join(a_random_node("n" + std::to_string(i)));
    auto jobs = below(10);
    for (uint32_t i = 0; i < jobs; ++i)
      c.submit(a_random_job("j" + std::to_string(i), 2));
    settle(c);
    // Whoever waits among them is not in the way of the last one.
    std::vector<std::string> waiting;
    for (auto& [name, job] : c.core.jobs())
      if (job.in_state(task_state::pending) > 0)
        waiting.push_back(name);
    for (auto& name : waiting)
      c.done(stop_job{name});
    settle(c);
    if (below(4) == 0)
      c.done(cordon_node{"n0", true});
    auto last = a_random_job("last", 6);
    if (below(3) == 0)
      last.tasks(2 + below(3));
    if (below(4) == 0)
      last.port("http", 80, 8'080);
    c.submit(last);
    settle(c);
  }

  cluster_fixture c;

private:
  uint32_t below(uint32_t n) { return static_cast<uint32_t>(dice_() % n); }

  a_node a_random_node(const std::string& name) {
    a_node x{name};
    x.cpu(1 + below(4)).memory(int64_t{1 + below(4)} << 30).gpus(below(3));
    if (below(2) == 0)
      x.label_of("zone", below(2) == 0 ? "a" : "b");
    return x;
  }

  a_job a_random_job(const std::string& name, uint32_t size) {
    a_job x{name};
    x.cpu(0.5 * (1 + below(size))).memory(int64_t{1 + below(size)} << 29);
    x.priority(static_cast<int32_t>(below(4)) * 10);
    if (below(3) == 0)
      x.gpu(400 + 300 * below(3));
    if (below(3) == 0)
      x.requires_label("zone", {below(3) == 0 ? "!a" : "b"});
    if (below(3) == 0)
      x.label_of("app", below(2) == 0 ? "p" : "q");
    if (below(5) == 0)
      x.away_from("app", "p");
    if (below(8) == 0)
      x.exclusive();
    return x;
  }

  std::mt19937 dice_;
};

} // namespace

TEST_CASE("what would help a task is told, the smallest change first") {
  cluster_fixture c;
  c.join(a_node("a").cpu(4));
  c.join(a_node("b").cpu(2));
  c.submit(a_job("low").cpu(2));
  c.submit(a_job("big").cpu(3).priority(5).requires_label("zone", {"x"}));
  c.place();
  CHECK(changes_of(remedies_of(c, "big"))
        == std::vector<std::string>{R"(requires without "zone": "x")",
                                    "label a zone=x", "addNode"});
  c.done(change_node{"a", {{"zone", "x"}}, {}, {}});
  c.place();
  CHECK(c.core.find_job("big")->live() == 1);
}

TEST_CASE("remedies name amounts, nodes and tasks") {
  cluster_fixture c;
  c.join(a_node("a").cpu(4));
  c.submit(a_job("low").cpu(2.5).priority(7));
  c.place();
  c.submit(a_job("big").cpu(3));
  c.place();
  auto found = remedies_of(c, "big");
  CHECK(
    changes_of(found)
    == std::vector<std::string>{"cpu=1.5", "priority=8", "wait", "addNode"});
  CHECK(found[0].message
        == "ask for 1.5 of cpu instead of 3: then it fits on a");
  CHECK(found[1].message
        == "raise its priority from 0 to 8: it would take the place of low.0 "
           "on a");
  CHECK(found[2].message == "wait: it fits on a once low.0 has ended");
}

TEST_CASE("a job is not told to take the places of its own tasks") {
  cluster_fixture c;
  c.join(a_node("n").cpu(4));
  c.submit(a_job("web").service().cpu(1).tasks(6));
  c.place();
  for (auto& x : remedies_of(c, "web"))
    CHECK(x.change.find("priority") == std::string::npos);
}

TEST_CASE("a job that needs a host port may let it be chosen") {
  cluster_fixture c;
  c.join(a_node("n").cpu(4));
  c.submit(a_job("web").service().cpu(1).tasks(2).port("http", 80, 8'080));
  c.place();
  auto found = remedies_of(c, "web");
  REQUIRE(!found.empty());
  CHECK(found[0].change == "ports.http");
  CHECK(found[0].message
        == "let the host port of \"http\" be chosen: then it fits on n");
}

TEST_CASE("a gang may start with fewer members") {
  cluster_fixture c;
  c.join(a_node("a").cpu(2));
  c.submit(a_job("g").tasks(3).gang());
  c.place();
  auto found = remedies_of(c, "g");
  REQUIRE(found.size() == 1);
  CHECK(found[0].change == "gang.min=2");
  CHECK(helps(c, found[0], "g"));
}

TEST_CASE("what keeps tasks with a label from running is told") {
  cluster_fixture c;
  c.join(a_node("a").cpu(2));
  change_settings limits;
  limits.concurrency.emplace()["user=ann"] = 0;
  c.done(limits);
  c.submit(a_job("j").label_of("user", "ann"));
  c.place();
  auto found = remedies_of(c, "j");
  REQUIRE(found.size() == 1);
  CHECK(found[0].change == "concurrency user=ann=1");
  CHECK(helps(c, found[0], "j"));
}

TEST_CASE("in a thousand random cases every remedy helps") {
  uint32_t cases = 0;
  uint32_t tried = 0;
  std::map<std::string, uint32_t> kinds;
  for (uint32_t seed = 0; cases < 1'000; ++seed) {
    REQUIRE(seed < 20'000);
    random_case x{seed};
    if (x.c.core.find_job("last")->in_state(task_state::pending) == 0)
      continue;
    ++cases;
    auto found = remedies_of(x.c, "last");
    for (auto& remedy : found) {
      if (!remedy.how)
        continue;
      ++tried;
      ++kinds[remedy.change.substr(0, remedy.change.find_first_of("= "))];
      CHECK_MESSAGE(helps(x.c, remedy, "last"),
                    "seed " << seed << ": " << remedy.change);
    }
  }
  CHECK(tried > 1'500);
  for (auto* kind :
       {"cpu", "memory", "gpu", "requires", "label", "priority", "addNode",
        "uncordon", "exclusive", "avoidColocating", "ports.http"})
    CHECK_MESSAGE(kinds[kind] > 0, std::string{kind});
}

} // namespace troupe
