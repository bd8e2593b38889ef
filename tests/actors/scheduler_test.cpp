#include <boost/json/serialize.hpp>
#include <caf/all.hpp>
#include <doctest/doctest.h>

#include "runtime/cluster/cluster.hpp"
#include "runtime/placement/policy.hpp"

#include "actors/scheduler.hpp"

#include "tests/virtual_world/world.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::test;

namespace {

/// A scheduler among fakes. The journal answers when the test says so.
struct stage {
  virtual_world world;
  scheduler_actor aut;
  journal_actor journal;
  watch_actor watch;
  nodes_actor nodes;
  decisions_actor keeper;
  /// Appends that wait for their answer.
  std::deque<std::pair<version_number, caf::typed_response_promise<appended>>>
    appends;
  /// Facts of each append.
  std::vector<size_t> sizes;
  /// What DECISIONS was told, and what it answers.
  std::vector<std::shared_ptr<const runtime::decision_batch>> kept;
  bool wants_whole = false;
  bool prompt = true;

  explicit stage(uint64_t seed = 0) : world(seed) {
    journal = world.fake<journal_actor>(
      "journal", [this](caf::event_based_actor* self) -> caf::behavior {
        return {
          [](load_cluster) {
            return loaded_cluster{std::make_shared<runtime::cluster>(), "id"};
          },
          [this, self](const append_events& x) -> caf::result<appended> {
            auto promise = self->make_response_promise<appended>();
            auto& events = *x.batch.events;
            sizes.push_back(events.size());
            appends.emplace_back(events.back().version, promise);
            if (prompt)
              acknowledge();
            return promise;
          },
        };
      });
    watch = world.fake<watch_actor>("watch");
    keeper = world.fake<decisions_actor>(
      "decisions", [this](caf::event_based_actor*) -> caf::behavior {
        return {[this](const keep_decisions& x) {
          kept.push_back(x.batch);
          return decisions_kept{std::exchange(wants_whole, false)};
        }};
      });
    nodes = world.fake<nodes_actor>("nodes");
    aut = world.system().spawn(scheduler, scheduler_options{}, journal, watch,
                               keeper);
    caf::anon_send(aut, nodes);
    world.settle();
    sizes.clear();
    world.forget_transcript();
  }

  ~stage() { world.end(); }

  /// Says that the oldest append is durable.
  void acknowledge() {
    auto version = appends.front().first;
    auto promise = appends.front().second;
    appends.pop_front();
    world.let(journal, [version, promise]() mutable {
      promise.deliver(appended{version, {}});
    });
  }

  void trouble() {
    auto promise = appends.front().second;
    appends.pop_front();
    world.let(journal, [promise]() mutable {
      promise.deliver(appended{0, "the disk is full"});
    });
  }

  auto ask(command x) {
    return world.ask<command_answer>(aut, run_command{std::move(x)});
  }

  auto submit(const std::string& name) {
    job_spec spec;
    spec.name = name;
    return ask(submit_jobs{{std::make_shared<const job_spec>(spec)}, {}});
  }

  void join(const std::string& name) {
    join_node x;
    x.profile.name = name;
    x.profile.capacity = {4'000, int64_t{8} << 30, 0, {}};
    x.profile.drivers = {"process"};
    x.inventory.emplace();
    static_cast<void>(ask(std::move(x)));
    world.settle();
  }

  /// A policy that answers as `make` says.
  policy_actor
  serve(const std::string& name,
        std::function<caf::behavior(caf::event_based_actor*)> make) {
    auto result = world.fake<policy_actor>("policy", make);
    caf::anon_send(aut, serve_policy{name, result});
    world.settle();
    return result;
  }
};

/// Places as the real one does.
caf::behavior well_behaved(caf::event_based_actor*) {
  auto core = std::shared_ptr<runtime::placement::policy>(
    runtime::placement::make_policy("binpack"));
  return {[core](const propose_places& x) {
    return proposed_places{std::make_shared<const runtime::placement::proposal>(
      core->propose(*x.snapshot, *x.asks))};
  }};
}

} // namespace

TEST_CASE("a command is answered, and its facts are told, only when they are "
          "durable") {
  stage s;
  s.prompt = false;
  auto answer = s.submit("web");
  s.world.pass(60s);
  CHECK_FALSE(answer->is_there());
  CHECK(s.world.count_said("scheduler -> watch") == 0);
  s.acknowledge();
  s.world.settle();
  REQUIRE(answer->value);
  CHECK_FALSE(answer->value->refused);
  CHECK(s.world.count_said("scheduler -> watch: event_batch") == 1);
}

TEST_CASE("a question is answered when what it shows is durable") {
  stage s;
  s.prompt = false;
  auto before = s.world.ask<query_answer>(s.aut, run_query{get_job{"web"}});
  s.world.settle();
  REQUIRE(before->value);
  CHECK(before->value->refused);
  static_cast<void>(s.submit("web"));
  s.world.settle();
  auto after = s.world.ask<query_answer>(s.aut, run_query{get_job{"web"}});
  s.world.pass(10s);
  CHECK_FALSE(after->is_there());
  s.acknowledge();
  s.world.settle();
  REQUIRE(after->value);
  CHECK_FALSE(after->value->refused);
}

TEST_CASE("work leaves for machines when the fact that gave it is durable") {
  stage s;
  s.serve("binpack", well_behaved);
  s.join("a");
  s.prompt = false;
  static_cast<void>(s.submit("web"));
  s.world.settle();
  s.acknowledge();
  s.world.settle();
  // Now the placement is on its way to the journal.
  CHECK(s.world.count_said("journal: append_events(") > 0);
  CHECK(s.world.count_said("scheduler -> nodes: assigned_work") == 0);
  s.acknowledge();
  s.world.settle();
  CHECK(s.world.count_said("scheduler -> nodes: assigned_work(a: start web.0")
        == 1);
}

TEST_CASE("a journal in trouble is tried again, and nothing is answered "
          "meanwhile") {
  stage s;
  s.prompt = false;
  auto answer = s.submit("web");
  s.world.settle();
  for (int i = 0; i < 5; ++i) {
    REQUIRE(s.appends.size() == 1);
    s.trouble();
    s.world.settle();
    CHECK(s.appends.empty());
    CHECK_FALSE(answer->is_there());
    s.world.pass(1s);
  }
  REQUIRE(s.appends.size() == 1);
  s.acknowledge();
  s.world.settle();
  CHECK(answer->value);
  // The same facts, every time.
  CHECK(s.sizes == std::vector<size_t>(6, 1));
}

TEST_CASE("while the journal is in trouble questions are answered, and what "
          "people ask is refused") {
  stage s;
  s.prompt = false;
  auto first = s.submit("a");
  s.world.settle();
  s.trouble();
  s.world.settle();
  auto seen = s.world.ask<query_answer>(s.aut, run_query{get_job{"a"}});
  auto refused = s.submit("b");
  s.world.settle();
  REQUIRE(seen->value);
  CHECK(seen->value->view);
  REQUIRE(refused->value);
  REQUIRE(refused->value->refused);
  CHECK(refused->value->refused->kind == refusal_kind::no_room);
  CHECK(refused->value->refused->detail.find("the disk is full")
        != std::string::npos);
  // What was accepted before waits, and machines are heard.
  CHECK_FALSE(first->is_there());
  s.join("n");
  while (!s.appends.empty()) {
    s.acknowledge();
    s.world.pass(1s);
  }
  CHECK(first->value);
  auto nodes = s.world.ask<query_answer>(s.aut, run_query{get_node{"n"}});
  s.world.settle();
  REQUIRE(nodes->value);
  CHECK(nodes->value->view);
  auto again = s.submit("b");
  s.world.settle();
  while (!s.appends.empty()) {
    s.acknowledge();
    s.world.pass(1s);
  }
  REQUIRE(again->value);
  CHECK_FALSE(again->value->refused);
}

TEST_CASE("commands that come before the journal is in trouble are not lost") {
  stage s;
  s.prompt = false;
  auto first = s.submit("a");
  s.world.settle();
  auto second = s.submit("b");
  s.world.settle();
  s.trouble();
  s.world.settle();
  while (!s.appends.empty() || !second->is_there()) {
    s.world.pass(1s);
    if (!s.appends.empty())
      s.acknowledge();
    s.world.settle();
  }
  CHECK(first->value);
  CHECK(second->value);
}

TEST_CASE("a journal that cannot go on ends the scheduler") {
  stage s;
  s.prompt = false;
  auto ended = s.world.end_of(s.aut);
  auto answer = s.submit("web");
  s.world.settle();
  auto promise = s.appends.front().second;
  s.world.let(s.journal, [promise]() mutable {
    promise.deliver(
      caf::make_error(caf::sec::runtime_error, "the disk is gone"));
  });
  s.world.settle();
  CHECK(*ended);
  CHECK_FALSE(answer->value);
}

TEST_CASE("a thousand commands at once are a handful of appends") {
  stage s;
  s.prompt = false;
  std::vector<std::shared_ptr<const answer<command_answer>>> answers;
  for (int i = 0; i < 1'000; ++i)
    answers.push_back(s.submit("job-" + std::to_string(i)));
  s.world.settle();
  // One is on its way, the rest gathers.
  REQUIRE(s.appends.size() == 1);
  while (!s.appends.empty()) {
    s.acknowledge();
    s.world.settle();
  }
  CHECK(s.sizes == std::vector<size_t>{1, 999});
  CHECK(std::all_of(answers.begin(), answers.end(),
                    [](auto& x) { return x->value.has_value(); }));
}

TEST_CASE("answers come in the order of the commands") {
  stage s;
  s.prompt = false;
  std::vector<version_number> versions;
  std::vector<std::shared_ptr<const answer<command_answer>>> answers;
  for (int i = 0; i < 20; ++i)
    answers.push_back(s.submit("job-" + std::to_string(i)));
  s.world.settle();
  while (!s.appends.empty()) {
    s.acknowledge();
    s.world.settle();
  }
  for (auto& x : answers)
    versions.push_back(x->value->done.version);
  CHECK(std::is_sorted(versions.begin(), versions.end()));
  CHECK(std::adjacent_find(versions.begin(), versions.end()) == versions.end());
}

TEST_CASE("a policy that fails is asked again for the same tasks") {
  stage s;
  auto failures = 2;
  s.serve("binpack", [&](caf::event_based_actor*) -> caf::behavior {
    auto core = std::shared_ptr<runtime::placement::policy>(
      runtime::placement::make_policy("binpack"));
    return {[&failures,
             core](const propose_places& x) -> caf::result<proposed_places> {
      if (failures-- > 0)
        return caf::sec::runtime_error;
      return proposed_places{
        std::make_shared<const runtime::placement::proposal>(
          core->propose(*x.snapshot, *x.asks))};
    }};
  });
  s.join("a");
  static_cast<void>(s.submit("web"));
  s.world.pass(10s);
  CHECK(s.world.count_said("policy: propose_places(1)") == 3);
  CHECK(s.world.count_said("nodes: assigned_work(a: start web.0") == 1);
}

TEST_CASE("a policy that does not answer is given up after its time, and what "
          "it says later is not heard") {
  stage s;
  std::vector<caf::typed_response_promise<proposed_places>> promises;
  auto slow
    = s.serve("binpack", [&](caf::event_based_actor* self) -> caf::behavior {
        return {[&promises,
                 self](const propose_places&) -> caf::result<proposed_places> {
          promises.push_back(self->make_response_promise<proposed_places>());
          return promises.back();
        }};
      });
  s.join("a");
  static_cast<void>(s.submit("web"));
  s.world.pass(9s);
  CHECK(promises.size() == 1);
  s.world.pass(3s);
  CHECK(promises.size() == 2);
  s.world.let(slow, [&] {
    promises.front().deliver(
      proposed_places{std::make_shared<const runtime::placement::proposal>()});
  });
  s.world.settle();
  // Its replacement is asked, and answers.
  s.serve("binpack", well_behaved);
  s.world.pass(20s);
  CHECK(s.world.count_said("nodes: assigned_work(a: start web.0") == 1);
  promises.clear();
}

TEST_CASE("what a shadow says of an earlier round is not compared with a later "
          "one") {
  stage s;
  auto failures = 1;
  std::vector<caf::typed_response_promise<proposed_places>> shadows;
  auto deciding = runtime::placement::make_policy("binpack");
  s.serve("binpack", [&](caf::event_based_actor*) -> caf::behavior {
    return {[&](const propose_places& x) -> caf::result<proposed_places> {
      if (failures-- > 0)
        return caf::sec::runtime_error;
      return proposed_places{
        std::make_shared<const runtime::placement::proposal>(
          deciding->propose(*x.snapshot, *x.asks))};
    }};
  });
  auto slow = s.serve(
    "spread", [&](caf::event_based_actor* self) -> caf::behavior {
      return {[&, self](const propose_places&) -> caf::result<proposed_places> {
        shadows.push_back(self->make_response_promise<proposed_places>());
        return shadows.back();
      }};
    });
  s.join("a");
  change_settings shadowed;
  shadowed.shadow = "spread";
  static_cast<void>(s.ask(shadowed));
  s.world.settle();
  // The first round fails, and the shadow still thinks about it.
  static_cast<void>(s.submit("web"));
  s.world.pass(5s);
  REQUIRE(shadows.size() == 2);
  auto compared = [&] {
    auto answer = s.world.ask<query_answer>(s.aut, run_query{list_policies{}});
    s.world.settle();
    REQUIRE(answer->value);
    return boost::json::serialize(*answer->value->view);
  };
  auto say = [&](size_t which) {
    s.world.let(slow, [&shadows, which] {
      runtime::placement::proposal nowhere;
      nowhere.runs.resize(1);
      shadows[which].deliver(proposed_places{
        std::make_shared<const runtime::placement::proposal>(nowhere)});
    });
    s.world.settle();
  };
  say(0);
  CHECK(compared().find("\"rounds\":0") != std::string::npos);
  say(1);
  CHECK(compared().find("\"rounds\":1") != std::string::npos);
  shadows.clear();
}

TEST_CASE("a policy that ends is replaced, and its tasks are placed by the new "
          "one") {
  stage s;
  auto dies = [](caf::event_based_actor* self) -> caf::behavior {
    return {[self](const propose_places&) -> caf::result<proposed_places> {
      self->quit(caf::sec::runtime_error);
      return caf::sec::runtime_error;
    }};
  };
  s.serve("binpack", dies);
  s.join("a");
  static_cast<void>(s.submit("web"));
  s.world.settle();
  s.serve("binpack", well_behaved);
  s.world.pass(30s);
  CHECK(s.world.count_said("nodes: assigned_work(a: start web.0") == 1);
}

TEST_CASE("a rehearsal is answered and leaves no facts") {
  stage s;
  job_spec spec;
  spec.name = "web";
  auto answer = s.world.ask<command_answer>(
    s.aut, run_command{
             submit_jobs{{std::make_shared<const job_spec>(spec)}, {}}, true});
  s.world.pass(5s);
  REQUIRE(answer->value);
  CHECK_FALSE(answer->value->refused);
  CHECK(s.sizes.empty());
}

TEST_CASE("what was decided is kept when it is durable, and all of it if that "
          "is asked for") {
  stage s;
  s.serve("binpack", well_behaved);
  s.join("a");
  s.kept.clear();
  s.prompt = false;
  static_cast<void>(s.submit("web"));
  s.world.settle();
  s.acknowledge();
  s.world.settle();
  // The placement is on its way to the journal.
  REQUIRE(s.appends.size() == 1);
  auto placed = s.appends.front().first;
  CHECK(s.kept.empty());
  s.wants_whole = true;
  s.acknowledge();
  s.world.settle();
  REQUIRE(s.kept.size() == 2);
  CHECK_FALSE(s.kept[0]->whole);
  CHECK(s.kept[0]->until.version == placed);
  REQUIRE(s.kept[0]->notes.size() == 1);
  auto& round = std::get<runtime::noted_round>(s.kept[0]->notes[0]);
  CHECK(round.what.last == placed);
  CHECK(s.kept[1]->whole);
  CHECK(s.kept[1]->notes.size() == 1);
}
