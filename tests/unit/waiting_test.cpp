#include <doctest/doctest.h>

#include "runtime/cluster/waiting.hpp"

#include "tests/builders.hpp"

namespace troupe {

namespace {

using runtime::job_record;
using runtime::queue_key;
using runtime::waiting;

struct queue_fixture {
  job_record& add(const a_job& x, queue_key key) {
    auto& job = jobs.emplace_back(std::make_unique<job_record>());
    job->spec = x;
    job->name = job->spec->name;
    job->count = job->spec->count;
    job->born = key.born;
    auto klass = runtime::placement::class_of(*job->spec, "binpack");
    auto policy = klass.strategy;
    job->klass = queue.acquire(std::move(klass), std::move(policy));
    queue.insert(*job, key);
    return *job;
  }

  /// The births of the jobs in the next batch.
  std::vector<uint64_t> next(uint32_t tasks_max = 100) {
    std::vector<uint64_t> result;
    if (auto batch = queue.next(tasks_max, {"binpack", "spread"}))
      for (auto& x : batch->asks)
        result.push_back(x.id);
    return result;
  }

  waiting queue;
  std::vector<std::unique_ptr<job_record>> jobs;
};

} // namespace

TEST_CASE("jobs of several classes are merged in the order of their keys") {
  queue_fixture q;
  q.add(a_job("a"), {0, 4});
  q.add(a_job("b").cpu(2), {0, 2});
  q.add(a_job("c"), {0, 1});
  q.add(a_job("d").cpu(2), {-9, 9});
  q.add(a_job("e").cpu(3), {0, 3});
  CHECK(q.next() == std::vector<uint64_t>{9, 1, 2, 3, 4});
  CHECK(q.next(2) == std::vector<uint64_t>{9, 1});
  CHECK(q.queue.ahead_of({0, 3}, 100) == 3);
  CHECK(q.queue.ahead_of({0, 3}, 2) == 2);
}

TEST_CASE("a batch is for one policy, that of the first job") {
  queue_fixture q;
  q.add(a_job("a"), {0, 1});
  q.add(a_job("b").strategy("spread"), {0, 2});
  q.add(a_job("c"), {0, 3});
  CHECK(q.next() == std::vector<uint64_t>{1});
}

TEST_CASE("equal tasks share a class, and it goes with its last job") {
  queue_fixture q;
  auto& a = q.add(a_job("a"), {0, 1});
  auto& b = q.add(a_job("b"), {0, 2});
  CHECK(a.klass == b.klass);
  auto& c = q.add(a_job("c").cpu(2), {0, 3});
  CHECK(c.klass != a.klass);
  q.queue.erase(c, {0, 3});
  q.queue.release(c.klass);
  auto& d = q.add(a_job("d").cpu(3), {0, 4});
  // Its place is used again.
  CHECK(d.klass == c.klass);
  CHECK(q.next() == std::vector<uint64_t>{1, 2, 4});
}

TEST_CASE("a blocked class is passed over until it is woken") {
  queue_fixture q;
  auto& a = q.add(a_job("a"), {0, 1});
  q.add(a_job("b").cpu(2), {0, 2});
  q.queue.begin_proposal();
  q.queue.block(a.klass, {{{reason::insufficient_cpu, 1}}}, {1'000});
  CHECK(q.next() == std::vector<uint64_t>{2});
  CHECK(q.queue.at(a.klass).refusal.nodes.size() == 1);
  q.queue.wake_if([](const waiting::job_class& x) { return x.blocked; });
  CHECK(q.next() == std::vector<uint64_t>{1, 2});
  // What helped since the proposal began is not in it.
  q.queue.block(a.klass, {{{reason::insufficient_cpu, 1}}}, {1'000});
  CHECK(q.next() == std::vector<uint64_t>{1, 2});
}

TEST_CASE("a class whose policy is unknown is blocked and says so") {
  queue_fixture q;
  auto& a = q.add(a_job("a").strategy("nobody"), {0, 1});
  q.add(a_job("b"), {0, 2});
  CHECK(q.next() == std::vector<uint64_t>{2});
  CHECK(q.queue.at(a.klass).blocked);
  CHECK(q.queue.at(a.klass).refusal.nodes.at(0).first
        == reason::unknown_scheduler);
}

TEST_CASE("a hundred thousand jobs come out in the order of their keys") {
  queue_fixture q;
  constexpr uint64_t count = 100'000;
  for (uint64_t i = 0; i < count; ++i) {
    // 7'919 is prime to 10^5: every birth once, in a mixed order.
    auto born = i * 7'919 % count + 1;
    q.add(a_job("j").cpu(static_cast<double>(born % 50)), {0, born});
  }
  uint64_t expected = 0;
  while (expected < count) {
    auto batch = q.next(1'000);
    REQUIRE(batch.size() == 1'000);
    for (auto born : batch) {
      REQUIRE(born == ++expected);
    }
    for (auto& job : q.jobs)
      if (job->born > expected - 1'000 && job->born <= expected)
        q.queue.erase(*job, {0, job->born});
  }
  CHECK(q.next().empty());
}

} // namespace troupe
