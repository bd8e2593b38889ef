#include "actors/census.hpp"

#include <mutex>

namespace troupe {

namespace {

/// Shared by all actors of the process, and touched only when one begins or ends.
struct book {
  std::mutex mutex;
  std::map<std::string, size_t> counts;
};

book& the_book() {
  static book result;
  return result;
}

} // namespace

census::census(const char* type) : type_(type) {
  std::lock_guard guard{the_book().mutex};
  ++the_book().counts[type_];
}

census::~census() {
  std::lock_guard guard{the_book().mutex};
  --the_book().counts[type_];
}

std::map<std::string, size_t> census::count() {
  std::lock_guard guard{the_book().mutex};
  auto result = the_book().counts;
  std::erase_if(result, [](auto& x) { return x.second == 0; });
  return result;
}

} // namespace troupe
