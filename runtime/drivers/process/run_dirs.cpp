#include "runtime/drivers/process/run_dirs.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <optional>

namespace troupe::runtime::process {

namespace fs = std::filesystem;

namespace {

constexpr auto removed_suffix = std::string_view{".removed"};

/// Reads what `to_string` of a run wrote.
std::optional<run_id> run_named(const std::string& name) {
  auto result = run_id{};
  auto* end = name.data() + name.size();
  auto [dash, wrong]
    = std::from_chars(name.data(), end, result.allocation.value);
  if (wrong != std::errc{} || dash == end)
    return std::nullopt;
  std::from_chars(dash + 1, end, result.attempt);
  return to_string(result) == name ? std::optional{result} : std::nullopt;
}

} // namespace

std::string runs_path(const std::string& data_dir) {
  return data_dir + "/runs";
}

std::vector<run_id> runs_in(const std::string& path) {
  auto result = std::vector<run_id>{};
  auto error = std::error_code{};
  for (auto i = fs::directory_iterator{path, error};
       !error && i != fs::directory_iterator{}; i.increment(error))
    if (auto run = run_named(i->path().filename().string()))
      result.push_back(*run);
  std::sort(result.begin(), result.end());
  return result;
}

// Without its claim, a run would look like one that never began. So it goes as
// a whole, under a name that is no run's; the rest can wait for the next agent.
void remove_run(const std::string& path) {
  auto away = path + std::string{removed_suffix};
  auto error = std::error_code{};
  if (std::rename(path.c_str(), away.c_str()) == 0)
    fs::remove_all(away, error);
}

void remove_leftovers(const std::string& path) {
  auto error = std::error_code{};
  for (auto i = fs::directory_iterator{path, error};
       !error && i != fs::directory_iterator{}; i.increment(error)) {
    auto ignored = std::error_code{};
    if (i->path().native().ends_with(removed_suffix))
      fs::remove_all(i->path(), ignored);
  }
}

} // namespace troupe::runtime::process
