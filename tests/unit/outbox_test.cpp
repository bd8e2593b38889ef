#include <doctest/doctest.h>

#include "runtime/outbox.hpp"

namespace troupe {

namespace {

struct item {
  uint64_t sequence = 0;
  int value = 0;
};

std::vector<int> values(const std::vector<item>& xs) {
  std::vector<int> result;
  for (auto& x : xs)
    result.push_back(x.value);
  return result;
}

using ints = std::vector<int>;

} // namespace

TEST_CASE("an outbox sends in order, within its window") {
  runtime::outbox<item> box{3};
  for (auto i = 1; i <= 5; ++i)
    box.push({0, i * 10});
  CHECK(values(box.take(2)) == ints{10, 20});
  CHECK(values(box.take(2)) == ints{30});
  CHECK(box.take(2).empty());
  box.acknowledge(1);
  CHECK(values(box.take(9)) == ints{40});
  CHECK(box.size() == 4);
}

TEST_CASE("what is acknowledged is gone, what is not is sent again in order") {
  runtime::outbox<item> box{10};
  for (auto i = 1; i <= 4; ++i)
    box.push({0, i});
  static_cast<void>(box.take(3));
  box.acknowledge(2);
  box.lose_peer();
  auto again = box.take(10);
  CHECK(values(again) == ints{3, 4});
  // Numbered anew for the new peer.
  CHECK(again.at(0).sequence == 1);
  CHECK(again.at(1).sequence == 2);
  box.push({0, 5});
  CHECK(box.take(1).at(0).sequence == 3);
}

TEST_CASE("acknowledgements twice, late or of another life change nothing") {
  runtime::outbox<item> box{10};
  for (auto i = 1; i <= 3; ++i)
    box.push({0, i});
  static_cast<void>(box.take(3));
  box.acknowledge(2);
  box.acknowledge(2);
  box.acknowledge(1);
  box.acknowledge(99);
  CHECK(values(box.open(10)) == ints{3});
  CHECK(values(box.open(0)) == ints{});
  box.clear();
  CHECK(box.size() == 0);
  box.push({0, 9});
  CHECK(box.take(1).at(0).sequence == 1);
}

TEST_CASE("a hundred thousand items pass one outbox in order") {
  runtime::outbox<item> box{64};
  auto pushed = 0;
  auto taken = 0;
  while (taken < 100'000) {
    for (auto i = 0; i < 40 && pushed < 100'000; ++i)
      box.push({0, ++pushed});
    auto some = box.take(50);
    REQUIRE_FALSE(some.empty());
    for (auto& x : some)
      REQUIRE(x.value == ++taken);
    box.acknowledge(some.back().sequence);
  }
  CHECK(box.size() == 0);
}

} // namespace troupe
