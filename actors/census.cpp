#include "actors/census.hpp"

#include <mutex>

namespace troupe {

namespace {

/// Shared by all actors of the process, and touched only when one begins or ends,
/// or what waits for it changes.
struct book {
  std::mutex mutex;
  std::map<std::string, census::line, std::less<>> lines;
  std::map<std::string, uint64_t> mailboxes;
};

book& the_book() {
  static book result;
  return result;
}

} // namespace

census::census(const char* type, const char* supervisor) : type_(type) {
  std::lock_guard guard{the_book().mutex};
  auto& line = the_book().lines[type_];
  ++line.alive;
  line.supervisor = supervisor;
}

census::~census() {
  std::lock_guard guard{the_book().mutex};
  --the_book().lines[type_].alive;
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

void census::note_restart(std::string_view type) {
  std::lock_guard guard{the_book().mutex};
  ++the_book().lines[std::string{type}].restarts;
}

std::map<std::string, census::line> census::count() {
  std::lock_guard guard{the_book().mutex};
  std::map<std::string, line> result;
  for (auto& [type, x] : the_book().lines)
    if (x.alive > 0 || x.restarts > 0)
      result.emplace(type, x);
  return result;
}

std::map<std::string, uint64_t> census::mailboxes() {
  std::lock_guard guard{the_book().mutex};
  return the_book().mailboxes;
}

} // namespace troupe
