// Big tasks start although small ones keep coming, and small ones run where they
// are in nobody's way.

#include "runtime/remedy.hpp"
#include "runtime/views/condition.hpp"

#include "tests/unit/cluster_fixture.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

/// One machine of four cores, of which three are in use for 100 s more, and a
/// task that needs all four.
struct busy_node : cluster_fixture {
  busy_node() {
    join(a_node("n").cpu(4));
    submit(a_job("now").cpu(3).timeout(100s));
    place();
    started({"now", 0});
    submit(a_job("big").cpu(4));
    place();
  }

  uint32_t live(const std::string& job) const {
    return core.find_job(job)->live();
  }
  std::string wait_of(const std::string& job) const {
    return runtime::views::wait_of(core, *core.find_job(job)).message;
  }
};

} // namespace

TEST_CASE("what would delay a bigger task ahead of it waits") {
  busy_node c;
  REQUIRE(c.live("big") == 0);
  c.submit(a_job("endless").cpu(1));
  c.submit(a_job("long").cpu(1).timeout(101s));
  c.place();
  CHECK(c.live("endless") == 0);
  CHECK(c.live("long") == 0);
  REQUIRE(c.core.ahead().has_value());
  CHECK(c.core.ahead()->job == "big");
  CHECK(c.core.ahead()->places.at == c.now + 100s);
  CHECK(c.wait_of("endless")
        == "where it would fit, places are kept for big, which is ahead of it "
           "and is expected to start in 100 s; with an expectedRuntime or "
           "timeout that ends before, it could run until then");

  SUBCASE("what ends before runs") {
    c.submit(a_job("short").cpu(1).timeout(100s));
    c.place();
    CHECK(c.live("short") == 1);
    SUBCASE("and the big one starts on time") {
      c.pass(100s);
      c.ended({"short", 0});
      c.ended({"now", 0});
      c.place();
      CHECK(c.live("big") == 1);
      CHECK(c.live("long") == 0);
      c.ended({"big", 0});
      c.place();
      CHECK(c.live("long") == 1);
      CHECK(c.live("endless") == 1);
    }
  }
  SUBCASE("what waits behind it runs once it is gone") {
    c.done(stop_job{"big"});
    c.place();
    CHECK(c.live("endless") + c.live("long") == 1);
  }
  SUBCASE("what is ahead of it does not care") {
    c.submit(a_job("top").cpu(1).priority(1));
    c.place();
    CHECK(c.live("top") == 1);
  }
  SUBCASE("other nodes are free for all") {
    c.join(a_node("m").cpu(2));
    c.place();
    CHECK(c.live("endless") + c.live("long") == 2);
    CHECK(c.node_of({"endless", 0}) == "m");
  }
  c.check_copies();
}

TEST_CASE("what waits behind a bigger task is told to wait for that one") {
  busy_node c;
  c.submit(a_job("short").cpu(1).timeout(50s));
  c.submit(a_job("endless").cpu(1));
  c.place();
  REQUIRE(c.live("short") == 1);
  REQUIRE(c.live("endless") == 0);
  std::vector<std::string> told;
  for (auto& x : remedies_for(c.core, *c.core.find_job("endless"), c.now))
    told.push_back(x.message);
  CHECK(std::count(told.begin(), told.end(),
                   "wait: it is looked at again once big has started")
        == 1);
  c.pass(50s);
  c.ended({"short", 0});
  c.place();
  // There is room now, for who is gone when the big one starts.
  auto found = remedies_for(c.core, *c.core.find_job("endless"), c.now);
  REQUIRE(!found.empty());
  auto soon = std::find_if(found.begin(), found.end(), [](auto& x) {
    return x.change == "expectedRuntime=50s";
  });
  REQUIRE(soon != found.end());
  c.done(*soon->how);
  c.place();
  CHECK(c.live("endless") == 1);
  for (auto& x : told)
    CHECK(x.find("once short.0") == std::string::npos);
}

TEST_CASE("what a big task does not need is for whoever comes") {
  cluster_fixture c;
  c.join(a_node("n").cpu(8));
  c.submit(a_job("now").cpu(5).timeout(100s));
  c.place();
  c.submit(a_job("big").cpu(6));
  c.submit(a_job("small").cpu(1).tasks(3));
  c.place();
  CHECK(c.core.find_job("small")->live() == 2);
}

TEST_CASE("while nobody says how long it runs, all that fits runs") {
  cluster_fixture c;
  c.join(a_node("n").cpu(4));
  c.submit(a_job("now").cpu(3));
  c.place();
  c.submit(a_job("big").cpu(4));
  c.submit(a_job("small").cpu(1));
  c.place();
  CHECK(c.core.find_job("small")->live() == 1);
  CHECK(!c.core.ahead().has_value());
}

TEST_CASE("one batch does not overtake what it could not place itself") {
  cluster_fixture c;
  c.join(a_node("n").cpu(4));
  c.submit(a_job("now").cpu(3).timeout(100s));
  c.place();
  c.submit(a_job("big").cpu(4));
  c.submit(a_job("small").cpu(1));
  c.submit(a_job("short").cpu(1).timeout(5s));
  c.place();
  CHECK(c.core.find_job("small")->live() == 0);
  CHECK(c.core.find_job("short")->live() == 1);
}

TEST_CASE("a reservation among thousands of tasks knows what came since") {
  cluster_fixture c;
  c.check = false;
  c.join(a_node("full").cpu(2'100).memory(int64_t{1} << 40));
  c.submit(a_job("many").cpu(1).tasks(2'100).timeout(1h));
  c.place(5'000);
  c.join(a_node("n").cpu(4));
  c.submit(a_job("now").cpu(3).timeout(100s));
  c.place();
  c.join(a_node("m").cpu(1));
  c.submit(a_job("big").cpu(4));
  c.place();
  REQUIRE(c.core.ahead().has_value());
  // What is short takes all that is free; nothing is left for what is not.
  c.submit(a_job("short").cpu(1).tasks(2).timeout(5s));
  c.submit(a_job("endless").cpu(1));
  c.place();
  CHECK(c.core.find_job("short")->live() == 2);
  CHECK(c.core.find_job("endless")->live() == 0);
  REQUIRE(c.core.ahead().has_value());
  CHECK(c.core.ahead()->job == "big");
}

TEST_CASE("a gang that waits gets its places, and short ones use them") {
  cluster_fixture c;
  for (auto name : {"a", "b", "c"})
    c.join(a_node(name).cpu(1));
  c.submit(a_job("now").cpu(1).tasks(2).timeout(60s));
  c.place();
  c.submit(a_job("gang").tasks(3).gang());
  c.place();
  c.submit(a_job("long").timeout(61s));
  c.submit(a_job("brief").timeout(59s));
  c.place();
  CHECK(c.core.find_job("long")->live() == 0);
  CHECK(c.core.find_job("brief")->live() == 1);
  c.pass(59s);
  c.ended({"brief", 0});
  c.ended({"now", 0});
  c.ended({"now", 1});
  c.place();
  c.agree();
  CHECK(c.core.find_job("gang")->live() == 3);
  c.check_copies();
}

} // namespace troupe
