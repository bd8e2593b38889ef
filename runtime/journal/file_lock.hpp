#pragma once

#include <filesystem>

#include "runtime/journal/journal.hpp"

namespace troupe::runtime {

/// Holds `PATH.lock` for this process, so that two controllers never write one
/// journal. The kernel lets go of it when the process ends, however it ends.
/// The file stays: removing it would let a third one lock another file of the
/// same name.
class file_lock {
public:
  /// Errors: `in_use` naming the process that holds it, `unavailable`, `full`.
  [[nodiscard]] static expected<file_lock, journal_error>
  take(const std::filesystem::path& journal_path);

  /// Keeps others from taking it, and writes nothing; where there is no lock to
  /// take, nobody ever did. Errors: `in_use` naming the process that holds it.
  [[nodiscard]] static expected<file_lock, journal_error>
  keep_free(const std::filesystem::path& journal_path);

  file_lock(file_lock&& other) noexcept;

  file_lock& operator=(file_lock&&) = delete;

  ~file_lock();

private:
  explicit file_lock(int fd);

  int fd_; // -1 if moved from.
};

} // namespace troupe::runtime
