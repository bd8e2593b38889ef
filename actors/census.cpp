#include "actors/census.hpp"

#include <mutex>

namespace troupe {

namespace {

/// Shared by all actors of the process, and touched only when one begins or ends,
/// or what waits for it changes.
struct book {
  std::mutex mutex;
  std::map<std::string, size_t> counts;
  std::map<std::string, uint64_t> mailboxes;
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
  if (noted_)
    the_book().mailboxes[type_] -= waiting_;
}

void census::note_mailbox(size_t messages) {
  if (noted_ && messages == waiting_)
    return;
  std::lock_guard guard{the_book().mutex};
  auto& all = the_book().mailboxes[type_];
  all = all - waiting_ + messages;
  waiting_ = messages;
  noted_ = true;
}

std::map<std::string, size_t> census::count() {
  std::lock_guard guard{the_book().mutex};
  auto result = the_book().counts;
  std::erase_if(result, [](auto& x) { return x.second == 0; });
  return result;
}

std::map<std::string, uint64_t> census::mailboxes() {
  std::lock_guard guard{the_book().mutex};
  return the_book().mailboxes;
}

} // namespace troupe
