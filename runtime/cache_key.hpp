#pragma once

/// What makes two tasks identical, as a digest: image, driver, command, args,
/// env, workdir, user, volumes and inputs. Not what they are called, where they
/// run, and how much of it they may use.

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "messages/job.hpp"

namespace troupe::runtime {

/// A SHA-256.
struct cache_key {
  std::array<uint8_t, 32> bytes{};
  auto operator<=>(const cache_key&) const = default;
};

/// 64 hexadecimal digits.
[[nodiscard]] std::string to_string(const cache_key& x);
[[nodiscard]] std::optional<cache_key> read_cache_key(std::string_view text);

/// Whether results of `x` may be kept and reused.
[[nodiscard]] bool is_cached(const job_spec& x);

/// What all tasks of a job have in common, but for the image.
[[nodiscard]] cache_key work_key(const job_spec& x);

/// The key of task `index` of a job. Members of an array differ by
/// `TROUPE_INDEX` and `TROUPE_COUNT`, unless the job's `env` says what these are.
/// @param work   `work_key(spec)`, which is long to find and the same for all.
/// @param image  what stands for the image: its digest, if that is known.
[[nodiscard]] cache_key task_key(const cache_key& work, const job_spec& spec,
                                 uint32_t index, std::string_view image);

/// The digest that a reference such as `nginx@sha256:..` is pinned to, or empty.
[[nodiscard]] std::string_view pinned_digest(std::string_view reference);

} // namespace troupe::runtime
