// What operators set at run time: overcommit, priority classes, limits on tasks
// with a label, and how what waits is tried again.

#include "runtime/views/condition.hpp"

#include "tests/unit/cluster_fixture.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

job_spec_ptr of_class(a_job x, std::string name) {
  auto spec = std::make_shared<job_spec>(*job_spec_ptr{x});
  spec->priority_class = std::move(name);
  return spec;
}

std::string pointer_of(const expected<outcome, refusal>& x) {
  REQUIRE(!x.has_value());
  REQUIRE(!x.error().problems.empty());
  return x.error().problems.front().pointer;
}

change_settings limit(std::string label, uint32_t n) {
  change_settings result;
  result.concurrency.emplace()[std::move(label)] = n;
  return result;
}

} // namespace

TEST_CASE(
  "overcommit of the cluster holds for nodes of which nothing is said") {
  cluster_fixture c;
  c.join(a_node("a").cpu(2));
  c.join(a_node("b").cpu(2));
  c.done(change_node{"b", {}, {}, 1.0});
  c.submit(a_job("x").cpu(1).tasks(10));
  c.place();
  CHECK(c.core.find_job("x")->live() == 4);
  change_settings more;
  more.overcommit = 2;
  c.done(more);
  c.place();
  CHECK(c.core.find_job("x")->live() == 6);
  CHECK(c.core.overcommit_of(*c.core.find_node("a")) == 2);
  CHECK(c.core.overcommit_of(*c.core.find_node("b")) == 1);
  more.overcommit = 0.5;
  CHECK(pointer_of(c.ask(more)) == "/overcommit");
  c.check_copies();
}

TEST_CASE("a job takes the priority of its class") {
  cluster_fixture c;
  auto job = of_class(a_job("x"), "urgent");
  CHECK(pointer_of(c.ask(submit_jobs{{job}, {}})) == "/priorityClass");
  change_settings classes;
  classes.priority_classes.emplace()["urgent"] = 700;
  c.done(classes);
  c.submit(job);
  CHECK(c.core.find_job("x")->spec->priority == 700);
  SUBCASE("the same job again changes nothing") {
    c.submit(job);
    CHECK(c.core.find_job("x")->job_version == 1);
  }
  SUBCASE("its own priority wins") {
    c.submit(of_class(a_job("y").priority(3), "urgent"));
    CHECK(c.core.find_job("y")->spec->priority == 3);
  }
  SUBCASE("a class may change for jobs that come later") {
    classes.priority_classes->at("urgent") = 800;
    c.done(classes);
    CHECK(c.core.find_job("x")->spec->priority == 700);
    c.submit(of_class(a_job("z"), "urgent"));
    CHECK(c.core.find_job("z")->spec->priority == 800);
  }
  c.check_copies();
}

TEST_CASE("no more tasks with a label run than are allowed") {
  cluster_fixture c;
  c.join(a_node("a").cpu(10));
  c.done(limit("user=ann", 3));
  c.submit(a_job("x").tasks(2).label_of("user", "ann"));
  c.submit(a_job("y").tasks(4).label_of("user", "ann"));
  c.submit(a_job("z").tasks(4).label_of("user", "bob"));
  c.place();
  CHECK(c.core.find_job("x")->live() == 2);
  CHECK(c.core.find_job("y")->live() == 1);
  CHECK(c.core.find_job("z")->live() == 4);
  auto how = runtime::views::wait_of(c.core, *c.core.find_job("y"));
  CHECK(how.why == reason::quota);
  CHECK(how.message == "3 of 3 tasks with the label user=ann have a place");

  SUBCASE("the next one starts when one has ended") {
    c.ended({"x", 0});
    c.place();
    CHECK(c.core.find_job("y")->live() == 2);
  }
  SUBCASE("a higher limit lets more of them start") {
    c.done(limit("user=ann", 5));
    c.place();
    CHECK(c.core.find_job("y")->live() == 3);
  }
  SUBCASE("without a limit all of them start") {
    change_settings none;
    none.concurrency.emplace();
    c.done(none);
    c.place();
    CHECK(c.core.find_job("y")->live() == 4);
  }
  SUBCASE("nobody is preempted in vain") {
    c.submit(a_job("top").cpu(4).priority(9).label_of("user", "ann"));
    c.place();
    CHECK(c.core.find_job("top")->live() == 0);
    CHECK(c.core.find_job("z")->live() == 4);
  }
  SUBCASE("a gang starts only if all of it may") {
    c.ended({"x", 0});
    c.done(limit("user=ann", 3));
    c.submit(a_job("g").tasks(2).gang().label_of("user", "ann"));
    c.done(stop_job{"y"});
    c.stopped({"y", 0});
    c.place();
    c.agree();
    CHECK(c.core.find_job("g")->live() == 2);
    CHECK(c.core.limits().at("user=ann").used == 3);
  }
  SUBCASE("fairness does not change that") {
    change_settings fair;
    fair.queue_order = "fair";
    c.done(fair);
    c.ended({"x", 0});
    c.place();
    CHECK(c.core.find_job("y")->live() == 2);
  }
  c.check_copies();
}

TEST_CASE("a limit must be named after a label") {
  cluster_fixture c;
  CHECK(pointer_of(c.ask(limit("ann", 3))) == "/concurrency/ann");
  CHECK(c.ask(limit("ann", 3)).error().detail
        == "the limit \"ann\" must be named after a label of jobs and its "
           "value, such as \"user=ann\"");
  CHECK(pointer_of(c.ask(limit("=ann", 3))) == "/concurrency/=ann");
  CHECK(pointer_of(c.ask(limit("a/b~", 3))) == "/concurrency/a~1b~0");
}

TEST_CASE("what fits nowhere is tried five times by time alone, then left") {
  cluster_fixture c;
  c.join(a_node("a").cpu(2));
  c.submit(a_job("big").cpu(3));
  c.place();
  auto klass = [&]() -> auto& {
    return c.core.queue().at(c.core.find_job("big")->klass);
  };
  std::vector<int64_t> pauses;
  while (auto next = c.core.next_wake()) {
    pauses.push_back((*next - c.now).count());
    REQUIRE(pauses.size() < 10);
    c.pass(*next - c.now);
    CHECK(!klass().blocked);
    c.place();
    CHECK(klass().blocked);
  }
  REQUIRE(pauses.size() == 5);
  for (size_t i = 0; i < pauses.size(); ++i) {
    CHECK(pauses[i] >= 1'000 << i);
    CHECK(pauses[i] <= 1'100 << i);
  }
  CHECK(klass().tries == 5);
  // What could help does not wait for any time.
  c.join(a_node("b").cpu(4));
  c.place();
  CHECK(c.core.find_job("big")->live() == 1);
}

TEST_CASE("a shadow is compared and changes nothing") {
  cluster_fixture c;
  c.join(a_node("a"));
  c.join(a_node("b"));
  change_settings x;
  x.shadow = "spread";
  c.done(x);
  c.submit(a_job("j").tasks(2));
  auto batch = c.core.next_batch(10);
  REQUIRE(batch.has_value());
  auto here = c.propose(*batch);
  batch->policy = "spread";
  auto there = c.propose(*batch);
  c.core.note_shadow("spread", here, there, c.now);
  c.core.note_shadow("firstFit", here, there, c.now);
  auto& found = c.core.shadow();
  CHECK(found.policy == "spread");
  CHECK(found.rounds == 1);
  CHECK(found.same == 1);
  CHECK(found.elsewhere == 1);
  x.shadow = "binpack";
  c.done(x);
  CHECK(c.core.config().shadow.empty());
  x.shadow = "nonsense";
  CHECK(pointer_of(c.ask(x)) == "/shadow");
}

TEST_CASE("tasks that come and go are shared out evenly as well") {
  for (auto slots : {1, 3}) {
    CAPTURE(slots);
    cluster_fixture c;
    c.join(a_node("a").cpu(slots));
    change_settings fair;
    fair.queue_order = "fair";
    c.done(fair);
    c.submit(a_job("x").label_of("user", "ann").tasks(40));
    c.submit(a_job("y").label_of("user", "bob").tasks(40));
    std::map<std::string, int> done;
    for (auto ended = 0; ended < 40;) {
      c.place();
      std::vector<task_ref> live;
      for (auto& [name, job] : c.core.jobs())
        for (uint32_t i = 0; i < job.tasks.size(); ++i)
          if (holds_capacity(job.tasks[i].state))
            live.push_back({name, i});
      REQUIRE(live.size() == static_cast<size_t>(slots));
      for (auto& x : live)
        c.started(x);
      c.pass(200ms);
      for (auto& x : live) {
        c.ended(x);
        c.place();
        ++ended;
        ++done[x.job];
      }
    }
    CHECK(done["x"] >= 18);
    CHECK(done["y"] >= 18);
    c.check_copies();
  }
}

TEST_CASE("what somebody had long ago does not count") {
  cluster_fixture c;
  c.join(a_node("a").cpu(1));
  change_settings fair;
  fair.queue_order = "fair";
  c.done(fair);
  c.submit(a_job("past").label_of("user", "ann"));
  c.place();
  c.started({"past", 0});
  c.pass(10min);
  c.ended({"past", 0});
  c.pass(24h);
  c.submit(a_job("y").label_of("user", "bob").tasks(2));
  c.submit(a_job("x").label_of("user", "ann").tasks(2));
  std::string order;
  for (auto i = 0; i < 4; ++i) {
    c.place();
    for (auto* name : {"x", "y"})
      for (uint32_t n = 0; n < 2; ++n)
        if (holds_capacity(c.state_of({name, n}))) {
          order += name;
          c.started({name, n});
          c.pass(1s);
          c.ended({name, n});
        }
  }
  CHECK(order == "yxxy");
  c.check_copies();
}

TEST_CASE("what was tried enough says so, and what it waits for") {
  cluster_fixture c;
  c.join(a_node("a").cpu(1));
  c.submit(a_job("first"));
  c.submit(a_job("second"));
  c.place();
  auto& second = *c.core.find_job("second");
  auto why
    = [&] { return runtime::views::told_wait_of(c.core, second, c.now); };
  CHECK(why().why == reason::insufficient_cpu);
  while (auto next = c.core.next_wake()) {
    c.pass(*next - c.now);
    c.place();
  }
  CHECK(why().why == reason::retries_exhausted);
  CHECK(why().message.find("cpu") != std::string::npos);
  CHECK(c.core.queue().times_parked() == 1);
  c.started({"first", 0});
  c.ended({"first", 0});
  c.place();
  CHECK(c.state_of({"second", 0}) == task_state::placed);
}

} // namespace troupe
