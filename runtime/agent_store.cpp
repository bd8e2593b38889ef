#include "runtime/agent_store.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "messages/json.hpp"

namespace troupe::runtime {

namespace fs = std::filesystem;

namespace {

constexpr auto work_file = ".json";
constexpr auto progress_file = ".progress";

std::string text_in(const fs::path& file) {
  std::ifstream in{file};
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

} // namespace

agent_store::agent_store(fs::path directory)
  : directory_(std::move(directory)) {
  // nop
}

expected<agent_store, std::string> agent_store::open(fs::path directory) {
  std::error_code error;
  fs::create_directories(directory, error);
  if (error)
    return make_unexpected("cannot make the directory " + directory.string()
                           + ": " + error.message()
                           + ". Give another one with --data");
  fs::permissions(directory, fs::perms::owner_all, error);
  return agent_store{std::move(directory)};
}

fs::path agent_store::file_of(allocation_id x, const char* kind) const {
  return directory_ / (std::to_string(x.value) + kind);
}

expected<void, std::string> agent_store::accept(const work_item& x) {
  return write(x.allocation, work_file, json::text_of(x));
}

expected<void, std::string>
agent_store::keep(allocation_id x, const run_progress& progress) {
  return write(x, progress_file, json::text_of(progress));
}

/// Whole or not at all.
expected<void, std::string>
agent_store::write(allocation_id x, const char* kind, const std::string& text) {
  auto temporary = file_of(x, ".new");
  std::ofstream out{temporary, std::ios::trunc};
  out << text << '\n';
  out.close();
  std::error_code error;
  if (out)
    fs::rename(temporary, file_of(x, kind), error);
  if (!out || error)
    return make_unexpected("cannot write " + temporary.string()
                           + ": is the disk full?");
  return {};
}

void agent_store::forget(allocation_id x) {
  std::error_code ignored;
  // The work first: progress without work is nothing.
  fs::remove(file_of(x, work_file), ignored);
  fs::remove(file_of(x, progress_file), ignored);
}

std::vector<agent_store::entry>
agent_store::load(std::vector<std::string>& damaged) const {
  std::vector<entry> result;
  std::error_code error;
  for (auto& file : fs::directory_iterator{directory_, error}) {
    if (file.path().extension() != work_file)
      continue;
    auto item = json::parse<work_item>(text_in(file.path()));
    if (!item || !item->allocation || !item->spec) {
      damaged.push_back(file.path().string());
      continue;
    }
    run_progress so_far{.attempt = item->attempt};
    auto kept = file_of(item->allocation, progress_file);
    if (fs::exists(kept, error)) {
      auto read = json::parse<run_progress>(text_in(kept));
      if (read && read->attempt >= so_far.attempt) {
        so_far = std::move(*read);
      } else {
        // Then it has begun at least: it must not begin again.
        so_far.begun = true;
        damaged.push_back(kept.string());
      }
    }
    result.push_back({std::move(*item), std::move(so_far)});
  }
  std::sort(result.begin(), result.end(), [](const entry& x, const entry& y) {
    return x.item.allocation < y.item.allocation;
  });
  return result;
}

} // namespace troupe::runtime
