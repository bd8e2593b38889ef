#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "messages/job.hpp"
#include "messages/job_text.hpp"

using namespace troupe;

namespace {

/// All examples that are shipped, in order.
std::vector<std::filesystem::path> examples() {
  std::vector<std::filesystem::path> result;
  for (auto& entry : std::filesystem::directory_iterator{TROUPE_EXAMPLES})
    if (entry.path().extension() == ".json")
      result.push_back(entry.path());
  std::sort(result.begin(), result.end());
  return result;
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file{path};
  return {std::istreambuf_iterator<char>{file}, {}};
}

} // namespace

TEST_CASE("every example is a job file without mistakes") {
  auto all = examples();
  REQUIRE(all.size() >= 6);
  for (auto& path : all) {
    CAPTURE(path.filename().string());
    auto value = read_json_text(text_of(path), json_dialect::file);
    REQUIRE(value);
    auto jobs = read_jobs(*value);
    if (!jobs)
      for (auto& mistake : jobs.error())
        MESSAGE(mistake.pointer, ": ", mistake.detail);
    REQUIRE(jobs);
    CHECK(!jobs->empty());
  }
}
