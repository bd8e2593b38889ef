#include <doctest/doctest.h>

#include "runtime/agent.hpp"

#include "tests/builders.hpp"

namespace troupe {

namespace {

work_item item_of(uint64_t allocation, work_kind kind = work_kind::start) {
  work_item x;
  x.kind = kind;
  x.task = {"job", static_cast<uint32_t>(allocation)};
  x.attempt = 1;
  x.allocation = {allocation};
  if (kind == work_kind::start)
    x.spec = a_job("job");
  return x;
}

std::vector<uint64_t> allocations(const std::vector<task_report>& xs) {
  std::vector<uint64_t> result;
  for (auto& x : xs)
    result.push_back(x.allocation.value);
  return result;
}

using numbers = std::vector<uint64_t>;

} // namespace

TEST_CASE("a start that is heard twice starts once and is answered twice") {
  runtime::agent a;
  CHECK(a.take({item_of(1)}).start.size() == 1);
  CHECK(a.reports_to_send().empty());
  a.note(a_report{item_of(1), task_state::running});
  auto again = a.take({item_of(1)});
  CHECK(again.start.empty());
  auto reports = a.reports_to_send();
  REQUIRE(reports.size() == 2);
  CHECK(reports[1].state == task_state::running);
}

TEST_CASE("after a restart nothing is started that is known") {
  runtime::agent a;
  a.adopt(item_of(1), a_report{item_of(1), task_state::running});
  CHECK(a.size() == 1);
  CHECK(a.find({1}) != nullptr);
  CHECK(a.find({2}) == nullptr);
  auto steps = a.take({item_of(1), item_of(2)});
  REQUIRE(steps.start.size() == 1);
  CHECK(steps.start[0].allocation.value == 2);
}

TEST_CASE("what runs is stopped, what does not is said to have stopped") {
  runtime::agent a;
  static_cast<void>(a.take({item_of(1), item_of(2)}));
  a.note(a_report{item_of(2), task_state::failed}.exit_code(3));
  static_cast<void>(a.reports_to_send());
  auto steps = a.take({item_of(1, work_kind::stop), item_of(2, work_kind::stop),
                       item_of(3, work_kind::stop)});
  REQUIRE(steps.stop.size() == 1);
  CHECK(steps.stop[0].value == 1);
  auto reports = a.reports_to_send();
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].state == task_state::failed);
  CHECK(reports[0].exit_code == 3);
  CHECK(reports[1].state == task_state::stopped);
  CHECK(reports[1].message == "it was not running here");
}

TEST_CASE("what is forgotten is gone, also if it was never known") {
  runtime::agent a;
  static_cast<void>(a.take({item_of(1)}));
  auto steps
    = a.take({item_of(1, work_kind::forget), item_of(7, work_kind::forget)});
  CHECK(steps.forget == std::vector<allocation_id>{{1}, {7}});
  CHECK(a.size() == 0);
  a.note(a_report{item_of(1), task_state::succeeded});
  CHECK(a.reports_to_send().empty());
}

TEST_CASE("nothing follows an end") {
  runtime::agent a;
  static_cast<void>(a.take({item_of(1)}));
  a.note(a_report{item_of(1), task_state::succeeded}.exit_code(0));
  a.note(a_report{item_of(1), task_state::running});
  CHECK(a.reports_to_send().size() == 1);
  REQUIRE(a.join().size() == 1);
  CHECK(a.join()[0].state == task_state::succeeded);
}

TEST_CASE("reports leave when they are acknowledged; a hello says the rest") {
  runtime::agent a;
  static_cast<void>(a.take({item_of(1), item_of(2), item_of(3)}));
  for (uint64_t i : {1U, 2U, 3U})
    a.note(a_report{item_of(i), task_state::running});
  CHECK(allocations(a.reports_to_send()) == numbers{1, 2, 3});
  CHECK(a.reports_to_send().empty());
  a.acknowledge(2);
  // A new connection: all that is known, in order, and nothing twice.
  CHECK(allocations(a.join()) == numbers{1, 2, 3});
  CHECK(a.reports_to_send().empty());
  a.note(a_report{item_of(2), task_state::failed});
  auto reports = a.reports_to_send();
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].sequence == 1);
}

TEST_CASE("so many reports are under way and no more") {
  runtime::agent a;
  static_cast<void>(a.take({item_of(1)}));
  for (auto i = 0; i < 3'000; ++i)
    a.note(a_report{item_of(1), task_state::running});
  size_t sent = 0;
  for (auto some = a.reports_to_send(); !some.empty();
       some = a.reports_to_send()) {
    CHECK(some.size() <= 512);
    sent += some.size();
  }
  CHECK(sent == 2'048);
  a.acknowledge(2'000);
  CHECK(a.reports_to_send().size() == 512);
}

} // namespace troupe
