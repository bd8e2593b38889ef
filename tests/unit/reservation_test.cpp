#include <map>
#include <memory>

#include <doctest/doctest.h>

#include "runtime/placement/reservation.hpp"

#include "tests/builders.hpp"

namespace troupe {

namespace {

using namespace runtime::placement;

/// Machines, and who runs there until when.
struct nodes_with_endings {
  node_index add(double cores) {
    node_row row;
    row.name = "n" + std::to_string(nodes.rows());
    row.capacity
      = {static_cast<int64_t>(cores * 1'000), int64_t{4} << 30, 0, {}};
    return nodes.add(std::move(row));
  }

  void run(node_index n, double cores, int64_t until) {
    auto of = std::make_shared<const task_class>(of_cores(cores));
    auto place = nodes.occupy(n, *of);
    REQUIRE(place.has_value());
    tasks.push_back({of, *place});
    endings.push_back({{until}, n, tasks.size() - 1});
    std::sort(endings.begin(), endings.end());
  }

  static task_class of_cores(double cores) {
    task_class result;
    result.request.cpu_millicores = static_cast<int64_t>(cores * 1'000);
    result.request.memory_bytes = 1 << 20;
    return result;
  }

  std::optional<reservation>
  reserve_for(double cores, uint32_t count = 1, int64_t now = 0) {
    return reserve(nodes, [this](node_index, uint64_t id) { return tasks[id]; },
                   endings, of_cores(cores), count, {now});
  }

  table nodes;
  std::vector<held_place> tasks;
  std::vector<ending> endings;
};

} // namespace

TEST_CASE("a big task gets the first node where enough will have ended") {
  nodes_with_endings x;
  auto a = x.add(4);
  auto b = x.add(4);
  x.run(a, 2, 500);
  x.run(a, 1, 300);
  x.run(b, 3, 400);
  auto found = x.reserve_for(4);
  REQUIRE(found.has_value());
  CHECK(found->at.ms == 400);
  CHECK(found->places == std::vector<std::pair<node_index, uint32_t>>{{b, 1}});
  // Nothing of the node is left for whoever stays longer, all of the other is.
  CHECK(found->rest.free(b).cpu_millicores == 0);
  CHECK(found->rest.free(a).cpu_millicores == 1'000);
}

TEST_CASE("what the task does not need then is left for others") {
  nodes_with_endings x;
  auto a = x.add(8);
  x.run(a, 5, 100);
  auto found = x.reserve_for(6);
  REQUIRE(found.has_value());
  CHECK(found->at.ms == 100);
  // Three are free now, eight then, of which two are not needed.
  CHECK(found->rest.free(a).cpu_millicores == 2'000);
}

TEST_CASE("what fits now, or never, is not reserved for") {
  nodes_with_endings x;
  auto a = x.add(4);
  x.run(a, 3, 100);
  CHECK(!x.reserve_for(1).has_value());
  CHECK(!x.reserve_for(5).has_value());
}

TEST_CASE(
  "several tasks use nodes that are busy now before those that are not") {
  nodes_with_endings x;
  for (auto i = 0; i < 4; ++i)
    x.add(1);
  x.run(0, 1, 100);
  x.run(1, 1, 200);
  x.run(2, 1, 300);
  auto found = x.reserve_for(1, 3);
  REQUIRE(found.has_value());
  CHECK(found->at.ms == 200);
  CHECK(
    found->places
    == std::vector<std::pair<node_index, uint32_t>>{{0, 1}, {1, 1}, {3, 1}});
  auto two = x.reserve_for(1, 2);
  REQUIRE(two.has_value());
  CHECK(two->at.ms == 100);
  CHECK(two->rest.free(3).cpu_millicores == 0);
}

TEST_CASE("who is overdue counts as ended now") {
  nodes_with_endings x;
  auto a = x.add(1);
  x.run(a, 1, 100);
  auto found = x.reserve_for(1, 1, 500);
  REQUIRE(found.has_value());
  CHECK(found->at.ms == 500);
}

} // namespace troupe
