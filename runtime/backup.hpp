#pragma once

/// Backups: a journal's file with a seal behind it, a line with the SHA-256 of
/// all that is before it. What was cut or damaged on its way is noticed before
/// anybody relies on it.

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "messages/expected.hpp"
#include "messages/ids.hpp"

#include "runtime/journal/journal.hpp"

namespace troupe::runtime {

/// A consistent copy of `from`, sealed. May be called by another thread while
/// the journal is appended to. Errors: a sentence.
[[nodiscard]] expected<std::string, std::string> backup_of(const journal& from);

[[nodiscard]] std::string sealed(std::string bytes);

/// What was sealed. Errors: a sentence, if this is no backup, or a damaged one.
[[nodiscard]] expected<std::string_view, std::string>
unsealed(std::string_view backup);

/// What a backup holds.
struct backup_content {
  version_number version = 0;
  /// Of the state, as `cluster::digest` has it.
  uint64_t digest = 0;
  size_t jobs = 0;
  size_t nodes = 0;
};

/// Makes a journal at `path` from `backup` and reads it to its end. What is made
/// is durable, or not there.
/// Errors: a sentence; `path` is there already, the backup is damaged.
[[nodiscard]] expected<backup_content, std::string>
restore_backup(std::string_view backup, const std::filesystem::path& path);

/// A journal of our own, to look at: whatever is done with it, the one that it
/// was copied from stays as it is. Goes with its folder.
struct journal_copy {
  std::shared_ptr<const void> folder;
  std::unique_ptr<journal> what;
};

/// Of what `backup_of` made. Errors: a sentence; the backup is damaged.
[[nodiscard]] expected<journal_copy, std::string>
open_copy_of_backup(std::string_view backup);

/// Of the journal at `path`. Errors: a sentence; a controller runs on it, or it
/// cannot be read.
[[nodiscard]] expected<journal_copy, std::string>
open_copy_of(const std::filesystem::path& path);

} // namespace troupe::runtime
