#include <fstream>

#include "runtime/drivers/process/rotating_log.hpp"

#include "tests/unit/process_fixture.hpp"

using namespace troupe::runtime::process;

namespace {

std::string content(const std::string& path) {
  return read_file(path).value_or("(none)");
}

std::string all_of(const run_dir& dir, log_start start = {}) {
  return read_log(dir, log_stream::out, start, 1 << 20);
}

} // namespace

TEST_CASE("a log rotates when it is full and forgets the oldest") {
  auto scratch = scratch_directory{};
  auto path = scratch.path + "/log";
  auto log = rotating_log{path, {.bytes_per_file = 4, .files_per_stream = 3}};
  CHECK(content(path) == "(none)");
  log.write("abcd");
  CHECK(content(path) == "abcd");
  log.write("efghijklmnopqr");
  CHECK(content(path) == "qr");
  CHECK(content(path + ".1") == "mnop");
  CHECK(content(path + ".2") == "ijkl");
  CHECK(content(path + ".3") == "(none)");
}

TEST_CASE("one file may be all there is") {
  auto scratch = scratch_directory{};
  auto path = scratch.path + "/log";
  auto log = rotating_log{path, {.bytes_per_file = 4, .files_per_stream = 1}};
  log.write("abcdef");
  CHECK(content(path) == "ef");
  CHECK(content(path + ".1") == "(none)");
}

TEST_CASE("the last lines are found across files") {
  auto scratch = scratch_directory{};
  auto dir = run_dir{scratch.path};
  auto log = rotating_log{dir.log(log_stream::out),
                          {.bytes_per_file = 5, .files_per_stream = 3}};
  log.write("one\ntwo\nthree\n");
  CHECK(all_of(dir) == "one\ntwo\nthree\n");
  CHECK(all_of(dir, {.tail_lines = 0}) == "");
  CHECK(all_of(dir, {.tail_lines = 1}) == "three\n");
  CHECK(all_of(dir, {.tail_lines = 2}) == "two\nthree\n");
  CHECK(all_of(dir, {.tail_lines = 9}) == "one\ntwo\nthree\n");
  CHECK(all_of(dir, {.tail_lines = 2, .tail_bytes = 7}) == "\nthree\n");
  log.write("half");
  CHECK(all_of(dir, {.tail_lines = 1}) == "half");
}

TEST_CASE("a cursor follows across rotations and misses nothing") {
  auto scratch = scratch_directory{};
  auto dir = run_dir{scratch.path};
  auto log = rotating_log{dir.log(log_stream::out),
                          {.bytes_per_file = 5, .files_per_stream = 2}};
  auto cursor = log_cursor{dir, log_stream::out};
  auto written = std::string{}, read = std::string{};
  CHECK(cursor.read(3).bytes.empty());
  for (auto i = 0; i < 50; ++i) {
    auto word = std::to_string(i * i);
    log.write(word);
    written += word;
    for (auto chunk = cursor.read(3); !chunk.bytes.empty();
         chunk = cursor.read(3)) {
      CHECK(!chunk.ended);
      read += chunk.bytes;
    }
  }
  CHECK(read == written);
  CHECK(!cursor.has_missed());
  CHECK(!cursor.read(3).ended);
  REQUIRE(dir.write_exit({}));
  CHECK(cursor.read(3).ended);
}

TEST_CASE("a cursor that is too slow says so and goes on") {
  auto scratch = scratch_directory{};
  auto dir = run_dir{scratch.path};
  auto log = rotating_log{dir.log(log_stream::out),
                          {.bytes_per_file = 4, .files_per_stream = 2}};
  auto cursor = log_cursor{dir, log_stream::out};
  log.write("ab");
  CHECK(cursor.read(9).bytes == "ab");
  log.write("cdefghijklmn");
  CHECK(cursor.read(9).bytes == "cd");
  CHECK(cursor.read(9).bytes == "ijkl");
  CHECK(cursor.has_missed());
  CHECK(cursor.read(9).bytes == "mn");
}

TEST_CASE("a run that has ended is read to its end, piece by piece") {
  auto scratch = scratch_directory{};
  auto dir = run_dir{scratch.path};
  auto log = rotating_log{dir.log(log_stream::out),
                          {.bytes_per_file = 5, .files_per_stream = 3}};
  log.write("one\ntwo\nthree\n");
  REQUIRE(dir.write_exit({}, durability::process));
  auto cursor = log_cursor{dir, log_stream::out};
  auto read = std::string{};
  auto chunk = cursor.read(3);
  for (; !chunk.ended; chunk = cursor.read(3)) {
    REQUIRE(!chunk.bytes.empty());
    read += chunk.bytes;
  }
  CHECK(chunk.bytes.empty());
  CHECK(read == "one\ntwo\nthree\n");
}

TEST_CASE("a cursor without a run has ended") {
  auto scratch = scratch_directory{};
  auto dir = run_dir{scratch.path + "/none"};
  CHECK(log_cursor{dir, log_stream::out}.read(9).ended);
}

TEST_CASE("a link in place of a log is not followed") {
  auto scratch = scratch_directory{};
  auto dir = run_dir{scratch.path};
  std::ofstream{scratch.path + "/secret"} << "secret";
  std::filesystem::create_symlink(scratch.path + "/secret",
                                  dir.log(log_stream::out));
  CHECK(all_of(dir) == "");
}
