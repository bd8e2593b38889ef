// Whatever has happened to a cluster, every question about it has an answer.

#include "runtime/views/answer.hpp"
#include "runtime/views/condition.hpp"

#include "tests/unit/random_life.hpp"

namespace troupe {

namespace {

class asker {
public:
  explicit asker(const cluster_fixture& c) : c_{c} {}

  void ask_everything() {
    for (const query& x :
         {query{list_jobs{}}, query{list_tasks{}}, query{list_nodes{}},
          query{list_queue{}}, query{list_gangs{}}, query{list_results{}},
          query{get_cluster{}}, query{list_policies{}}, query{get_map{}},
          query{get_usage{}}})
      ask(x);
    for (auto& [name, job] : c_.core.jobs()) {
      ask(get_job{name});
      ask(get_why{{}, name, {}});
      for (uint32_t i = 0; i < runtime::views::task_count(job); ++i) {
        ask(get_task{{name, i}});
        ask(get_why{task_ref{name, i}, {}, {}});
      }
    }
    for (auto& [name, node] : c_.core.nodes()) {
      ask(get_node{name});
      ask(get_why{{}, {}, name});
    }
  }

  [[nodiscard]] size_t answers() const { return answers_; }

private:
  void ask(const query& x) {
    auto result = runtime::answer(c_.core, measured_, x, c_.now);
    REQUIRE(result.has_value());
    ++answers_;
  }

  const cluster_fixture& c_;
  runtime::vitals measured_;
  size_t answers_ = 0;
};

} // namespace

TEST_CASE("whatever happens, every question has an answer") {
  size_t answers = 0;
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    CAPTURE(seed);
    random_life life{seed};
    for (size_t i = 1; i <= 500; ++i) {
      CAPTURE(i);
      life.step();
      if (i % 25 != 0)
        continue;
      asker all{life.c};
      all.ask_everything();
      answers += all.answers();
    }
  }
  CHECK(answers > 5'000);
}

} // namespace troupe
