#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace troupe {

/// The words of the job language: which texts are names, images, signals and
/// cron expressions. Whoever refuses a text says so with the sentence given.

/// A handle that also makes a host name and a path:
/// `[a-z0-9]([-a-z0-9.]*[a-z0-9])?`, at most 63 bytes.
[[nodiscard]] bool is_job_name(std::string_view text);
inline constexpr std::string_view job_name_rule
  = "must be 1 to 63 of a-z, 0-9, \"-\" and \".\", beginning and ending with a "
    "letter or digit";

/// A name of a policy, port, resource or class:
/// `[A-Za-z0-9]([-A-Za-z0-9._/]*[A-Za-z0-9])?`, at most 63 bytes.
[[nodiscard]] bool is_plain_name(std::string_view text);
inline constexpr std::string_view plain_name_rule
  = "must be 1 to 63 letters, digits, \"-\", \"_\", \".\" or \"/\", beginning "
    "and "
    "ending with a letter or digit";

/// 1 to 63 printable ASCII characters without space, `=` and `,`, which separate
/// labels on a command line.
[[nodiscard]] bool is_label_name(std::string_view text);
inline constexpr std::string_view label_name_rule
  = "must be named by 1 to 63 printable ASCII characters without space, \"=\" "
    "and \",\"";

/// At most 255 bytes that show what they are: no control characters, nothing
/// that turns the direction of writing. REQUIRES: `text` is UTF-8.
[[nodiscard]] bool is_label_value(std::string_view text);
inline constexpr std::string_view label_value_rule
  = "must be at most 255 bytes of printable text";

/// `registry:5000/path/name:tag@sha256:..` as container engines take it.
[[nodiscard]] bool is_image(std::string_view text);

/// `SIGTERM` for `SIGTERM` and `TERM`; absent for what is no signal to stop by.
[[nodiscard]] std::optional<std::string_view>
find_signal(std::string_view text);
[[nodiscard]] std::span<const std::string_view> known_signals();

/// `Europe/Paris`, as a name and not as a way out of the database's folder.
[[nodiscard]] bool is_time_zone_name(std::string_view text);

/// Whether `text` is an absolute path that stays below where it says: no `..`,
/// and no `:`, which separates paths where engines take them.
[[nodiscard]] bool is_mount_path(std::string_view text);

/// A job name for an image, a path or a program: `nginx` for
/// `docker.io/library/nginx:alpine`, `sh` for `/bin/sh`, `job` if nothing is
/// left. At most 50 bytes, so that a suffix fits that makes it unique.
[[nodiscard]] std::string image_stem(std::string_view image);
[[nodiscard]] std::string program_stem(std::string_view path);

} // namespace troupe
