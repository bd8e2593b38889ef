#include <limits>
#include <random>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "messages/quantity.hpp"

using namespace troupe;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

namespace {

constexpr auto int64_max = std::numeric_limits<int64_t>::max();

template <class T>
struct row {
  std::string text;
  T value;
};

} // namespace

TEST_CASE("thousandths are read exactly") {
  for (auto& [text, value] : std::vector<row<int64_t>>{
         {"0", 0},
         {"2", 2000},
         {"0.5", 500},
         {".5", 500},
         {"0.1", 100},
         {"0.001", 1},
         {"1.2340000000000000000000", 1234},
         {"250m", 250},
         {"1.0m", 1},
         {"0m", 0},
         {"007", 7000},
         {"9223372036854775.807", int64_max},
         {"9223372036854775807m", int64_max},
       }) {
    auto& shown_text = text; // A binding cannot be captured.
    CAPTURE(shown_text);
    CHECK(read_millis(text) == value);
  }
}

TEST_CASE("what is no quantity is refused") {
  for (std::string text : {"",
                           " ",
                           "m",
                           ".",
                           "5.",
                           "abc",
                           "1 ",
                           " 1",
                           "+1",
                           "-1",
                           "-0",
                           "1e3",
                           "0x10",
                           "NaN",
                           "inf",
                           "\xe2\x88\x9e",
                           "1,5",
                           "1.5.5",
                           "250M",
                           "250mm",
                           "0.0001",
                           "0.5m",
                           "9223372036854775808m",
                           "9223372036854775.808",
                           "99999999999999999999",
                           "0.0000000000000000000000001"}) {
    CAPTURE(text);
    CHECK(!read_millis(text));
  }
}

TEST_CASE("a refused quantity says why and what to write") {
  CHECK(read_millis("high").error()
        == "\"high\" is not a quantity; write a number such as 0.5 or 2, or "
           "thousandths such as \"250m\"");
  CHECK(read_millis("-1").error().starts_with("\"-1\" is negative;"));
  CHECK(read_millis("0.0001").error().starts_with(
    "\"0.0001\" is finer than a thousandth;"));
  CHECK(read_millis("1000000000000000000m1")
          .error()
          .starts_with("\"1000000000000000000m1\" is not a quantity;"));
  CHECK(read_millis("99999999999999999999")
          .error()
          .starts_with("\"99999999999999999999\" is too large;"));
  CHECK(read_bytes("512m").error()
        == "\"512m\" has a unit with several meanings; write bytes such as "
           "134217728, \"128MiB\" or \"1.5GB\"");
  CHECK(read_bytes("1.5").error().starts_with(
    "\"1.5\" is not a whole number of bytes;"));
  CHECK(read_bytes("1 mile").error().starts_with(
    "\"1 mile\" has an unknown unit;"));
  CHECK(read_duration("30").error()
        == "\"30\" has no unit; write a duration such as \"500ms\", \"10s\", "
           "\"5m\", \"2h\", \"1d\" or \"1h30m\"");
}

TEST_CASE("a refusal holds no control characters and no endless text") {
  auto error = read_bytes("\x1b]0;x\x07" + std::string(100'000, 'x')).error();
  CHECK(error.size() < 200);
  CHECK(error.find('\x1b') == std::string::npos);
  CHECK(error.find('\x07') == std::string::npos);
}

TEST_CASE("bytes are read in every unit") {
  for (auto& [text, value] : std::vector<row<int64_t>>{
         {"0", 0},
         {"134217728", 134'217'728},
         {"128MiB", 134'217'728},
         {"128 MiB", 134'217'728},
         {"128mib", 134'217'728},
         {"128Mi", 134'217'728},
         {"1.5GB", 1'500'000'000},
         {"1.5gb", 1'500'000'000},
         {"64k", 64'000},
         {"64K", 64'000},
         {"64kB", 64'000},
         {"64KiB", 65'536},
         {"64Ki", 65'536},
         {"1Gi", 1'073'741'824},
         {"1G", 1'000'000'000},
         {"1M", 1'000'000},
         {"1T", 1'000'000'000'000},
         {"1PiB", int64_t{1} << 50},
         {"7EiB", int64_t{7} << 60},
         {"9EB", 9'000'000'000'000'000'000},
         {"12B", 12},
         {"1.0", 1},
         // 0.1 KiB are 102.4 bytes: rounded up, so that no request shrinks.
         {"0.1KiB", 103},
         {"1.3GiB", 1'395'864'372},
         {"9223372036854775807", int64_max},
       }) {
    auto& shown_text = text; // A binding cannot be captured.
    CAPTURE(shown_text);
    CHECK(read_bytes(text) == value);
  }
}

TEST_CASE("what is no amount of memory is refused") {
  for (std::string text : {"",
                           "MiB",
                           "-1",
                           "-1MiB",
                           "1.5",
                           "1.5B",
                           "1e9",
                           "0x10",
                           "1m",
                           "1g",
                           "1t",
                           "1p",
                           "1e",
                           "1MiBs",
                           "1  MiB",
                           "1 ",
                           "1bytes",
                           "NaN",
                           "8EiB",
                           "10EB",
                           "9223372036854775808",
                           "18446744073709551616",
                           "99999999999999999999999EB",
                           "0.00000000000000000000000001",
                           "1\xc2\xa0MB"}) {
    CAPTURE(text);
    CHECK(!read_bytes(text));
  }
}

TEST_CASE("durations are read in every unit") {
  for (auto& [text, value] : std::vector<row<milliseconds>>{
         {"0s", 0ms},
         {"500ms", 500ms},
         {"10s", 10s},
         {"5m", 5min},
         {"2h", 2h},
         {"1d", 24h},
         {"1h30m", 90min},
         {"1d1h1m1s1ms", 25h + 1min + 1s + 1ms},
         {"1.5h", 90min},
         {"0.5s", 500ms},
         {"0.001s", 1ms},
         {"9223372036854775807ms", milliseconds{int64_max}},
       }) {
    auto& shown_text = text; // A binding cannot be captured.
    CAPTURE(shown_text);
    CHECK(read_duration(text) == value);
  }
}

TEST_CASE("what is no duration is refused") {
  for (std::string text : {"",
                           "0",
                           "10",
                           "s",
                           "10 s",
                           " 10s",
                           "10s ",
                           "-10s",
                           "+10s",
                           "10S",
                           "10sec",
                           "1m1h",
                           "1s1s",
                           "1h-30m",
                           "1.5ms",
                           "0.0001s",
                           "1e3s",
                           "NaNs",
                           "9223372036854775808ms",
                           "106751991168d",
                           "9223372036854775807ms1d",
                           "1w",
                           "1y",
                           "10\xc2\xb5s",
                           "10s\n"}) {
    CAPTURE(text);
    CHECK(!read_duration(text));
  }
  // The sum is what does not fit.
  CHECK(!read_duration("106751991167d9223372036854775807ms"));
}

TEST_CASE("texts are short and exact") {
  for (auto& [text, value] : std::vector<row<int64_t>>{{"0", 0},
                                                       {"250m", 250},
                                                       {"0.5", 500},
                                                       {"50m", 50},
                                                       {"1m", 1},
                                                       {"2", 2000},
                                                       {"1.5", 1500},
                                                       {"1.25", 1250},
                                                       {"1.001", 1001},
                                                       {"-1.5", -1500}})
    CHECK(millis_text(value) == text);
  for (auto& [text, value] :
       std::vector<row<int64_t>>{{"0B", 0},
                                 {"1B", 1},
                                 {"1kB", 1000},
                                 {"1KiB", 1024},
                                 {"1.5GB", 1'500'000'000},
                                 {"1.5GiB", 1'610'612'736},
                                 {"128MiB", 134'217'728},
                                 {"8GiB", int64_t{8} << 30},
                                 {"1001B", 1001},
                                 {"9223372036854775807B", int64_max}})
    CHECK(bytes_text(value) == text);
  for (auto& [text, value] :
       std::vector<row<milliseconds>>{{"0s", 0s},
                                      {"500ms", 500ms},
                                      {"1s", 1s},
                                      {"90s", 90s},
                                      {"10m", 10min},
                                      {"1h", 1h},
                                      {"90m", 90min},
                                      {"1d", 24h},
                                      {"1d1ms", 24h + 1ms},
                                      {"-5s", -5s}})
    CHECK(duration_text(value) == text);
}

TEST_CASE("texts read back as what they were") {
  std::mt19937_64 random{20'240'101};
  for (int i = 0; i < 100'000; ++i) {
    // Every order of magnitude alike; one in two with a round end.
    auto x = static_cast<int64_t>(random() >> (1 + random() % 63));
    if (random() % 2 == 0)
      x -= x % 1000;
    CAPTURE(x);
    REQUIRE(read_millis(millis_text(x)) == x);
    REQUIRE(read_bytes(bytes_text(x)) == x);
    REQUIRE(read_duration(duration_text(milliseconds{x})) == milliseconds{x});
  }
}

TEST_CASE("the smallest number has a text") {
  constexpr auto min = std::numeric_limits<int64_t>::min();
  CHECK(bytes_text(min) == "-8EiB");
  CHECK(!millis_text(min).empty());
  CHECK(!duration_text(milliseconds{min}).empty());
}
