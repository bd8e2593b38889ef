// Random operations: whatever is asked, reported and proposed, in whatever
// order, the state is the fold of its facts and nobody is oversubscribed.

#include "tests/unit/random_life.hpp"

namespace troupe {

namespace {

/// Whether as many run as may at once.
bool is_full(const cluster_fixture& c, const runtime::waiting::job_class& x) {
  return std::any_of(x.quotas.begin(), x.quotas.end(), [&](auto& name) {
    auto& quota = c.core.limits().at(name);
    return quota.used >= quota.limit;
  });
}

/// Nobody who could be placed now waits as blocked.
std::string wrongly_blocked(const cluster_fixture& c) {
  std::string result;
  c.core.queue().each(
    [&](const runtime::waiting::job_class& x, const runtime::job_record& job) {
      if (!x.blocked || x.behind || x.policy == "nobody" || is_full(c, x))
        return true;
      for (uint32_t row = 0; row < c.core.table().rows(); ++row)
        if (c.core.table().has(row)
            && runtime::placement::could_fit(c.core.table(), *x.of, row))
          result += job.name + " is blocked and fits on row "
                    + std::to_string(row) + '\n';
      return true;
    });
  return result;
}

/// Nobody whose node has room waits for it.
std::string wrongly_waiting(const cluster_fixture& c) {
  std::string result;
  for (auto& [name, job] : c.core.jobs())
    for (auto index : job.requeued) {
      auto at = job.present.find(index);
      if (at == job.present.end() || job.held_back())
        continue;
      auto* node = c.core.find_node(c.core.name_at(at->second));
      if (runtime::placement::could_fit(
            c.core.table(), *c.core.queue().at(job.klass).of, node->row))
        result += name + '.' + std::to_string(index) + " waits and fits\n";
    }
  return result;
}

void live(uint64_t seed, size_t steps, size_t check_every) {
  CAPTURE(seed);
  random_life life{seed};
  for (size_t i = 1; i <= steps; ++i) {
    CAPTURE(i);
    life.step();
    if (i % check_every == 0)
      REQUIRE(life.c.core.check_invariants() == "");
    if (i % check_every == 0)
      REQUIRE(wrongly_waiting(life.c) == "");
  }
  CHECK(life.c.core.check_invariants() == "");
  life.c.check_copies();
  // It was a life worth checking.
  CHECK(life.c.events.size() > steps / 4);
}

} // namespace

TEST_CASE("whatever happens, every index equals its recomputation") {
  for (uint64_t seed = 1; seed <= 5; ++seed)
    live(seed, 2'000, 1);
}

TEST_CASE("10^5 random events leave maps that equal a recomputation") {
  for (uint64_t seed = 100; seed < 110; ++seed)
    live(seed, 10'000, 50);
}

TEST_CASE("a blocked class fits nowhere, whatever happened") {
  for (uint64_t seed = 1'000; seed < 1'005; ++seed) {
    CAPTURE(seed);
    random_life life{seed};
    for (size_t i = 0; i < 1'000; ++i) {
      CAPTURE(i);
      life.step();
      // With no proposal under way, since one tells what was true before.
      if (i % 10 == 0) {
        life.c.core.abandon();
        life.c.place();
        REQUIRE(wrongly_blocked(life.c) == "");
      }
    }
  }
}

TEST_CASE("a restored cluster decides as the original does") {
  for (uint64_t seed = 2'000; seed < 2'005; ++seed) {
    CAPTURE(seed);
    random_life life{seed};
    for (size_t i = 0; i < 1'500; ++i)
      life.step();
    life.c.core.abandon();
    life.end_strays();
    life.c.pass(milliseconds{0});
    cluster_fixture copy;
    copy.check = false;
    CHECK(copy.read_image(copy.core, copy.image_of(life.c.core)) == "");
    copy.now = life.c.now;
    copy.events = life.c.events;
    // The same from here on, commands and proposals.
    random_life orders{seed + 1};
    for (size_t i = 0; i < 200; ++i) {
      std::vector<command> all{
        submit_jobs{{a_job("later-" + std::to_string(orders.below(5)))
                       .tasks(static_cast<uint32_t>(orders.below(9) + 1))
                       .port("a", 80)},
                    {}},
        stop_job{"job-" + std::to_string(orders.below(12)), false},
        restart_job{"job-" + std::to_string(orders.below(12))},
        remove_node{"node-" + std::to_string(orders.below(9)), {}},
        change_node_health{"node-" + std::to_string(orders.below(9)),
                           node_state::unhealthy},
        join_node{a_node("node-" + std::to_string(orders.below(12))),
                  std::vector<task_report>{}},
        scale_job{"job-" + std::to_string(orders.below(12)),
                  static_cast<uint32_t>(orders.below(9))}};
      auto& x = all[orders.below(all.size())];
      for (auto* c : {&life.c, &copy}) {
        static_cast<void>(c->ask(x));
        // Until a restored one has heard from a machine, it does not know what
        // runs there in vain.
        c->pass(milliseconds{500});
      }
      REQUIRE(life.c.core.digest() == copy.core.digest());
    }
  }
}

} // namespace troupe
