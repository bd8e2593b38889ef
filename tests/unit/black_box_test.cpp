#include <filesystem>
#include <fstream>

#include <doctest/doctest.h>
#include <unistd.h>

#include "runtime/black_box/rounds.hpp"
#include "runtime/black_box/store.hpp"

using namespace troupe;
using namespace troupe::runtime::black_box;
using namespace std::chrono_literals;

namespace fs = std::filesystem;

namespace {

/// A folder that is gone with the test.
struct folder {
  folder()
    : path(fs::temp_directory_path()
           / ("troupe-black-box-" + std::to_string(getpid()))) {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  ~folder() { fs::remove_all(path); }
  fs::path path;
};

store opened(store_options x = {}) {
  auto result = store::open(std::move(x));
  REQUIRE(result.has_value());
  return std::move(*result);
}

constexpr timestamp noon{1'700'000'000'000};
constexpr run first{{7}, 1};
constexpr run second{{7}, 2};

rounds::time_point at(std::chrono::milliseconds x) {
  return rounds::time_point{} + x;
}

} // namespace

TEST_CASE("the last of what each run wrote is kept, by attempt") {
  auto aut = opened();
  CHECK(aut.find(first) == std::nullopt);
  REQUIRE(aut.keep(first, {"one", "oops"}, noon));
  REQUIRE(aut.keep(second, {"two", ""}, noon));
  REQUIRE(aut.keep(first, {"one and more", "oops"}, noon));
  CHECK(aut.find(first) == output{"one and more", "oops"});
  CHECK(aut.find(second) == output{"two", ""});
}

TEST_CASE("of each stream no more than its end is kept") {
  auto aut = opened();
  auto text = std::string(stream_bytes_max, 'a') + "the end";
  REQUIRE(aut.keep(first, {text, text}, noon));
  auto found = aut.find(first);
  REQUIRE(found);
  CHECK(found->out.size() == stream_bytes_max);
  CHECK(found->out.ends_with("the end"));
  CHECK(found->err.size() == stream_bytes_max);
}

TEST_CASE("when there is too much, the oldest goes first") {
  // Three runs of 1,000 bytes and 64 for each do not fit into 3,000.
  auto aut = opened({.bytes_max = 3'000});
  std::string text(1'000, 'x');
  for (uint64_t i = 1; i <= 3; ++i)
    REQUIRE(
      aut.keep({{i}, 1}, {text, ""}, noon + std::chrono::milliseconds{i}));
  CHECK(aut.find({{1}, 1}) == std::nullopt);
  CHECK(aut.find({{2}, 1}));
  CHECK(aut.find({{3}, 1}));
  CHECK(aut.bytes() == 2 * 1'064);
  // One that was kept again is not old.
  REQUIRE(aut.keep({{2}, 1}, {text, ""}, noon + 10ms));
  REQUIRE(aut.keep({{4}, 1}, {text, ""}, noon + 11ms));
  CHECK(aut.find({{2}, 1}));
  CHECK(aut.find({{3}, 1}) == std::nullopt);
}

TEST_CASE("what is a week old goes") {
  auto aut = opened();
  REQUIRE(aut.keep(first, {"old", ""}, noon));
  REQUIRE(aut.keep(second, {"new", ""}, noon + 7 * 24h + 1ms));
  CHECK(aut.find(first) == std::nullopt);
  CHECK(aut.find(second));
}

TEST_CASE("what is kept in a file is for nobody else to read") {
  folder f;
  auto file = f.path / "output.db";
  // As an earlier version has left it.
  std::ofstream{file};
  fs::permissions(file, fs::perms{0644});
  auto box = opened({.file = file});
  REQUIRE(box.keep(first, {"out", "err"}, noon));
  for (auto suffix : {"", "-wal", "-shm"}) {
    CAPTURE(suffix);
    CHECK(fs::status(file.string() + suffix).permissions() == fs::perms{0600});
  }
}

TEST_CASE("what is kept in a file is there when it is opened again") {
  folder here;
  store_options options{.file = here.path / "output.db"};
  uint64_t bytes = 0;
  {
    auto aut = opened(options);
    REQUIRE(aut.keep(first, {"said", "it"}, noon));
    bytes = aut.bytes();
  }
  auto aut = opened(options);
  CHECK(aut.find(first) == output{"said", "it"});
  CHECK(aut.bytes() == bytes);
}

TEST_CASE("a file that is damaged is put aside, and the controller starts") {
  folder here;
  auto file = here.path / "output.db";
  std::ofstream{file} << std::string(8'192, 'x');
  auto aut = opened({.file = file});
  REQUIRE(aut.keep(first, {"said", ""}, noon));
  CHECK(aut.find(first));
  CHECK(fs::exists(file.string() + ".damaged"));
}

TEST_CASE("a run is read soon, and more rarely while it writes nothing") {
  rounds aut{{.first = 1s, .shortest = 1s, .longest = 3s}};
  aut.begin(first, at(0s));
  CHECK(aut.next(at(999ms), true) == std::nullopt);
  CHECK(aut.next(at(1s), false) == std::nullopt);
  CHECK(aut.next(at(1s), true) == first);
  // It is being read.
  CHECK(aut.next(at(1h), true) == std::nullopt);
  CHECK(aut.done(first, false, at(1s)) == std::nullopt);
  CHECK(aut.next(at(2'999ms), true) == std::nullopt);
  CHECK(aut.next(at(3s), true) == first);
  // Never more rarely than the longest pause, and soon again once it writes.
  CHECK(aut.done(first, false, at(3s)) == std::nullopt);
  CHECK(aut.next(at(6s), true) == first);
  CHECK(aut.done(first, true, at(6s)) == std::nullopt);
  CHECK(aut.next(at(7s), true) == first);
}

TEST_CASE("a run that has ended is read before all others, and once") {
  rounds aut;
  aut.begin(first, at(0s));
  aut.begin(second, at(0s));
  CHECK(aut.end(second) == std::nullopt);
  CHECK(aut.next(at(1h), true) == second);
  CHECK(aut.done(second, true, at(1h)) == std::nullopt);
  CHECK(aut.next(at(1h), true) == first);
  CHECK(aut.next(at(2h), true) == std::nullopt);
}

TEST_CASE("a run that ends while it is read is read again") {
  rounds aut;
  aut.begin(first, at(0s));
  CHECK(aut.next(at(1h), true) == first);
  CHECK(aut.end(first) == std::nullopt);
  CHECK(aut.next(at(1h), true) == std::nullopt);
  CHECK(aut.done(first, true, at(1h)) == std::nullopt);
  CHECK(aut.next(at(1h), true) == first);
  CHECK(aut.live() == 0);
}

TEST_CASE("when too many runs have ended, the oldest are given up") {
  rounds aut{{.ended_max = 1}};
  CHECK(aut.end(first) == std::nullopt);
  CHECK(aut.end(second) == first);
  CHECK(aut.next(at(0s), false) == second);
}
