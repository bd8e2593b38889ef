#include "runtime/agent_store.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "messages/json.hpp"

namespace troupe::runtime {

namespace fs = std::filesystem;

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
  auto temporary = file_of(x.allocation, ".new");
  std::ofstream out{temporary, std::ios::trunc};
  out << json::text_of(x) << '\n';
  out.close();
  std::error_code error;
  if (out)
    fs::rename(temporary, file_of(x.allocation, ".json"), error);
  if (!out || error)
    return make_unexpected("cannot write " + temporary.string()
                           + ": is the disk full?");
  return {};
}

void agent_store::mark_started(allocation_id x) {
  std::ofstream{file_of(x, ".started")};
}

void agent_store::forget(allocation_id x) {
  std::error_code ignored;
  fs::remove(file_of(x, ".json"), ignored);
  fs::remove(file_of(x, ".started"), ignored);
}

std::vector<agent_store::entry>
agent_store::load(std::vector<std::string>& damaged) const {
  std::vector<entry> result;
  std::error_code error;
  for (auto& file : fs::directory_iterator{directory_, error}) {
    if (file.path().extension() != ".json")
      continue;
    std::ifstream in{file.path()};
    std::stringstream text;
    text << in.rdbuf();
    auto item = json::parse<work_item>(text.str());
    if (!item || !item->allocation || !item->spec) {
      damaged.push_back(file.path().string());
      continue;
    }
    auto started = fs::exists(file_of(item->allocation, ".started"), error);
    result.push_back({std::move(*item), started});
  }
  std::sort(result.begin(), result.end(), [](const entry& x, const entry& y) {
    return x.item.allocation < y.item.allocation;
  });
  return result;
}

} // namespace troupe::runtime
