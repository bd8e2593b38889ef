#include <string>
#include <vector>

#include <boost/json/serialize.hpp>
#include <doctest/doctest.h>

#include "messages/job_text.hpp"

using namespace troupe;

namespace {

namespace json = boost::json;

struct row {
  std::string text;
  std::string detail;
};

/// The only problem of `text`.
problem the_problem(const std::string& text, json_dialect dialect) {
  auto result = read_json_text(text, dialect);
  REQUIRE_MESSAGE(!result, text);
  REQUIRE(result.error().size() == 1);
  return result.error().front();
}

std::string nested(size_t depth) {
  return std::string(depth, '[') + std::string(depth, ']');
}

} // namespace

TEST_CASE("files may hold comments, trailing commas and a byte order mark") {
  for (std::string text : {
         "\xef\xbb\xbf{\"a\": [1, 2]}",
         "// first\n{\"a\": [1, 2]}",
         "{\"a\": [1, 2,],}",
         "{/* why */\"a\": [1, /* , */ 2]} // end",
         "/***/{\"a\": [1,/* * / ** // **/2]}//",
         "{\"a\": [1, 2]}//\"",
         "  {\"a\":\r\n\t[1,2]}\n",
       }) {
    CAPTURE(text);
    auto result = read_json_text(text, json_dialect::file);
    REQUIRE(result);
    CHECK(json::serialize(*result) == R"({"a":[1,2]})");
  }
}

TEST_CASE("what looks like a comment in a string is text") {
  auto result = read_json_text(R"(["/* a */", "\"// b", "\\"/*,*/, "//"])",
                               json_dialect::file);
  REQUIRE(result);
  CHECK(json::serialize(*result) == R"(["/* a */","\"// b","\\","//"])");
}

TEST_CASE("the wire is strict") {
  for (auto& [text, detail] : std::vector<row>{
         {"{\"a\": 1} // x", "1:10: comments are accepted in files only"},
         {"{/* x */}", "1:2: comments are accepted in files only"},
         {"{\"a\": 1,}", "1:9: there is a comma before \"}\"; trailing commas "
                         "are accepted in files only"},
         {"[1,\n ]", "2:2: there is a comma before \"]\"; trailing commas are "
                     "accepted in files only"},
         {"\xef\xbb\xbf{}", "1:1: a byte order mark is accepted in files only"},
       }) {
    auto found = the_problem(text, json_dialect::wire);
    CHECK(found.detail == detail);
    CHECK(found.pointer.empty());
  }
}

TEST_CASE("a syntax error says where it is and what to write") {
  for (auto& [text, detail] : std::vector<row>{
         {"", "1:1: the text ends where a value should stand"},
         {"  \n ", "2:2: the text ends where a value should stand"},
         {"{\"a\": 1", "1:8: the text ends inside an object; a \"}\" is "
                       "missing"},
         {"{\n  \"a\": [1", "2:10: the text ends inside an array; a \"]\" is "
                            "missing"},
         {"{'a': 1}", "1:2: strings stand between double quotes, not single "
                      "ones"},
         {"{a: 1}", "1:2: unexpected \"a\"; a key between double quotes should "
                    "stand here"},
         {"{\"a\": 1 \"b\": 2}",
          "1:9: unexpected \"\\\"\"; is a comma, a colon "
          "or a \"}\" missing before it?"},
         {"[1 2]",
          "1:4: unexpected \"2\"; is a comma or a \"]\" missing before "
          "it?"},
         {"{\"a\": NaN}", "1:7: NaN is not a number in JSON"},
         {"{\"a\": True}", "1:7: True is no value; write true, false or leave "
                           "the key out"},
         {"{\"a\": ?}", "1:7: unexpected \"?\"; a value should stand here"},
         {"{} {}", "1:4: more text follows the end of the document"},
         {"{\"a\":\n /* x }", "2:2: this comment is never closed"},
         {"{\"a\": / 1}", "1:7: unexpected \"/\"; a value should stand here"},
         {"[\"// a", "1:7: the text ends inside an array; a \"]\" is missing"},
         {"[\"\\ud800\"]", "1:9: \\u escapes from d800 to dfff stand in pairs "
                           "only"},
         {"[\"a\nb\"]",
          "1:4: a string ends on the line where it began; write a "
          "line break as \\n"},
       }) {
    auto& shown_text = text; // A binding cannot be captured.
    CAPTURE(shown_text);
    CHECK(the_problem(text, json_dialect::file).detail == detail);
  }
}

TEST_CASE("invalid UTF-8 is refused where it stands") {
  for (std::string bad :
       {"\xff", "\xc0\xaf", "\xe0\x80\xaf", "\xed\xa0\x80", "\xf4\x90\x80\x80",
        "\xf8\x88\x80\x80\x80", "\xc3", "\xe2\x82", "\x80"}) {
    auto found = the_problem("[\"a" + bad + "\"]", json_dialect::wire);
    CHECK(found.detail == "1:4: this is not valid UTF-8");
  }
  CHECK(read_json_text("[\"\xc3\xa9\xe2\x82\xac\xf0\x9f\x8e\xad\"]",
                       json_dialect::wire));
}

TEST_CASE("depth is capped at 64 before anything is built") {
  CHECK(read_json_text(nested(64), json_dialect::wire));
  for (size_t depth : {65u, 100'000u, 1'000'000u})
    CHECK(the_problem(nested(depth), json_dialect::wire).detail
          == "1:65: arrays and objects stand more than 64 levels deep in each "
             "other");
  std::string objects;
  for (int i = 0; i < 100'000; ++i)
    objects += "{\"a\":";
  CHECK(the_problem(objects, json_dialect::wire)
          .detail.ends_with("levels deep in each other"));
}

TEST_CASE("a key that is given twice is refused by its pointer") {
  auto result = read_json_text(
    R"([{"a": 1, "b": {"x/y": 1, "x\/y": 2}, "a": [{"~": 0, "\u007e": 1}]}])",
    json_dialect::wire);
  REQUIRE(!result);
  CHECK(result.error()
        == std::vector<problem>{
          {"/0/b/x~1y", "the key \"x/y\" is given twice; keep one of them"},
          {"/0/a", "the key \"a\" is given twice; keep one of them"},
          {"/0/a/0/~0", "the key \"~\" is given twice; keep one of them"},
        });
  CHECK(read_json_text(R"([{"a": 1}, {"a": 1, "b": {"a": 1}}])",
                       json_dialect::wire));
}

TEST_CASE("numbers keep their value or are refused") {
  auto result = read_json_text(
    "[1, -1, 9223372036854775807, 9223372036854775808, "
    "18446744073709551615, 0.1, 2.3, 1e3, -0, 1e308, 9007199254740993]",
    json_dialect::wire);
  REQUIRE(result);
  auto& items = result->as_array();
  CHECK(items[0] == 1);
  CHECK(items[1] == -1);
  CHECK(items[2].as_int64() == 9223372036854775807);
  CHECK(items[3].as_uint64() == 9223372036854775808u);
  CHECK(items[4].as_uint64() == 18446744073709551615u);
  CHECK(items[5].as_double() == 0.1);
  CHECK(items[6].as_double() == 2.3);
  CHECK(items[7].as_double() == 1000);
  CHECK(items[9].as_double() == 1e308);
  CHECK(items[10].as_int64() == 9007199254740993);
  for (std::string number : {"1e400", "-1e400", "0.1e-400", "1e-9999"}) {
    auto found
      = the_problem("{\"a\": [0, " + number + "]}", json_dialect::wire);
    CHECK(found.pointer == "/a/1");
    CHECK(found.detail == "the number " + number + " is out of range");
  }
  for (std::string number : {"01", "+1", "1.", ".5", "0x10", "1e", "--1", "-",
                             "Infinity", "-Infinity", "nan", "1_000"})
    CHECK(!read_json_text(number, json_dialect::file));
}

TEST_CASE("sizes are capped") {
  std::string text(json_text_size_max + 1, ' ');
  CHECK(the_problem(text, json_dialect::file).detail
        == "the text has 16777217 bytes; at most 16 MiB are accepted");
  std::string keys = "{";
  for (size_t i = 0; i <= json_keys_max; ++i)
    keys += (i == 0 ? "\"" : ",\"") + std::to_string(i) + "\":0";
  CHECK(the_problem(keys + "}", json_dialect::wire)
          .detail.ends_with("an object has more than 100000 keys"));
  std::string values = "[0";
  for (size_t i = 0; i <= json_values_max; ++i)
    values += ",0";
  CHECK(the_problem(values + "]", json_dialect::wire)
          .detail.ends_with("there are more than 1000000 values"));
  // One long string is fine.
  CHECK(
    read_json_text('"' + std::string(1 << 20, 'x') + '"', json_dialect::wire));
}

TEST_CASE("escaped NUL and long keys survive") {
  auto key = std::string(5'000, 'k');
  auto result
    = read_json_text("{\"" + key + "\": \"a\\u0000b\"}", json_dialect::wire);
  REQUIRE(result);
  CHECK(result->as_object().at(key).as_string().size() == 3);
}
