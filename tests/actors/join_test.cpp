#include <caf/all.hpp>
#include <doctest/doctest.h>

#include "runtime/log.hpp"

#include "actors/join.hpp"

#include "tests/virtual_world/world.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::test;

namespace {

struct stage {
  virtual_world world;
  agent_actor agent;
  nodes_actor nodes;
  join_actor aut;
  /// What NODES answers; without, nothing.
  std::optional<node_welcome> welcome = node_welcome{};
  bool there = true;
  std::vector<virtual_world::time_point> dials;
  std::vector<std::string> refused;
  std::vector<uint64_t> incarnations;
  size_t joined = 0;
  size_t beats = 0;
  bool measures = true;
  std::vector<caf::typed_response_promise<node_welcome>> promises;
  /// Of the last hello.
  std::string identity;

  stage() {
    spdlog::set_level(spdlog::level::off);
    agent = world.fake<agent_actor>(
      "agent", [this](caf::event_based_actor* self) -> caf::behavior {
        return {
          [](list_inventory) { return inventory{}; },
          [this, self](measure_runs) -> caf::result<measured_runs> {
            if (measures)
              return measured_runs{};
            return self->make_response_promise<measured_runs>();
          },
        };
      });
    make_nodes();
    join_options options;
    options.profile.name = "a";
    options.identity = "a machine";
    options.local_controller = [this]() -> nodes_actor {
      dials.push_back(world.now());
      return there ? nodes : nodes_actor{};
    };
    options.on_refused = [this](const std::string& x) { refused.push_back(x); };
    options.on_joined
      = [this](const node_welcome&, const controller_address&) { ++joined; };
    aut = world.system().spawn(join, options, agent);
  }

  ~stage() { world.end(); }

  void make_nodes() {
    nodes = world.fake<nodes_actor>(
      "nodes", [this](caf::event_based_actor* self) -> caf::behavior {
        return {
          [this, self](const node_hello& x, const caf::strong_actor_ptr&)
            -> caf::result<node_welcome> {
            incarnations.push_back(x.incarnation);
            identity = x.identity;
            auto promise = self->make_response_promise<node_welcome>();
            if (welcome)
              promise.deliver(*welcome);
            else
              promises.push_back(promise);
            return promise;
          },
          [this](const heartbeat&) { ++beats; },
        };
      });
  }

  /// Time between a dial and the one before it.
  std::vector<milliseconds> pauses() const {
    std::vector<milliseconds> result;
    for (size_t i = 1; i < dials.size(); ++i)
      result.push_back(
        std::chrono::duration_cast<milliseconds>(dials[i] - dials[i - 1]));
    return result;
  }
};

} // namespace

TEST_CASE("a machine joins, and sends heartbeats at the interval it is told") {
  stage s;
  s.welcome->heartbeat_interval = 2s;
  s.world.settle();
  CHECK(s.joined == 1);
  CHECK(s.identity == "a machine");
  CHECK(s.beats == 1);
  s.world.pass(20s);
  // From 1.8 to 2 seconds apart.
  CHECK(s.beats >= 11);
  CHECK(s.beats <= 12);
  CHECK(s.dials.size() == 1);
}

TEST_CASE("a machine whose tasks cannot be measured is alive all the same") {
  stage s;
  s.measures = false;
  s.world.pass(6s);
  CHECK(s.beats == 1);
}

TEST_CASE(
  "a controller that is not there is dialled again, with growing pauses") {
  stage s;
  s.there = false;
  s.world.pass(60s);
  auto pauses = s.pauses();
  REQUIRE(pauses.size() >= 10);
  auto longest = 500ms;
  for (auto pause : pauses) {
    // A random part between the half and the whole, so that machines do not
    // come in step.
    CHECK(pause >= longest / 2);
    CHECK(pause <= longest + 1ms);
    longest = std::min<milliseconds>(longest * 2, 5s);
  }
  s.there = true;
  s.world.pass(6s);
  CHECK(s.joined == 1);
}

TEST_CASE("after a try that took long the next one is not waited for as well") {
  stage s;
  s.there = false;
  s.world.pass(60s);
  s.there = true;
  s.welcome.reset();
  auto before = s.dials.size();
  // Each is given up after 20 seconds.
  s.world.pass(130s);
  REQUIRE(s.dials.size() >= before + 6);
  auto pauses = s.pauses();
  for (auto i = before; i < pauses.size(); ++i) {
    CHECK(pauses[i] >= 20s + 250ms);
    CHECK(pauses[i] <= 20s + 501ms);
  }
}

TEST_CASE("after a success the pauses are short again") {
  stage s;
  s.there = false;
  s.world.pass(60s);
  s.there = true;
  s.world.pass(6s);
  REQUIRE(s.joined == 1);
  s.dials.clear();
  s.dials.push_back(s.world.now());
  s.world.kill(s.nodes);
  s.world.settle();
  s.make_nodes();
  s.world.pass(1s);
  REQUIRE(s.joined == 2);
  CHECK(s.pauses().front() <= 500ms);
}

TEST_CASE("a refusal that no waiting helps is told once it is heard") {
  stage s;
  s.welcome->refused = "install the same version";
  s.welcome->try_again = false;
  s.world.settle();
  CHECK(s.refused == std::vector<std::string>{"install the same version"});
  CHECK(s.joined == 0);
}

TEST_CASE("a refusal for now is not told, and the machine tries again") {
  stage s;
  s.welcome->refused = "joined again meanwhile";
  s.world.pass(3s);
  CHECK(s.refused.empty());
  CHECK(s.dials.size() > 1);
  s.welcome->refused.clear();
  s.world.pass(6s);
  CHECK(s.joined == 1);
}

TEST_CASE("a machine starts over when its session has ended") {
  stage s;
  s.world.settle();
  REQUIRE(s.joined == 1);
  caf::anon_send(s.aut, atom::dial_v);
  s.world.pass(1s);
  CHECK(s.joined == 2);
  // The same process, so the same life.
  REQUIRE(s.incarnations.size() == 2);
  CHECK(s.incarnations[0] == s.incarnations[1]);
}

TEST_CASE("a connection that is lost at both its ends is made anew once") {
  stage s;
  s.world.settle();
  s.world.kill(s.nodes);
  s.world.settle();
  caf::anon_send(s.aut, atom::dial_v);
  s.world.settle();
  s.make_nodes();
  s.world.pass(30s);
  CHECK(s.joined == 2);
  CHECK(s.dials.size() == 2);
}

TEST_CASE("a hello without an answer is given up, and a late answer is not "
          "heard") {
  stage s;
  s.welcome.reset();
  s.world.pass(19s);
  CHECK(s.dials.size() == 1);
  s.world.pass(2s);
  CHECK(s.dials.size() == 2);
  REQUIRE_FALSE(s.promises.empty());
  s.world.let(s.nodes, [&] { s.promises.front().deliver(node_welcome{}); });
  s.world.settle();
  CHECK(s.joined == 0);
  s.world.let(s.nodes, [&] { s.promises.back().deliver(node_welcome{}); });
  s.world.settle();
  CHECK(s.joined == 1);
}

TEST_CASE("heartbeats of an earlier connection end with it") {
  stage s;
  s.world.settle();
  for (int i = 0; i < 5; ++i) {
    caf::anon_send(s.aut, atom::dial_v);
    s.world.pass(1s);
  }
  REQUIRE(s.joined == 6);
  s.beats = 0;
  s.world.pass(100s);
  CHECK(s.beats >= 9);
  CHECK(s.beats <= 12);
}
