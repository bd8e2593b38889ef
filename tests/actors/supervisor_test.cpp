#include <caf/all.hpp>
#include <doctest/doctest.h>

#include "actors/supervisor.hpp"

#include "tests/virtual_world/world.hpp"

using namespace std::chrono_literals;
using namespace troupe;
using namespace troupe::test;

namespace {

/// Children that write down when they begin and end.
struct family {
  virtual_world& world;
  supervisor_options options;
  std::vector<child_spec> specs;
  /// `+name` for a start, `-name` for an end.
  std::vector<std::string> diary;
  std::map<std::string, caf::actor> now;
  caf::actor root;
  caf::error end;
  bool ended = false;

  family(virtual_world& world, restart_strategy strategy) : world(world) {
    options.name = "family";
    options.strategy = strategy;
  }

  ~family() { world.end(); }

  /// A child that ends when it is told to, or with `stubborn` only when killed.
  void add(const std::string& name, bool stubborn = false) {
    auto start = [this, name, stubborn](caf::event_based_actor* parent) {
      auto made = parent->spawn([stubborn](caf::event_based_actor* self) {
        if (stubborn)
          self->set_exit_handler([](caf::exit_msg&) {
            // Nothing ends it but a kill.
          });
        return caf::behavior{[self](caf::error& why) { self->quit(why); }};
      });
      diary.push_back('+' + name);
      made->attach_functor(
        [this, name](const caf::error&) { diary.push_back('-' + name); });
      now[name] = made;
      return made;
    };
    specs.push_back({name, start, 5s});
  }

  void begin() {
    root = world.system().spawn(supervisor, options, specs);
    root->attach_functor([this](const caf::error& why) {
      ended = true;
      end = why;
    });
    world.settle();
    diary.clear();
  }

  void fail(const std::string& name) {
    caf::anon_send(now.at(name), caf::make_error(caf::sec::runtime_error, "x"));
    world.settle();
  }
};

using diary = std::vector<std::string>;

} // namespace

TEST_CASE("restarts are counted by the type of who failed") {
  virtual_world world;
  auto restarts = [] { return census::count()["supervisor"].restarts; };
  auto before = restarts();
  family f{world, restart_strategy::one_for_one};
  f.specs.push_back({"nested",
                     [&f](caf::event_based_actor* parent) {
                       auto made
                         = parent->spawn(supervisor, supervisor_options{},
                                         std::vector<child_spec>{});
                       f.now["nested"] = made;
                       return made;
                     },
                     5s});
  f.begin();
  CHECK(restarts() == before);
  caf::anon_send_exit(f.now.at("nested"),
                      caf::exit_reason::unhandled_exception);
  world.pass(1s);
  CHECK(restarts() == before + 1);
}

TEST_CASE("one for one: only the child that failed starts again") {
  virtual_world world;
  family f{world, restart_strategy::one_for_one};
  f.add("a");
  f.add("b");
  f.add("c");
  f.begin();
  f.fail("b");
  world.pass(1s);
  CHECK(f.diary == diary{"-b", "+b"});
  CHECK_FALSE(f.ended);
}

TEST_CASE("rest for one: the children after it stop in reverse order and start "
          "in order") {
  virtual_world world;
  family f{world, restart_strategy::rest_for_one};
  for (auto* name : {"a", "b", "c", "d"})
    f.add(name);
  f.begin();
  f.fail("b");
  world.pass(1s);
  CHECK(f.diary == diary{"-b", "-d", "-c", "+b", "+c", "+d"});
  CHECK_FALSE(f.ended);
}

TEST_CASE("a child that ends in order is started again as well") {
  virtual_world world;
  family f{world, restart_strategy::one_for_one};
  f.add("a");
  f.begin();
  caf::anon_send(f.now.at("a"), caf::error{});
  world.pass(1s);
  CHECK(f.diary == diary{"-a", "+a"});
}

TEST_CASE("each further restart waits twice as long") {
  virtual_world world;
  family f{world, restart_strategy::one_for_one};
  f.add("a");
  f.begin();
  for (auto pause : {50ms, 100ms, 200ms}) {
    f.diary.clear();
    f.fail("a");
    world.pass(pause - 1ms);
    CHECK(f.diary == diary{"-a"});
    world.pass(1ms);
    CHECK(f.diary == diary{"-a", "+a"});
  }
}

TEST_CASE("more failures than allowed in a period end the supervisor and all "
          "its children") {
  virtual_world world;
  family f{world, restart_strategy::one_for_one};
  f.options.restarts_max = 3;
  f.add("a");
  f.add("b");
  f.begin();
  for (int i = 0; i < 3; ++i) {
    f.fail("a");
    world.pass(1s);
  }
  CHECK_FALSE(f.ended);
  f.diary.clear();
  f.fail("a");
  world.pass(1s);
  CHECK(f.ended);
  CHECK(f.end == caf::sec::runtime_error);
  CHECK(f.diary == diary{"-a", "-b"});
}

TEST_CASE("failures of long ago do not count") {
  virtual_world world;
  family f{world, restart_strategy::one_for_one};
  f.options.restarts_max = 2;
  f.add("a");
  f.begin();
  for (int i = 0; i < 10; ++i) {
    f.fail("a");
    world.pass(6s);
  }
  CHECK_FALSE(f.ended);
}

TEST_CASE("children stop in reverse order and the supervisor after them") {
  virtual_world world;
  family f{world, restart_strategy::one_for_one};
  for (auto* name : {"a", "b", "c"})
    f.add(name);
  f.begin();
  caf::anon_send_exit(f.root, caf::exit_reason::user_shutdown);
  world.settle();
  CHECK(f.diary == diary{"-c", "-b", "-a"});
  CHECK(f.ended);
  CHECK(f.end == caf::exit_reason::user_shutdown);
}

TEST_CASE("a child that does not stop is killed after its timeout") {
  virtual_world world;
  family f{world, restart_strategy::one_for_one};
  f.add("a");
  f.add("b", true);
  f.begin();
  caf::anon_send_exit(f.root, caf::exit_reason::user_shutdown);
  world.pass(4999ms);
  CHECK(f.diary == diary{"-a"});
  CHECK_FALSE(f.ended);
  world.pass(1ms);
  CHECK(f.diary == diary{"-a", "-b"});
  CHECK(f.ended);
}

TEST_CASE("rest for one: a stubborn sibling delays the restart until it is "
          "killed") {
  virtual_world world;
  family f{world, restart_strategy::rest_for_one};
  f.add("a");
  f.add("b", true);
  f.begin();
  f.fail("a");
  world.pass(4s);
  CHECK(f.diary == diary{"-a"});
  world.pass(2s);
  CHECK(f.diary == diary{"-a", "-b", "+a", "+b"});
}

TEST_CASE("siblings that fail together are all there again afterwards") {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    CAPTURE(seed);
    virtual_world world{seed};
    family f{world, restart_strategy::rest_for_one};
    for (auto* name : {"a", "b", "c"})
      f.add(name);
    f.begin();
    for (auto* name : {"c", "a", "b"})
      caf::anon_send(f.now.at(name),
                     caf::make_error(caf::sec::runtime_error, "x"));
    world.pass(10s);
    CHECK_FALSE(f.ended);
    std::map<std::string, int> alive{{"a", 1}, {"b", 1}, {"c", 1}};
    for (auto& x : f.diary)
      alive[x.substr(1)] += x[0] == '+' ? 1 : -1;
    for (auto& x : alive) {
      CAPTURE(x.first);
      CHECK(x.second == 1);
    }
  }
}
