#pragma once

#include <filesystem>
#include <string_view>

#include "runtime/journal/journal.hpp"

namespace troupe::runtime {

// What the journal needs of a file system, with refusals that name the path.

/// The refusal for a failed system call: `full` if there is no space, otherwise
/// `unavailable`, with a hint for the errors that people can do something about.
journal_error refuse_errno(const std::filesystem::path& journal_path,
                           std::string_view what, int error);

/// Makes the folder and those above it, readable by the owner only, durably.
[[nodiscard]] expected<void, journal_error>
create_private_folder(const std::filesystem::path& journal_path,
                      const std::filesystem::path& folder);

/// Makes an empty file, readable by the owner only. An older one is replaced.
[[nodiscard]] expected<void, journal_error>
create_private_file(const std::filesystem::path& journal_path,
                    const std::filesystem::path& file);

/// Forces a file, or the names in a folder, to the disk.
[[nodiscard]] expected<void, journal_error>
sync_to_disk(const std::filesystem::path& journal_path,
             const std::filesystem::path& file_or_folder);

/// Gives `from` the name `to`, durably. Both are in one folder.
[[nodiscard]] expected<void, journal_error>
rename_durably(const std::filesystem::path& from,
               const std::filesystem::path& to);

/// The folder a file is in, "." for a bare name.
std::filesystem::path folder_of(const std::filesystem::path& file);

} // namespace troupe::runtime
