#include <fstream>

#include <doctest/doctest.h>
#include <unistd.h>

#include "runtime/agent_store.hpp"

#include "tests/builders.hpp"

namespace troupe {

namespace {

namespace fs = std::filesystem;

struct directory {
  directory()
    : path(fs::temp_directory_path()
           / ("troupe-agent-store-" + std::to_string(getpid()))) {
    fs::remove_all(path);
  }
  ~directory() { fs::remove_all(path); }
  fs::path path;
};

work_item an_item(uint64_t allocation) {
  work_item x;
  x.task = {"x", 3};
  x.attempt = 2;
  x.allocation = {allocation};
  x.spec = a_job("x").port("a", 80).command({"sh", "-c", "echo \"hi\""});
  x.ports = {{"a", 80, 20'000}};
  x.gpus = {0, 2};
  return x;
}

} // namespace

TEST_CASE("what was accepted is there after a restart, until it is forgotten") {
  directory d;
  std::vector<std::string> damaged;
  {
    auto store = runtime::agent_store::open(d.path);
    REQUIRE(store);
    for (uint64_t i : {11U, 9U, 10U})
      CHECK(store->accept(an_item(i)).has_value());
    CHECK(store->keep({10}, {.attempt = 4, .begun = true}).has_value());
    store->forget({11});
    store->forget({99});
  }
  auto store = runtime::agent_store::open(d.path);
  REQUIRE(store);
  auto entries = store->load(damaged);
  CHECK(damaged.empty());
  REQUIRE(entries.size() == 2);
  CHECK(entries[0].item.allocation.value == 9);
  CHECK(entries[0].progress == run_progress{.attempt = 2});
  CHECK(entries[1].progress == run_progress{.attempt = 4, .begun = true});
  CHECK(entries[0].item.ports == an_item(9).ports);
  CHECK(entries[0].item.gpus == an_item(9).gpus);
  CHECK(*entries[0].item.spec == *an_item(9).spec);
  CHECK((fs::status(d.path).permissions() & fs::perms::others_all)
        == fs::perms::none);
}

TEST_CASE("damaged and half-written files are named and left alone") {
  directory d;
  auto store = runtime::agent_store::open(d.path);
  REQUIRE(store);
  CHECK(store->accept(an_item(1)).has_value());
  std::ofstream{d.path / "2.json"} << "{\"task\":";
  std::ofstream{d.path / "3.json"} << "{}";
  std::ofstream{d.path / "4.new"} << "{}";
  std::vector<std::string> damaged;
  CHECK(store->load(damaged).size() == 1);
  CHECK(damaged.size() == 2);
}

TEST_CASE("a place that cannot be written to is an error with a sentence") {
  directory d;
  std::ofstream{d.path} << "a file";
  CHECK_FALSE(runtime::agent_store::open(d.path / "below").has_value());
  fs::remove(d.path);
  auto store = runtime::agent_store::open(d.path);
  REQUIRE(store);
  fs::remove_all(d.path);
  CHECK_FALSE(store->accept(an_item(1)).has_value());
}

} // namespace troupe
