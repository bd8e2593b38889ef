#include <doctest/doctest.h>

#include "runtime/placement/bench_trace.hpp"

using namespace troupe;
using namespace troupe::runtime::placement;

namespace {

// Three nodes with five GPUs.
constexpr auto nodes = "sn,cpu_milli,memory_mib,gpu,model\n"
                       "b,8000,32768,2,T4\n"
                       "a,8000,32768,2,G2\r\n"
                       "c,8000,32768,1,G2\n";

constexpr auto tasks = "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec\n"
                       "half,1000,1024,1,500,\n"
                       "pair,2000,1024,2,1000,\n"
                       "new,1000,1024,1,1000,T4|A10\n"
                       "plain,1000,1024,0,0,\n";

gpu_trace a_trace(std::string_view order, std::string_view rank = "0 1 2\n") {
  auto result = read_openb(nodes, tasks);
  REQUIRE(result.has_value());
  auto ok = arrange(*result, order, rank);
  REQUIRE(ok.has_value());
  return *result;
}

} // namespace

TEST_CASE("a trace says who may come where, in the order of the ranks") {
  auto x = a_trace("half\nnew\nhalf\n", "2 0 1\n");
  REQUIRE(x.nodes.size() == 3);
  // Sorted by name, a is third, b first and c second.
  CHECK(x.nodes[0].name == "b");
  CHECK(x.nodes[1].name == "c");
  CHECK(x.nodes[2].name == "a");
  CHECK(x.nodes[2].labels == label_set{{"model", "G2"}});
  CHECK(x.nodes[1].capacity == resources{8000, int64_t{32} << 30, 1000, {}});
  CHECK(x.gpu_millis() == 5000);
  REQUIRE(x.arrivals.size() == 3);
  CHECK(x.arrivals[0] == x.arrivals[2]);
  auto& choosy = *x.classes[x.arrivals[1]];
  CHECK(choosy.request.gpu_millis == 1000);
  CHECK(choosy.requirements
        == std::vector<label_requirement>{{"model", {"T4", "A10"}}});
}

TEST_CASE("a trace that cannot be read is refused with its line") {
  CHECK(read_openb("titles\nx,1\n", tasks).error()
        == "line 2 of the list of nodes: needs a name and 3 numbers");
  CHECK(read_openb(nodes, "titles\nx,1,2,3,4\ny,1,2,three,4\n").error()
        == "line 3 of the list of tasks: needs a name and 4 numbers");
  CHECK(read_openb("", tasks).error() == "the list of nodes is empty");
  auto x = *read_openb(nodes, tasks);
  CHECK(arrange(x, "half\nluck\n", "0 1 2").error()
        == "line 2 of the order: there is no task \"luck\" in the list");
  CHECK(arrange(x, "half\n", "0 1").error() == "there are 2 ranks for 3 nodes");
  CHECK(arrange(x, "half\n", "0 1 1").error()
        == "the rank of node 2 is not a place of its own");
}

TEST_CASE("tasks of a trace are offered once and counted") {
  // 0.5 + 2 + 2 + 0.5 fit on a, b and c; then only a half of c is free, and no
  // pair comes in. T4 is gone, too.
  auto x = a_trace("half\npair\npair\nhalf\npair\nnew\nplain\n", "1 2 0\n");
  for (auto& strategy : trace_strategies()) {
    CAPTURE(strategy);
    auto result = play(x, strategy);
    REQUIRE(result.has_value());
    CHECK(result->placed + result->refused == 7);
    // 0.5 + 2 + 2 + 0.5 + 2 + 1 of 5.
    CHECK(result->asked == doctest::Approx(8.0 / 5));
    CHECK(result->allocated <= 1);
    uint64_t why = 0;
    for (auto& [reason, count] : result->why)
      why += count;
    CHECK(why == result->refused);
    auto again = play(x, strategy);
    CHECK(again->allocated == result->allocated);
  }
  CHECK(play(x, "fgd")->allocated == doctest::Approx(1));
  CHECK(
    play(x, "luck").error().starts_with("unknown strategy luck; there are"));
}

TEST_CASE("a trace without an order arrives by chance, which is its seed") {
  auto x = *read_openb(nodes, tasks);
  arrange_by_chance(x, 42);
  auto again = *read_openb(nodes, tasks);
  arrange_by_chance(again, 42);
  CHECK(x.arrivals == again.arrivals);
  int64_t asked = 0;
  for (auto of : x.arrivals)
    asked += x.classes[of]->request.gpu_millis;
  CHECK(asked >= 6500);
  CHECK(asked <= 8500);
}

TEST_CASE("best fit takes what leaves least, as it was published") {
  // Node c has the least GPUs.
  auto x = a_trace("half\n");
  auto by = make_published("bestFit", x);
  table t;
  for (auto& row : x.nodes)
    t.add(row);
  auto place = by->choose(t, x.arrivals[0]);
  REQUIRE(place.has_value());
  CHECK(place->node == 2);
  CHECK(place->held.gpus == std::vector<uint16_t>{0});
  CHECK(make_published("luck", x) == nullptr);
}
