#include <string>
#include <vector>

#include <boost/json/parse.hpp>
#include <doctest/doctest.h>

#include "tools/troupe/job_file.hpp"

using namespace troupe::tools;

namespace {

const std::string good = R"({"name": "a", "command": ["true"]})";

std::string error_of(const std::vector<job_file>& files) {
  auto jobs = jobs_of(files);
  REQUIRE_FALSE(jobs);
  CHECK(jobs.error().code == exit_code::bad_input);
  return jobs.error().text;
}

bool holds(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("a pointer leads to the line of its key") {
  auto text = R"(// {"not": "this"}
{
  "jobs": [
    {"name": "a//b", "image": "x:\"1"},
    /* {
    } */ {
      "a/b": 1,
      "cpu": [1, {"deep": 2},
              3],
      "last": true,
    },
  ],
})";
  CHECK(line_of(text, "") == 2);
  CHECK(line_of(text, "/jobs") == 3);
  CHECK(line_of(text, "/jobs/0/image") == 4);
  CHECK(line_of(text, "/jobs/1") == 6);
  CHECK(line_of(text, "/jobs/1/a~1b") == 7);
  CHECK(line_of(text, "/jobs/1/cpu/2") == 9);
  CHECK(line_of(text, "/jobs/1/last") == 10);
  // What is not there is where it is missing.
  CHECK(line_of(text, "/jobs/1/image") == 6);
  CHECK(line_of(text, "/jobs/7") == 3);
}

TEST_CASE("one file goes as it is, several become one submission") {
  std::vector<job_file> one{{"a.json", R"({"jobs": [)" + good + "]}"}};
  CHECK(*jobs_of(one) == boost::json::parse(one[0].text));
  std::vector<job_file> two{
    one[0], {"b.json", R"({"name": "b", "command": ["false"]} // b)"}};
  auto both = jobs_of(two);
  REQUIRE(both);
  REQUIRE(both->is_array());
  CHECK(both->at(0).at("name") == "a");
  CHECK(both->at(1).at("name") == "b");
}

TEST_CASE("all that is wrong with all files is told at once") {
  auto text = error_of({{"a.json", "{\"name\": \"A\",\n \"command\": []}"},
                        {"b.json", "{,}"},
                        {"c.json", good}});
  CHECK(holds(text, "a.json:1: /name: "));
  CHECK(holds(text, "a.json:2: /command"));
  CHECK(holds(text, "b.json:1:2: "));
  CHECK_FALSE(holds(text, "c.json"));
}

TEST_CASE("a name that two files give is told where the second gives it") {
  auto text
    = error_of({{"a.json", good}, {"b.json", "{\"jobs\": [\n" + good + "]}"}});
  CHECK(holds(text, "b.json:2: /jobs/0/name: "));
}

TEST_CASE("a file that cannot be read is bad input") {
  auto file = read_job_file("/nowhere/job.json");
  REQUIRE_FALSE(file);
  CHECK(file.error().code == exit_code::bad_input);
  CHECK(holds(file.error().text, "/nowhere/job.json"));
  CHECK_FALSE(read_job_file("/"));
}
