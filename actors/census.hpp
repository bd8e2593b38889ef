#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

namespace troupe {

/// Counts the live actors of this process by type, and what waits in their
/// mailboxes: each state holds one of these.
class census {
public:
  explicit census(const char* type);
  census(const census&) = delete;
  census& operator=(const census&) = delete;
  ~census();

  /// Notes that `messages` wait for this actor. Only it can count them, so it
  /// does now and then.
  void note_mailbox(size_t messages);

  /// By type, those with none left out.
  [[nodiscard]] static std::map<std::string, size_t> count();

  /// By type, for all types that ever noted any.
  [[nodiscard]] static std::map<std::string, uint64_t> mailboxes();

private:
  const char* type_;
  size_t waiting_ = 0;
  bool noted_ = false;
};

} // namespace troupe
