#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace troupe {

/// Counts the live actors of this process by type, and what waits in their
/// mailboxes: each state holds one of these.
class census {
public:
  /// @param supervisor  type of who starts it again when it fails; empty if
  ///                    nobody does.
  explicit census(const char* type, const char* supervisor = "");
  census(const census&) = delete;
  census& operator=(const census&) = delete;
  ~census();

  /// Notes that `messages` wait for this actor. Only it can count them, so it
  /// does now and then.
  void note_mailbox(size_t messages);

  /// Notes that an actor of `type` failed and was started again.
  static void note_restart(std::string_view type);

  struct line {
    size_t alive = 0;
    /// Since the process began.
    uint64_t restarts = 0;
    std::string supervisor{};
  };

  /// By type, those left out that neither live nor were ever started again.
  [[nodiscard]] static std::map<std::string, line> count();

  /// By type, for all types that ever noted any.
  [[nodiscard]] static std::map<std::string, uint64_t> mailboxes();

private:
  const char* type_;
  size_t waiting_ = 0;
  bool noted_ = false;
};

} // namespace troupe
